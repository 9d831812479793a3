"""The survey.

List, work list, engine, worker process, lane, resolver, records and part files are those of a real survey;
only the TXT lookups and the policy are left out.
"""

import argparse
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

from crawler.domain_list import read_list
from crawler.engine import Interruption, open_engine
from crawler.preparing import prepare
from crawler.settings import Settings
from crawler.storing.run_folder import RunFolder
from crawler.watching.feedback import Feedback
from tests.benchmarks.measuring import family
from tests.benchmarks.mx_stage import FAST, PACED
from tests.benchmarks.mx_survey import PROCESSES, USAGE_FILE


def main() -> None:
    """Survey a list; write what each process used beside the run folder, for `read_usage`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list")
    parser.add_argument("run", type=Path)
    parser.add_argument("--resolver", required=True)
    parser.add_argument("--paced", action="store_true", help="one question in flight, 100 a second")
    parser.add_argument("--in-flight", type=int, help="domains and questions in flight")
    given = parser.parse_args()
    settings = Settings(resolver=given.resolver, hello_name="bench.example", workers=1)
    if given.in_flight:
        settings = replace(settings, domains_in_flight=given.in_flight, questions_in_flight=given.in_flight)
    if given.paced:
        settings = replace(settings, domains_in_flight=1)
    run = RunFolder(given.run)
    prepare(run, read_list(given.list), settings, None)
    with open_engine(settings.workers, Feedback(), Interruption()) as engine:
        engine.run(PACED if given.paced else FAST, run, settings)
        used = dict(zip(PROCESSES, map(asdict, family(os.getpid())), strict=True))
    (given.run.parent / USAGE_FILE).write_text(json.dumps(used))

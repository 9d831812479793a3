"""Our contestant: a survey with one stage, which looks up MX records and writes rows.

A package, so that it begins as `python -m crawler` does: the worker processes of a module that is run as a
script run it once more, and import all that only the coordinator needs.
"""

import json
from pathlib import Path

from tests.benchmarks.measuring import Living

PROCESSES = ("coordinator", "resource tracker", "worker")
"""Of a survey with one worker, in order of their start; the tracker is Python's own."""

USAGE_FILE = "usage.json"
"""Beside the run folder: what each process used."""


def read_usage(folder: Path) -> dict[str, Living]:
    """Return what each process of a survey used, as the survey wrote it beside its run folder."""
    return {
        process: Living(**used) for process, used in json.loads((folder / USAGE_FILE).read_text()).items()
    }

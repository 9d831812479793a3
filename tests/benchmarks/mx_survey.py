"""Our contestant, a process of its own: a survey with one stage, which looks up MX records and writes rows.

    python -m tests.benchmarks.mx_survey LIST RUN --resolver ADDRESS:PORT

List, work list, engine, worker process, lane, resolver, records and part files are those of a real survey;
only the TXT lookups and the policy are left out.
"""

import argparse
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import trio

from crawler.domain_list import read_list
from crawler.engine import Interruption, open_engine
from crawler.probes.resolver import Resolver, open_resolver
from crawler.protocol.mx import read_mx
from crawler.records import Domain
from crawler.settings import Settings
from crawler.stage import Observation, Row, Stage
from crawler.storage import RunFolder
from crawler.survey import prepare
from tests.benchmarks.measuring import Living, family

PROCESSES = ("coordinator", "resource tracker", "queue server", "worker")
"""Of a survey with one worker, in order of their start; the tracker is Python's own."""

_USAGE_FILE = "usage.json"

PACED_SECONDS = 0.01
"""Between two questions of a paced survey: 100 a second."""


@dataclass(slots=True)
class _Tools:
    resolver: Resolver
    next_at: float = 0.0
    """When the next question of a paced survey is due."""


@contextlib.asynccontextmanager
async def open_tools(settings: Settings) -> AsyncIterator[_Tools]:
    """Open the resolver."""
    async with open_resolver(settings) as resolver:
        yield _Tools(resolver)


async def look_up(row: Row, tools: _Tools) -> Observation:
    """Look up the MX records of a domain, as the resolve stage begins."""
    domain = row["domain"]
    resolved_at = datetime.now(UTC)
    mx = await tools.resolver.mx(domain)
    observed = Domain(
        domain=domain,
        position=row["position"],
        rank=row["rank"],
        mx_kind=read_mx(mx.status, mx.records),
        mx=mx,
        sts_txt=None,
        tlsrpt_txt=None,
        resolved_at=resolved_at,
    )
    return Observation({"domains": [observed]}, None)


async def look_up_paced(row: Row, tools: _Tools) -> Observation:
    """Look up the MX records of a domain when it is its turn."""
    await trio.sleep_until(tools.next_at)
    tools.next_at = max(tools.next_at, trio.current_time() - PACED_SECONDS) + PACED_SECONDS
    return await look_up(row, tools)


def each_row(rows: Sequence[Row], _settings: Settings) -> list[Sequence[Row]]:
    """Deal every row into a strand of its own."""
    return [(row,) for row in rows]


FAST = Stage(
    name="resolve",
    tables=("domains",),
    open_tools=open_tools,
    observe=look_up,
    strands=each_row,
    in_flight="domains_in_flight",
)
PACED = replace(FAST, observe=look_up_paced)


class _Quiet:
    """Shows nothing, as the other contestants do."""

    def begin(self, stage: str, total: int, done: int) -> None:
        """Begin."""

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        """Go on."""

    def end(self) -> None:
        """End."""


def read_usage(folder: Path) -> dict[str, Living]:
    """Return what each process of a survey used, as the survey wrote it beside its run folder."""
    return {
        process: Living(**used) for process, used in json.loads((folder / _USAGE_FILE).read_text()).items()
    }


def main() -> None:
    """Survey a list; write what each process used beside the run folder, for `read_usage`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list")
    parser.add_argument("run", type=Path)
    parser.add_argument("--resolver", required=True)
    parser.add_argument("--paced", action="store_true", help="one question in flight, 100 a second")
    given = parser.parse_args()
    settings = Settings(resolver=given.resolver, hello_name="bench.example", workers=1)
    if given.paced:
        settings = replace(settings, domains_in_flight=1)
    run = RunFolder(given.run)
    prepare(run, read_list(given.list), settings, None)
    with open_engine(settings.workers, _Quiet(), Interruption()) as engine:
        engine.run(PACED if given.paced else FAST, run, settings)
        used = dict(zip(PROCESSES, map(asdict, family(os.getpid())), strict=True))
    (given.run.parent / _USAGE_FILE).write_text(json.dumps(used))


if __name__ == "__main__":
    main()

"""Our contestant, a process of its own: a lane of the probe stage, from a work list to Parquet rows.

    python -m tests.benchmarks.probe_lane TARGETS RUN --port PORT

It is what a worker process does, with every limit of pacing lifted. Only the TLSA lookup is left out, as no
other contestant has one.
"""

import argparse
import contextlib
import queue
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pyarrow as pa
from publicsuffixlist import PublicSuffixList

from crawler.engine import begin_worker
from crawler.lane import Channels, Lane, run_lane
from crawler.opt_out import OptOut
from crawler.pacing import Pacer
from crawler.probes.resolver import Resolver
from crawler.probes.turns import AddressTurns
from crawler.protocol.addresses import network_of
from crawler.session_stages import PROBE
from crawler.settings import Settings
from crawler.stage import work_list
from crawler.storing.parquet_files import write_parquet
from crawler.storing.run_folder import RunFolder
from crawler.tools import Tools
from tests.benchmarks.endpoints import read_targets

_WORK = pa.schema(
    {
        "mx_host": pa.string(),
        "address": pa.string(),
        "network": pa.string(),
        "expanded": pa.string(),
        "pacing_group": pa.string(),
        "attempt": pa.int64(),
        "withheld": pa.string(),
        "not_before": pa.timestamp("us", tz="UTC"),
        "shard": pa.int64(),
    }
)


class _NoTlsa:
    """Stands in for the resolver: asks nobody."""

    back_at = float("-inf")

    async def tlsa(self, _name: str, _port: int) -> None:
        """Look nothing up."""

    async def was_cut_off(self, _since: float) -> bool:
        """Know of no outage."""
        return False


@contextlib.asynccontextmanager
async def open_tools(settings: Settings) -> AsyncIterator[Tools]:
    """Open what the probe stage needs, but no resolver."""
    yield Tools(
        settings=settings,
        resolver=cast("Resolver", _NoTlsa()),
        public_suffixes=PublicSuffixList(only_icann=True),
        opt_out=OptOut.load(settings.opt_out),
        pacer=Pacer(settings),
        policy_turns=AddressTurns(settings.policy_fetches_per_address),
    )


SESSIONS = replace(PROBE, open_tools=open_tools)


def unpaced(port: int, in_flight: int) -> Settings:
    """Return settings that hold back nothing but the number of sessions in flight."""
    return Settings(
        hello_name="scan.bench.example",
        allowed_ranges=("127.0.0.0/8",),
        control_hosts=(),
        smtp_port=port,
        sessions_in_flight=in_flight,
        endpoints_waiting=in_flight,
        address_gap_seconds=0.0,
        sessions_per_second=0.0,
        sessions_per_second_per_network=0.0,
        sessions_per_second_per_provider=0.0,
    )


def write_work(run: RunFolder, targets: list[tuple[str, str]], settings: Settings) -> tuple[int, ...]:
    """Write the work list; return its shards."""
    rows = [
        {
            "mx_host": name,
            "address": address,
            "network": network_of(address),
            "pacing_group": name,
            "attempt": 1,
            "shard": index // settings.shard_size,
        }
        for index, (address, name) in enumerate(targets)
    ]
    write_parquet(work_list(run, SESSIONS.name), pa.Table.from_pylist(rows, schema=_WORK))
    return tuple(range((len(targets) - 1) // settings.shard_size + 1))


def main() -> None:
    """Probe the targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--in-flight", type=int, default=500)
    given = parser.parse_args()
    settings = unpaced(given.port, given.in_flight)
    run = RunFolder(given.run)
    shards = write_work(run, read_targets(given.targets), settings)
    begin_worker(Channels(reports=queue.SimpleQueue(), stop=threading.Event(), pause=threading.Event()))
    run_lane(Lane(stage=SESSIONS, folder=run.path, settings=settings, shards=shards))


if __name__ == "__main__":
    main()

"""A lane: the shards that one worker process is given, run in one trio loop, overlapping.

A lane takes up the next shard as soon as it has room for a strand, so a shard's slow tail never idles it.
A shard's part files are written when its last row is done.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from crawler.protocol.certificate import read_certificate
from crawler.records import Certificate
from crawler.schema import to_table
from crawler.settings import Settings
from crawler.stage import Observation, Row, Stage, certificate_parts, read_work
from crawler.storage import RunFolder, write_parquet

REPORT_SECONDS = 0.25
"""How often a lane reports what it has done, and looks whether it should stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What a worker process is told."""

    stage: Stage
    folder: Path
    settings: Settings
    shards: tuple[int, ...]
    reports: Any
    """A queue for (rows done, failures by word)."""
    stop: Any
    """An event: set when the coordinator wants the lane to end without finishing."""


def run_lane(lane: Lane) -> None:
    """Run the shards of a lane; called in the worker process."""
    trio.run(_work, lane)


async def _work(lane: Lane) -> None:
    tally = _Tally()
    run = RunFolder(lane.folder)
    async with lane.stage.open_tools(lane.settings) as tools, _reporting(lane, tally):
        strands = _strands(lane, run)
        async with trio.open_nursery() as nursery:
            for _ in range(getattr(lane.settings, lane.stage.in_flight)):
                nursery.start_soon(_run_strands, strands, tools, tally)


def _strands(lane: Lane, run: RunFolder) -> Iterator[tuple[Sequence[Row], "_ShardInProgress"]]:
    """Give the strands of all shards, one shard read when those before have been taken up."""
    for shard in lane.shards:
        rows = read_work(run, lane.stage.name, shard)
        in_progress = _ShardInProgress(lane, shard, len(rows))
        for strand in lane.stage.strands(rows, lane.settings):
            yield strand, in_progress


async def _run_strands(
    strands: Iterator[tuple[Sequence[Row], "_ShardInProgress"]], tools: Any, tally: "_Tally"
) -> None:
    """Run one strand after another, next to others that take theirs from the same source.

    A task for each strand would cost as much as half a lookup.
    """
    for strand, shard in strands:
        observe = shard.lane.stage.observe
        for row in strand:
            observation = await observe(row, tools)
            tally.count(observation)
            if shard.add(observation):
                await trio.to_thread.run_sync(shard.write)


@dataclass(slots=True)
class _Tally:
    """What was done since the last report."""

    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def count(self, observation: Observation) -> None:
        self.done += 1
        if observation.failure is not None:
            self.failures[observation.failure] += 1

    def take(self) -> tuple[int, dict[str, int]]:
        taken = (self.done, dict(self.failures))
        self.done = 0
        self.failures.clear()
        return taken


@contextlib.asynccontextmanager
async def _reporting(lane: Lane, tally: _Tally) -> AsyncIterator[None]:
    """Report the tally now and then; cancel the block when the coordinator says stop."""

    def exchange() -> bool:
        lane.reports.put(tally.take())
        return bool(lane.stop.is_set())

    async def report(scope: trio.CancelScope) -> None:
        while True:
            await trio.sleep(REPORT_SECONDS)
            if await trio.to_thread.run_sync(exchange):
                scope.cancel()

    with trio.CancelScope() as work_scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(report, work_scope)
            yield
            nursery.cancel_scope.cancel()
    lane.reports.put(tally.take())


class _ShardInProgress:
    """Collects the records of a shard, and writes them when the last row is done."""

    def __init__(self, lane: Lane, shard: int, rows: int) -> None:
        self.lane = lane
        self._shard = shard
        self._missing = rows
        self._records: dict[str, list[Any]] = {table: [] for table in lane.stage.tables}
        self._certificates: dict[bytes, None] = {}

    def add(self, observation: Observation) -> bool:
        """Take what one row gave; return whether it was the last."""
        for table, records in observation.records.items():
            self._records[table].extend(records)
        if observation.certificates:
            self._certificates.update(dict.fromkeys(observation.certificates))
        self._missing -= 1
        return self._missing == 0

    def write(self) -> None:
        """Write the part files of the shard."""
        run = RunFolder(self.lane.folder)
        if self._certificates:
            path = certificate_parts(run) / f"{self.lane.stage.name}-{self._shard:06}.parquet"
            write_parquet(path, to_table(Certificate, [*map(read_certificate, self._certificates)]))
        for table in self.lane.stage.tables:
            run.write_part(table, self._shard, self._records[table])

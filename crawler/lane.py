"""A lane: the shards that one worker process is given, run in one trio loop, overlapping.

A lane takes up the next shard as soon as it has room for a row, so a shard's slow tail never idles it.
A shard's part files are written when its last row is done.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
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
"""How often a lane reports what it has done, and looks whether it should stop or pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What a worker process is told."""

    stage: Stage
    folder: Path
    settings: Settings
    """With this lane's share of what is limited for all lanes together."""
    shards: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """What joins the coordinator and its worker processes; of `multiprocessing`, or of threads."""

    reports: Any
    """A queue for (rows done, failures by word)."""
    stop: Any
    """An event: set when the coordinator wants the lanes to end without finishing."""
    pause: Any
    """An event: while it is set, no session is begun."""


_channels: list[Channels] = []
"""Of this process: queues and events reach a process when it begins, not with its work."""


def join_channels(channels: Channels) -> None:
    """Take the channels of this process; called when it begins."""
    _channels[:] = [channels]


def run_lane(lane: Lane) -> None:
    """Run the shards of a lane; called in the worker process."""
    trio.run(_work, lane, _channels[0])


async def _work(lane: Lane, channels: Channels) -> None:
    async with lane.stage.open_tools(lane.settings) as tools:
        shared = _Shared(lane.stage, tools, _rows(lane))
        async with _reporting(lane, channels, shared), trio.open_nursery() as nursery:
            for _ in range(getattr(lane.settings, lane.stage.in_flight)):
                first = next(shared.rows, None)
                if first is None:
                    break
                nursery.start_soon(_observe_rows, shared, first)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the tasks of a lane share."""

    stage: Stage
    tools: Any
    rows: Iterator[tuple[Row, "_ShardInProgress"]]
    tally: "_Tally" = field(default_factory=lambda: _Tally())
    writing: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(1))
    """One shard is written at a time: each takes as much memory again as its records."""


def _rows(lane: Lane) -> Iterator[tuple[Row, "_ShardInProgress"]]:
    """Give the rows of all shards, one shard read when the rows before have been taken up."""
    run = RunFolder(lane.folder)
    for shard in lane.shards:
        rows = read_work(run, lane.stage.name, shard)
        in_progress = _ShardInProgress(lane, shard, len(rows))
        for row in rows:
            yield row, in_progress


async def _observe_rows(shared: _Shared, first: tuple[Row, "_ShardInProgress"]) -> None:
    """Observe one row after another, next to others that take theirs from the same source.

    A task for each row would cost as much as half a lookup.
    """
    observe, tools, tally = shared.stage.observe, shared.tools, shared.tally
    taken: tuple[Row, _ShardInProgress] | None = first
    while taken is not None:
        row, shard = taken
        observation = await observe(row, tools)
        tally.count(observation)
        if shard.add(observation):
            await trio.to_thread.run_sync(shard.write, limiter=shared.writing)
        taken = next(shared.rows, None)


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
async def _reporting(lane: Lane, channels: Channels, shared: _Shared) -> AsyncIterator[None]:
    """Report the tally now and then; pause, and cancel the block, when the coordinator says so."""

    async def report(scope: trio.CancelScope) -> None:
        while True:
            await trio.sleep(REPORT_SECONDS)
            channels.reports.put(shared.tally.take())
            if lane.stage.is_paced:
                pacer = shared.tools.pacer
                pacer.pause() if channels.pause.is_set() else pacer.go_on()
            if channels.stop.is_set():
                scope.cancel()

    with trio.CancelScope() as work_scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(report, work_scope)
            yield
            nursery.cancel_scope.cancel()
    channels.reports.put(shared.tally.take())


class _ShardInProgress:
    """Collects the records of a shard, and writes them when the last row is done."""

    def __init__(self, lane: Lane, shard: int, rows: int) -> None:
        self._lane = lane
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
        run = RunFolder(self._lane.folder)
        if self._certificates:
            path = certificate_parts(run) / f"{self._lane.stage.name}-{self._shard:06}.parquet"
            write_parquet(path, to_table(Certificate, [*map(read_certificate, self._certificates)]))
        for table in self._lane.stage.tables:
            run.write_part(table, self._shard, self._records[table])

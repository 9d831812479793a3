"""A lane: the shards that one worker process is given, run in one trio loop, overlapping.

A lane takes up the next shard as soon as it has room for a row, so a shard's slow tail never idles it.
A shard's part files are written when its last row is done; what is done of it until then is saved now and
then, and when the lane is stopped.
"""

import contextlib
import itertools
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import trio

from crawler.open_shard import OpenShard
from crawler.settings import Settings
from crawler.stage import Glance, Observation, Row, Stage
from crawler.storing.run_folder import RunFolder

REPORT_SECONDS = 0.25
"""How often a lane reports what it has done, and looks whether it should stop or pause."""

_MOST_UNWRITTEN = 4
"""Complete shards that may wait to be written until no more rows are taken up. Rows that nobody is asked
about are done faster than they are written: those of a million domains took 600 MB meanwhile."""

_BATCHES = 8
"""Batches that a lane looks at together. Each waits a moment for its slowest answers, so many more rows must
be in batches than questions in flight: with twice as many a resolver far from its authorities was 40 %
slower than with eight times."""
_BATCH_ROWS = 1000
"""The rows of one. What is done once per batch costs about a millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What a worker process is told."""

    stage: Stage
    folder: Path
    settings: Settings
    """With this lane's share of what is limited for all lanes together."""
    shards: tuple[int, ...]


class Report(NamedTuple):
    """What a lane has done since its last report, and what it is at."""

    lane: int
    """Its first shard."""
    done: int
    failures: dict[str, int]
    problem: str | None
    """What it waits for, in one line; None: nothing."""
    in_hand: int
    """Rows taken up and not done."""
    waits: dict[str, int]
    """Those of them that wait for their turn, by what they wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """What joins the coordinator and its worker processes; of `multiprocessing`, or of threads."""

    reports: Any
    """A queue for each lane's `Report`."""
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
    stage = lane.stage
    in_flight = getattr(lane.settings, stage.in_flight)
    async with stage.open_tools(lane.settings) as tools:
        shared = _Shared(lane, tools)
        async with _reporting(lane, channels, shared), trio.open_nursery() as nursery:
            if stage.glance is not None:
                room = trio.Semaphore(in_flight)
                batches = _batches(shared)
                for _ in range(_BATCHES):
                    nursery.start_soon(_glance_at_batches, shared, stage.glance, batches, room, nursery)
            else:
                rows = _rows(shared)
                for _ in range(in_flight):
                    first = next(rows, None)
                    if first is None:
                        break
                    nursery.start_soon(_observe_rows, shared, itertools.chain([first], rows))
        for shard in shared.open_shards:  # none, unless the lane was stopped
            shard.save()


class PoisonedRowError(Exception):
    """A row that this program has no answer to: the message says which, and why."""


class _Shared:
    """What the tasks of a lane share."""

    def __init__(self, lane: Lane, tools: Any) -> None:
        self.stage = lane.stage
        self.tools = tools
        self.tally = _Tally()
        self.open_shards: set[OpenShard] = set()
        """Those whose part files are not written yet."""
        self.shards = self._shards(lane)
        """Each read when the rows of the one before have been taken up."""
        self.writing = trio.CapacityLimiter(1)
        """One shard is written at a time: each takes as much memory again as its records."""
        self.unwritten = 0
        """Complete shards that are being written, or wait for it."""

    async def write_if_complete(self, shard: OpenShard) -> None:
        """Write the part files of a shard whose last row is done; let no more than a few wait for that."""
        if shard.is_complete:
            self.unwritten += 1
            await trio.to_thread.run_sync(shard.write, limiter=self.writing)
            self.unwritten -= 1
            self.open_shards.remove(shard)
        elif self.unwritten > _MOST_UNWRITTEN:
            async with self.writing:  # in its turn, behind the shards
                pass

    def _shards(self, lane: Lane) -> Iterator[OpenShard]:
        run = RunFolder(lane.folder)
        for number in lane.shards:
            shard = OpenShard(run, lane.stage, number)
            if shard.is_complete:  # the run was killed before its part files were written
                shard.write()
                continue
            self.open_shards.add(shard)
            yield shard


def _told(stage: Stage, row: Row, error: Exception, more: str = "") -> str:
    """Return which row of a stage, or rows from it on, met an error, what it was, and where."""
    named = ", ".join(f"{column} {row[column]}" for column in stage.key)
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return f"stage {stage.name}, {more}{named}: {what} ({Path(place.filename).name}, line {place.lineno})"


# --- row by row ----------------------------------------------------------------------------------------


def _rows(shared: _Shared) -> Iterator[tuple[Row, OpenShard]]:
    for shard in shared.shards:
        for row in shard.work.to_pylist():
            shared.tally.in_hand += 1
            yield row, shard


async def _observe_rows(shared: _Shared, rows: Iterator[tuple[Row, OpenShard]]) -> None:
    """Observe one row after another, next to others that take theirs from the same source.

    A task for each row would cost as much as half a lookup.
    """
    observe, tools, tally = shared.stage.observe, shared.tools, shared.tally
    for row, shard in rows:
        try:
            observation = await observe(row, tools)
        except Exception as error:
            raise PoisonedRowError(_told(shared.stage, row, error)) from error
        tally.count(observation)
        shard.add(observation)
        await shared.write_if_complete(shard)


# --- many together -------------------------------------------------------------------------------------


def _batches(shared: _Shared) -> Iterator[tuple[pa.Table, OpenShard]]:
    for shard in shared.shards:
        for start in range(0, len(shard.work), _BATCH_ROWS):
            batch = shard.work.slice(start, _BATCH_ROWS)
            shared.tally.in_hand += len(batch)
            yield batch, shard


async def _glance_at_batches(
    shared: _Shared,
    glance: Callable[[pa.Table, Any], Awaitable[Glance]],
    batches: Iterator[tuple[pa.Table, OpenShard]],
    room: trio.Semaphore,
    nursery: trio.Nursery,
) -> None:
    """Take a first look at one batch after another; what is left of each is observed row by row."""

    async def observe(row: Row, shard: OpenShard) -> None:
        try:
            await _observe_rows(shared, iter([(row, shard)]))
        finally:
            room.release()

    for batch, shard in batches:
        try:
            seen = await glance(batch, shared.tools)
        except Exception as error:
            first = batch.slice(0, 1).to_pylist()[0]
            raise PoisonedRowError(_told(shared.stage, first, error, f"{len(batch)} rows from ")) from error
        if len(seen.records):
            shared.tally.count_seen(len(seen.records))
            shard.add_seen(seen.records)
            await shared.write_if_complete(shard)
        for row in seen.left:
            await room.acquire()
            nursery.start_soon(observe, row, shard)


# --- what is reported ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """What was done since the last report, and how many rows are in hand."""

    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    in_hand: int = 0

    def count(self, observation: Observation) -> None:
        self.done += 1
        self.in_hand -= 1
        if observation.failure is not None:
            self.failures[observation.failure] += 1

    def count_seen(self, rows: int) -> None:
        self.done += rows
        self.in_hand -= rows

    def report(self, lane: Lane, problem: str | None, waits: dict[str, int]) -> Report:
        report = Report(lane.shards[0], self.done, dict(self.failures), problem, self.in_hand, waits)
        self.done = 0
        self.failures.clear()
        return report


@contextlib.asynccontextmanager
async def _reporting(lane: Lane, channels: Channels, shared: _Shared) -> AsyncIterator[None]:
    """Report the tally and save what is done, now and then; pause and cancel when the coordinator says so."""

    def mind_pause() -> None:
        if lane.stage.is_paced:
            pacer = shared.tools.pacer
            pacer.pause() if channels.pause.is_set() else pacer.go_on()

    async def report(scope: trio.CancelScope) -> None:
        while True:
            await trio.sleep(REPORT_SECONDS)
            # Only tools that hold a resolver can tell what it is that they wait for.
            problem = getattr(shared.tools, "problem", None)
            waits = shared.tools.pacer.waits() if lane.stage.is_paced else {}
            channels.reports.put(shared.tally.report(lane, problem, waits))
            mind_pause()
            if channels.stop.is_set():
                scope.cancel()

    async def save() -> None:
        while True:
            await trio.sleep(lane.settings.save_seconds)
            for shard in list(shared.open_shards):
                if not shard.is_complete:
                    await trio.to_thread.run_sync(shard.save, limiter=shared.writing)

    mind_pause()
    with trio.CancelScope() as work_scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(report, work_scope)
            nursery.start_soon(save)
            yield
            nursery.cancel_scope.cancel()
    channels.reports.put(shared.tally.report(lane, None, {}))

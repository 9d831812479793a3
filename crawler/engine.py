"""The engine: has the workers of an executor run the shards of a stage, shows how it goes, stops when asked.

Any executor will do whose workers have joined the engine's channels: processes of this machine
(`open_engine`), those of a cluster (`cluster.py`), threads.
"""

import contextlib
import dataclasses
import multiprocessing
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Protocol

from crawler.lane import (
    REPORT_SECONDS,
    Channels,
    Lane,
    PoisonedRowError,
    Report,
    join_channels,
    run_lane,
)
from crawler.open_shard import partials_folder, rows_in_partials
from crawler.processes import Flag, begin_process, prepare_process
from crawler.settings import Settings
from crawler.stage import QUEUES, Stage, shard_sizes
from crawler.storing.hold import Hold, holds
from crawler.storing.run_folder import RunFolder
from crawler.storing.whole_file import remove_folder
from crawler.watching.feedback import Feedback, Pace


class StoppedError(Exception):
    """The run was stopped before its end; the same command goes on with what is missing."""


class Watch(Protocol):
    """Tells whether this machine's own network lets a survey see what is there."""

    @property
    def problem(self) -> str | None:
        """What is wrong with it now, in one line; None: nothing."""

    def record(self) -> None:
        """Write down what was seen since the last time."""


class Interruption:
    """Tells whether the user asked the run to stop."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self._asked = threading.Event()

    def ask(self) -> None:
        """Ask the run to stop."""
        self._asked.set()

    def wait(self) -> None:
        """Wait until the user asks."""
        self._asked.wait()

    def check(self) -> None:
        """Raise StoppedError if the user asked."""
        if self._asked.is_set():
            raise StoppedError("interrupted")


@contextlib.contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn SIGINT and SIGTERM into an Interruption for the time of the block."""
    interruption = Interruption()
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, lambda *_: interruption.ask()) for number in numbers]
    try:
        yield interruption
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An executor, and the channels to and from its workers."""

    executor: Executor
    workers: Callable[[], int]
    """Tells how many lanes may run at once, now."""
    channels: Channels
    feedback: Feedback
    interruption: Interruption
    lanes_per_worker: int = 1
    """In stages that are not paced. Lanes that wait are work for workers that come; but each lane ends with
    a slow tail."""

    def run(
        self,
        stage: Stage,
        run: RunFolder,
        settings: Settings,
        watch: Watch | None = None,
        *,
        least_seconds: float = 0.0,
    ) -> None:
        """Run the shards of a stage's work list that are not done yet.

        least_seconds: what pacing alone takes for them. A paced stage pauses while the watch knows of a
        problem; its lanes are as many as can run at once when it begins, and each has its share of the rate
        of the whole: whatever workers come or go, that is never exceeded. Raises StoppedError when the user
        interrupts or a worker process dies; what is complete stays.
        """
        sizes = shard_sizes(run, stage.name)
        standing = set(run.shards(stage.tables[-1]))
        missing = [shard for shard in sizes if shard not in standing]
        total, saved = sum(sizes.values()), rows_in_partials(run, stage)
        left = sum(sizes[shard] - saved.get(shard, 0) for shard in missing)
        self.feedback.begin(stage.name, total, total - left, least_seconds)
        dealt = deal_shards(missing, self.workers() * (1 if stage.is_paced else self.lanes_per_worker))
        share = settings.sessions_per_second / max(1, len(dealt))
        lanes = [
            Lane(
                stage=stage,
                folder=run.path,
                settings=dataclasses.replace(settings, sessions_per_second=share),
                shards=shards,
            )
            for shards in dealt
        ]
        heard = _Heard(left)
        self._run_lanes(stage, lanes, heard, watch if stage.is_paced else None)
        if heard.left:  # a worker died that had written what it did, and not reported it yet
            self.feedback.advance(heard.left, {})
        remove_folder(partials_folder(run, stage))
        for table in stage.tables:
            if not run.shards(table):  # a table without rows still has its schema
                run.write_part(table, 0, [])
        self.feedback.end()

    def _run_lanes(self, stage: Stage, lanes: list[Lane], heard: "_Heard", watch: Watch | None) -> None:
        self._mind(watch)
        pending: set[Future[None]] = set()
        try:
            with sigint_blocked():
                pending |= {self.executor.submit(run_lane, lane) for lane in lanes}
            while pending:
                finished, pending = wait(pending, timeout=REPORT_SECONDS, return_when=FIRST_EXCEPTION)
                self._drain_reports(heard)
                self.feedback.pace(_pace(heard.latest.values(), len(pending)))
                for future in finished:
                    future.result()
                self.interruption.check()
                self._mind(watch)
        except BaseExceptionGroup as errors:
            raise _plainest(errors) from errors
        except BrokenProcessPool:
            raise StoppedError(f"a worker process of stage {stage.name} died") from None
        except BrokenExecutor as broken:
            raise StoppedError(f"stage {stage.name}: {broken}") from None
        finally:
            if pending:
                self.channels.stop.set()
                # What has not begun must not: there may be nobody left to end it. A cluster has all of them
                # cancelled here, and waits for its workers when it is let go.
                wait({lane for lane in pending if not lane.cancel()})

    def _mind(self, watch: Watch | None) -> None:
        """Pause the lanes when the watch begins to know of a problem, and let them go on when it is over."""
        if watch is None:
            return
        problem = watch.problem
        if problem is not None and not self.channels.pause.is_set():
            self.channels.pause.set()
            watch.record()
            self.feedback.note(f"paused: {problem}", paused=True)
        elif problem is None and self.channels.pause.is_set():
            self.channels.pause.clear()
            watch.record()
            self.feedback.note("goes on: the control hosts answer")

    def _drain_reports(self, heard: "_Heard") -> None:
        """Pass on what the lanes report."""
        waited = _first_problem(heard.latest.values())
        while not self.channels.reports.empty():
            report: Report = self.channels.reports.get()
            done = min(report.done, heard.left)
            self.feedback.advance(done, report.failures)
            heard.left -= done
            heard.latest[report.lane] = report
        waits = _first_problem(heard.latest.values())
        if waits is not None and waited is None:
            self.feedback.note(f"paused: {waits}", paused=True)
        elif waited is not None and waits is None:
            self.feedback.note("goes on: the resolver answers")


@dataclass(slots=True)
class _Heard:
    """What the lanes of a stage have reported."""

    left: int
    """Rows not reported as done. Where a worker died, some of its rows are done, and reported, again."""
    latest: dict[int, Report] = field(default_factory=dict)
    """Each lane's last report."""


def _first_problem(reports: Iterable[Report]) -> str | None:
    return next((report.problem for report in reports if report.problem is not None), None)


def _pace(reports: Collection[Report], lanes: int) -> Pace:
    """Put together what the lanes are at now."""
    waits: Counter[str] = Counter()
    for report in reports:
        waits.update(report.waits)
    return Pace(lanes, sum(report.in_hand for report in reports), waits)


def deal_shards(shards: Iterable[int], lanes: int) -> list[tuple[int, ...]]:
    """Deal shards to at most so many lanes, whole queues at a time, in the order of work.

    A lane takes from its queues in proportion to their length, so that all end together: what is paced
    slowly has the longest queue for its rate, and must never wait for the others.
    """
    queues: defaultdict[int, list[int]] = defaultdict(list)
    for shard in sorted(shards):
        queues[shard % QUEUES].append(shard)
    dealt: list[list[tuple[float, int]]] = [[] for _ in range(lanes)]
    for index, queue in enumerate(sorted(queues.values(), key=len, reverse=True)):
        dealt[index % lanes] += [((place + 0.5) / len(queue), shard) for place, shard in enumerate(queue)]
    return [tuple(shard for _, shard in sorted(lane)) for lane in dealt if lane]


@contextlib.contextmanager
def open_engine(workers: int, feedback: Feedback, interruption: Interruption) -> Iterator[Engine]:
    """Give an engine of that many processes on this machine, deaf to Ctrl-C: the coordinator stops them."""
    context = multiprocessing.get_context("spawn")
    channels = Channels(reports=context.SimpleQueue(), stop=Flag(context), pause=Flag(context))
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=begin_worker, initargs=(channels, holds())
    ) as executor:
        yield Engine(
            executor=executor,
            workers=lambda: workers,
            channels=channels,
            feedback=feedback,
            interruption=interruption,
        )


def _plainest(errors: BaseExceptionGroup) -> BaseException:
    """Return what is to be said: of a row that has no answer, or the system's own error, such as a full disk.

    Where there is something else, it is all of them.
    """
    poisoned = errors.subgroup(PoisonedRowError)
    if poisoned is not None:
        return StoppedError(str(_first(poisoned)))
    system_errors, rest = errors.split(OSError)
    if rest is not None or system_errors is None:
        return errors
    return _first(system_errors)


def _first(errors: BaseExceptionGroup) -> BaseException:
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


@contextlib.contextmanager
def sigint_blocked() -> Iterator[None]:
    """Block SIGINT; a process started meanwhile never hears it, not even before its first line of Python."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_worker(channels: Channels, holds: Iterable[Hold] = ()) -> None:
    """Prepare this process for lanes; called when it begins."""
    begin_process(holds)
    join_channels(channels)
    prepare_process()

"""The engine: has the shards of a stage run by worker processes, shows how it goes, stops when asked."""

import contextlib
import dataclasses
import gc
import multiprocessing
import shutil
import signal
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Protocol

from crawler.file_limit import raise_file_limit
from crawler.lane import REPORT_SECONDS, Channels, Lane, Report, join_channels, run_lane
from crawler.open_shard import partials_folder, rows_in_partials
from crawler.processes import Flag, end_with_parent
from crawler.settings import Settings
from crawler.stage import QUEUES, Stage, shard_sizes
from crawler.storage import RunFolder

_OBJECTS_PER_COLLECTION = 100_000
"""Made and not gone again, in a worker process, until the youngest are searched for cycles."""


class StoppedError(Exception):
    """The run was stopped before its end; the same command goes on with what is missing."""


class Feedback(Protocol):
    """Where the engine tells how a stage is going."""

    def begin(self, stage: str, total: int, done: int) -> None:
        """Begin a stage of so many rows, of which some were done before."""

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        """Count rows that were done since the last call, and the failures among them by word."""

    def end(self) -> None:
        """End the stage."""

    def note(self, text: str, *, paused: bool = False) -> None:
        """Say something about the run as a whole; paused: it waits from now on."""


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
    """Worker processes, and the channels to and from them."""

    executor: Executor
    workers: int
    channels: Channels
    feedback: Feedback
    interruption: Interruption

    def run(self, stage: Stage, run: RunFolder, settings: Settings, watch: Watch | None = None) -> None:
        """Run the shards of a stage's work list that are not done yet.

        A paced stage pauses while the watch knows of a problem. Raises StoppedError when the user
        interrupts or a worker process dies; what is complete stays.
        """
        sizes = shard_sizes(run, stage.name)
        missing = [shard for shard in sizes if not run.has_part(stage.tables[-1], shard)]
        total, saved = sum(sizes.values()), rows_in_partials(run, stage)
        left = sum(sizes[shard] - saved.get(shard, 0) for shard in missing)
        self.feedback.begin(stage.name, total, total - left)
        dealt = deal_shards(missing, self.workers)
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
        self._run_lanes(stage, lanes, watch if stage.is_paced else None)
        shutil.rmtree(partials_folder(run, stage), ignore_errors=True)
        for table in stage.tables:
            if not run.shards(table):  # a table without rows still has its schema
                run.write_part(table, 0, [])
        self.feedback.end()

    def _run_lanes(self, stage: Stage, lanes: list[Lane], watch: Watch | None) -> None:
        self._mind(watch)
        pending: set[Future[None]] = set()
        waiting: dict[int, str] = {}
        try:
            with sigint_blocked():
                pending |= {self.executor.submit(run_lane, lane) for lane in lanes}
            while pending:
                finished, pending = wait(pending, timeout=REPORT_SECONDS, return_when=FIRST_EXCEPTION)
                self._drain_reports(waiting)
                for future in finished:
                    future.result()
                self.interruption.check()
                self._mind(watch)
        except BaseExceptionGroup as errors:
            raise _plainest(errors) from errors
        except BrokenProcessPool:
            raise StoppedError(f"a worker process of stage {stage.name} died") from None
        finally:
            if pending:
                self.channels.stop.set()
                wait(pending)

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

    def _drain_reports(self, waiting: dict[int, str]) -> None:
        """Pass on what the lanes report; `waiting` is what each waits for, and is brought up to date."""
        waited = bool(waiting)
        while not self.channels.reports.empty():
            report: Report = self.channels.reports.get()
            self.feedback.advance(report.done, report.failures)
            if report.problem is not None:
                waiting[report.lane] = report.problem
            else:
                waiting.pop(report.lane, None)
        if waiting and not waited:
            self.feedback.note(f"paused: {next(iter(waiting.values()))}", paused=True)
        elif waited and not waiting:
            self.feedback.note("goes on: the resolver answers")


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
        workers, mp_context=context, initializer=begin_worker, initargs=(channels,)
    ) as executor:
        yield Engine(
            executor=executor,
            workers=workers,
            channels=channels,
            feedback=feedback,
            interruption=interruption,
        )


def _plainest(errors: BaseExceptionGroup) -> BaseException:
    """Return the system's own error, such as a full disk, when there is nothing else; else all of them."""
    system_errors, rest = errors.split(OSError)
    if rest is not None or system_errors is None:
        return errors
    plain: BaseException = system_errors
    while isinstance(plain, BaseExceptionGroup):
        plain = plain.exceptions[0]
    return plain


@contextlib.contextmanager
def sigint_blocked() -> Iterator[None]:
    """Block SIGINT; a process started meanwhile never hears it, not even before its first line of Python."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_worker(channels: Channels) -> None:
    """Prepare this process for lanes; called when it begins."""
    end_with_parent()
    join_channels(channels)
    raise_file_limit()
    # What a survey makes goes by itself: looking through it for cycles as often as Python does took a
    # fifth of a lookup's CPU. The rows of a few shards, and what is in flight, are no reason to look: that
    # took 15 us a session, and found two objects in a thousand sessions.
    # What it has imported stays: it need not be looked through either.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_PER_COLLECTION)

"""The engine: has the shards of a stage run by worker processes, shows how it goes, stops when asked."""

import contextlib
import gc
import multiprocessing
import queue
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Executor, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol

from crawler.lane import REPORT_SECONDS, Lane, run_lane
from crawler.settings import Settings
from crawler.stage import Stage
from crawler.storage import RunFolder
from crawler.work_lists import shard_sizes

_OBJECTS_PER_COLLECTION = 20_000
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
    reports: Any
    stop: Any
    feedback: Feedback
    interruption: Interruption

    def run(self, stage: Stage, run: RunFolder, settings: Settings) -> None:
        """Run the shards of a stage's work list that are not done yet.

        Raises StoppedError when the user interrupts or a worker process dies; what is complete stays.
        """
        sizes = shard_sizes(run, stage.name)
        missing = [shard for shard in sizes if not run.has_part(stage.tables[-1], shard)]
        total = sum(sizes.values())
        self.feedback.begin(stage.name, total, total - sum(sizes[shard] for shard in missing))
        lanes = [
            Lane(
                stage=stage,
                folder=run.path,
                settings=settings,
                shards=tuple(missing[index :: self.workers]),
                reports=self.reports,
                stop=self.stop,
            )
            for index in range(min(self.workers, len(missing)))
        ]
        self._run_lanes(stage, lanes)
        if not sizes:  # a table without rows still has its schema
            for table in stage.tables:
                run.write_part(table, 0, [])
        self.feedback.end()

    def _run_lanes(self, stage: Stage, lanes: list[Lane]) -> None:
        with _sigint_blocked():
            pending = {self.executor.submit(run_lane, lane) for lane in lanes}
        try:
            while pending:
                finished, pending = wait(pending, timeout=REPORT_SECONDS, return_when=FIRST_EXCEPTION)
                self._drain_reports()
                for future in finished:
                    future.result()
                self.interruption.check()
        except BaseExceptionGroup as errors:
            raise _plainest(errors) from errors
        except BrokenProcessPool:
            raise StoppedError(f"a worker process of stage {stage.name} died") from None
        finally:
            if pending:
                self.stop.set()
                wait(pending)

    def _drain_reports(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self.feedback.advance(*self.reports.get_nowait())


@contextlib.contextmanager
def open_engine(workers: int, feedback: Feedback, interruption: Interruption) -> Iterator[Engine]:
    """Give an engine of that many processes on this machine, deaf to Ctrl-C: the coordinator stops them."""
    context = multiprocessing.get_context("spawn")
    with _sigint_blocked():
        manager = context.Manager()
    with (
        manager,
        ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker) as executor,
    ):
        yield Engine(
            executor=executor,
            workers=workers,
            reports=manager.Queue(),
            stop=manager.Event(),
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
def _sigint_blocked() -> Iterator[None]:
    """Block SIGINT; a process started meanwhile never hears it, not even before its first line of Python."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker() -> None:
    # What a survey makes goes by itself: looking through it for cycles as often as Python does took a
    # fifth of a lookup's CPU.
    gc.set_threshold(_OBJECTS_PER_COLLECTION)

"""A run on a Dask cluster: its workers run the lanes, and its scheduler joins them to the coordinator.

The workers see the run folder, at the same path. One that dies has its lane run again by another, from what
was saved; one that is added takes work that waits.
"""

import contextlib
import itertools
import json
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any

import distributed

from crawler.cluster.heartbeat import BEAT_SECONDS, SilenceError, Speech
from crawler.cluster.worker import (
    Line,
    UnfitWorkerError,
    do,
    is_busy_with,
    unfit,
    versions,
    versions_differ,
)
from crawler.engine import Engine, Interruption, StoppedError
from crawler.lane import Channels, Report
from crawler.pacing import longest_gap
from crawler.settings import Settings, SettingsError
from crawler.storing.run_folder import RunFolder
from crawler.watching.feedback import Feedback

_CONNECT_SECONDS = 5.0
_WORKERS_SECONDS = 10.0
"""To wait for the first worker."""
_END_SECONDS = 30.0
"""To wait for the last one to end what was given up. Who is silent has ended it by then, and Dask knows."""
_GONE = "the scheduler of the cluster is gone"
_TRIALS = 4
"""Of one lane, before silence ends the run; Dask itself allows as many deaths of workers."""
_LANES_PER_WORKER = 4
"""What waits is for workers that come; what they end with is a slow tail each."""


class ClusterError(SettingsError):
    """A cluster that cannot serve the run; the message is one line, and says why."""


class BrokenCluster(BrokenExecutor):
    """A cluster that cannot go on; the message says why."""


class ClusterExecutor(Executor):
    """Calls functions on a cluster's workers, each with the run's channels joined."""

    def __init__(self, client: distributed.Client, line: Line) -> None:
        """Take a client that is connected."""
        self._client = client
        self._line = line
        self._numbers = itertools.count()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a function called; if its worker dies, or is cut off for a while, by another one.

        What is under way can be cancelled too: nobody is told what it came to, but its worker goes on with it
        until it is told to stop.
        """
        assert not kwargs, "a lane has none"
        future: Future[Any] = Future()
        self._begin(future, (next(self._numbers), function, args), _TRIALS)
        return future

    def _begin(self, future: Future[Any], call: tuple[Any, ...], trials: int) -> None:
        if self._client.status != "running":
            if future.set_running_or_notify_cancel():
                future.set_exception(BrokenCluster(_GONE))
            return
        task = self._client.submit(do, self._line, *call, pure=False)
        future.add_done_callback(lambda done: task.cancel() if done.cancelled() else None)
        task.add_done_callback(lambda done: self._settle(future, call, trials - 1, done))

    def _settle(
        self, future: Future[Any], call: tuple[Any, ...], trials: int, task: distributed.Future[Any]
    ) -> None:
        """Pass on what a task came to, or have it done again."""
        error = task.exception() if task.status == "error" else None
        if isinstance(error, SilenceError) and trials and not future.cancelled():
            self._begin(future, call, trials)
        elif not future.set_running_or_notify_cancel():
            return
        elif task.status == "finished":
            future.set_result(task.result())
        else:
            future.set_exception(BrokenCluster(_GONE) if error is None else _translated(error))


def _translated(error: BaseException) -> BaseException:
    """Return what is about the cluster as BrokenCluster, and all else as it is."""
    match error:
        case distributed.KilledWorker():
            deaths, last = error.allowed_failures + 1, error.last_worker.address
            return BrokenCluster(f"{deaths} workers died of the same work, the last was {last}")
        case UnfitWorkerError() | SilenceError():
            return BrokenCluster(str(error))
        case ModuleNotFoundError():
            return BrokenCluster(f"a worker has no starttls-survey ({error})")
    return error


@contextlib.contextmanager
def open_cluster(
    scheduler: str, run: RunFolder, settings: Settings, feedback: Feedback, interruption: Interruption
) -> Iterator[Engine]:
    """Give an engine of the workers of a Dask cluster; run.json must stand.

    So many hold sessions at once, at most, as the settings have workers; 0: all. Others stand by to take the
    place of one that dies. If the block ends early, it is left when the workers have ended what they were at,
    but for those that cannot be reached. Raises ClusterError if there is no scheduler at that address, or a
    worker cannot serve the run. The engine raises StoppedError when the cluster breaks.
    """
    _quieten()
    run_id = run.read_manifest()["run_id"]
    name = f"starttls-survey-{uuid.uuid4().hex}"
    line = Line(name, run.path, run_id, versions(), gap_seconds=longest_gap(settings))
    with _connected(scheduler) as client:
        _require_fit(client, scheduler, line)
        _await_idle(client, line, feedback, interruption)
        reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        client.subscribe_topic(line.name, lambda event: reports.put(Report(*json.loads(event[1]))))
        variable = distributed.Variable(line.name, client=client)
        speech = Speech(variable.set)
        with speech.open(), _ended_with(client, line, feedback, speech.stop):
            yield Engine(
                executor=ClusterExecutor(client, line),
                workers=lambda: _count_workers(client, settings.workers),
                channels=Channels(reports=reports, stop=speech.stop, pause=speech.pause),
                feedback=feedback,
                interruption=interruption,
                lanes_per_worker=_LANES_PER_WORKER,
            )
        variable.delete()


def _quieten() -> None:
    """Keep Dask from writing to the terminal: what there is to say is in the errors."""
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


@contextlib.contextmanager
def _connected(scheduler: str) -> Iterator[distributed.Client]:
    try:
        client = distributed.Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        why = str(error).partition("\n")[0]
        raise ClusterError(f"--scheduler {scheduler}: no Dask scheduler answers ({why})") from None
    try:
        yield client
    finally:
        client.close(timeout=_CONNECT_SECONDS)


def _count_workers(client: distributed.Client, most: int) -> int:
    if client.status == "running":
        with contextlib.suppress(OSError, RuntimeError):
            there = max(1, len(client.nthreads()))
            return min(there, most) if most else there
    raise StoppedError(_GONE)


def _require_fit(client: distributed.Client, scheduler: str, line: Line) -> None:
    """Raise ClusterError unless the scheduler and every worker can serve the run."""
    try:
        client.wait_for_workers(1, timeout=_WORKERS_SECONDS)
    except TimeoutError:
        raise ClusterError(f"--scheduler {scheduler}: it has no workers") from None
    try:
        difference = client.run_on_scheduler(versions_differ, line.versions)
    except Exception as error:
        raise ClusterError(f"--scheduler {scheduler}: it has no starttls-survey ({error})") from None
    if difference is not None:
        raise ClusterError(f"--scheduler {scheduler}: it {difference}")
    for worker, why in client.run(unfit, line, on_error="return").items():
        if isinstance(why, Exception):
            raise ClusterError(f"worker {worker} has no starttls-survey ({why})")
        if why is not None:
            raise ClusterError(f"worker {worker} {why}")


def _await_idle(
    client: distributed.Client, line: Line, feedback: Feedback, interruption: Interruption
) -> None:
    """Wait until no worker is at this run any more, for a coordinator that was killed."""
    if not _are_busy(client, line):
        return
    feedback.note("waiting: workers end what an earlier coordinator gave them", paused=True)
    while _are_busy(client, line):
        time.sleep(BEAT_SECONDS)
        interruption.check()
    feedback.note("goes on: the workers are free")


@contextlib.contextmanager
def _ended_with(
    client: distributed.Client, line: Line, feedback: Feedback, stop: threading.Event
) -> Iterator[None]:
    """If the block ends early, have the workers end too, before somebody else may work on the run."""
    try:
        yield
    except BaseException:
        stop.set()
        until = time.monotonic() + _END_SECONDS
        time.sleep(BEAT_SECONDS)  # until it is said: what was cancelled too late to not begin hears it then
        # Where nobody can be asked, the workers have lost their scheduler too, or hear no word any more.
        with contextlib.suppress(Exception):
            if _are_busy(client, line, until - time.monotonic()):
                feedback.note("waiting: workers end what they are at", paused=True)
            while _are_busy(client, line, until - time.monotonic()):
                time.sleep(BEAT_SECONDS)
        raise


def _are_busy(client: distributed.Client, line: Line, seconds: float | None = None) -> bool:
    """Return whether a worker is at something of this run. Raises TimeoutError if none can tell in time."""

    async def ask() -> Any:
        return await client.run(is_busy_with, line.folder, on_error="return")

    return any(busy is True for busy in client.sync(ask, callback_timeout=seconds).values())

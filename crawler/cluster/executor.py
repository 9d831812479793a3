"""A run on a Dask cluster: its workers run the lanes, and its scheduler joins them to the coordinator.

The workers see the run folder, at the same path. One that dies has its lane run again by another, from what
was saved; one that is added takes work that waits.
"""

import contextlib
import json
import logging
import queue
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
from crawler.settings import SettingsError
from crawler.storing.run_folder import RunFolder
from crawler.watching.feedback import Feedback

_CONNECT_SECONDS = 5.0
_WORKERS_SECONDS = 10.0
"""To wait for the first worker."""
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

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a function called; if its worker dies, or is cut off for a while, by another one."""
        assert not kwargs, "a lane has none"
        future: Future[Any] = Future()
        self._begin(future, (function, args), _TRIALS)
        return future

    def _begin(self, future: Future[Any], call: tuple[Any, ...], trials: int) -> None:
        if self._client.status != "running":
            future.set_exception(BrokenCluster(_GONE))
            return
        task = self._client.submit(do, self._line, *call, pure=False)
        future.add_done_callback(lambda done: task.cancel() if done.cancelled() else None)
        task.add_done_callback(lambda done: self._settle(future, call, trials - 1, done))

    def _settle(
        self, future: Future[Any], call: tuple[Any, ...], trials: int, task: distributed.Future[Any]
    ) -> None:
        """Pass on what a task came to, or have it done again."""
        if future.cancelled():
            return
        if task.status == "finished":
            future.set_result(task.result())
        elif task.status != "error":
            future.set_exception(BrokenCluster(_GONE))
        elif isinstance(error := task.exception(), SilenceError) and trials:
            self._begin(future, call, trials)
        else:
            future.set_exception(_translated(error))


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
    scheduler: str, run: RunFolder, feedback: Feedback, interruption: Interruption, *, workers: int = 0
) -> Iterator[Engine]:
    """Give an engine of the workers of a Dask cluster; run.json must stand.

    workers: that hold sessions at once, at most; 0: all. Others stand by to take the place of one that dies.
    Raises ClusterError if there is no scheduler at that address, or a worker cannot serve the run. The engine
    raises StoppedError when the cluster breaks.
    """
    _quieten()
    run_id = run.read_manifest()["run_id"]
    line = Line(f"starttls-survey-{uuid.uuid4().hex}", run.path, run_id, versions())
    with _connected(scheduler) as client:
        _require_fit(client, scheduler, line)
        _await_idle(client, line, feedback, interruption)
        reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        client.subscribe_topic(line.name, lambda event: reports.put(Report(*json.loads(event[1]))))
        variable = distributed.Variable(line.name, client=client)
        speech = Speech(variable.set)
        with speech.open():
            yield Engine(
                executor=ClusterExecutor(client, line),
                workers=lambda: _count_workers(client, workers),
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
    waited = False
    while any(busy is True for busy in client.run(is_busy_with, line.folder, on_error="return").values()):
        if not waited:
            feedback.note("waiting: workers end what an earlier coordinator gave them", paused=True)
        waited = True
        time.sleep(BEAT_SECONDS)
        interruption.check()
    if waited:
        feedback.note("goes on: the workers are free")

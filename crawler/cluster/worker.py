"""What a worker of a Dask cluster does for a run: it hears the coordinator, and does what it is given."""

import functools
import json
import math
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from distributed import Client, Status, Variable, Worker, get_client, get_worker

from crawler import __version__
from crawler.cluster.heartbeat import SILENCE_SECONDS, Hearing
from crawler.lane import Channels, Report, join_channels
from crawler.processes import prepare_process
from crawler.storing.run_folder import RunFolder, RunFolderError

_LAST_MOMENTS_SECONDS = 2.0
"""What a worker that is closing, or has lost its scheduler, needs to give up its lane."""

_CLOSING = (Status.closing, Status.closed, Status.failed)

_busy_with: Counter[Path] = Counter()
"""Of this process: run folders for which something is under way."""


class UnfitWorkerError(Exception):
    """A worker that cannot serve the run, and why."""


@dataclass(frozen=True, slots=True)
class Line:
    """What joins a run's coordinator and its workers, and what they must have alike."""

    name: str
    """Of the variable that the coordinator's words stand in, and the topic of the reports. Another each time
    that a run goes on."""
    folder: Path
    run_id: str
    versions: Mapping[str, str]
    gap_seconds: float
    """After the last session of a lane until who takes it over may begin one."""


class _Told:
    """A flag of the channels, as the coordinator has it."""

    def __init__(self, is_set: Callable[[], bool]) -> None:
        self.is_set = is_set


class _Reports:
    """Sends reports without waiting for anybody."""

    def __init__(self, worker: Worker, topic: str) -> None:
        self._worker = worker
        self._topic = topic

    def put(self, report: Report) -> None:
        self._worker.log_event(self._topic, json.dumps(report))


# --- called on a worker --------------------------------------------------------------------------------


def do(line: Line, number: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Call a function for the run, with the run's channels joined.

    number: of this work; who takes it over is given the same. What is only begun when the run is to stop
    already is not done. Raises UnfitWorkerError, SilenceError, and what the function raises.
    """
    worker = get_worker()
    _prepare()
    why = unfit(line, worker)
    if why is not None:
        raise UnfitWorkerError(f"worker {worker.address} {why}")
    client = get_client()
    variable = Variable(line.name, client=client)
    hearing = Hearing(lambda: variable.get(timeout=SILENCE_SECONDS), lambda: worker.status in _CLOSING)
    _busy_with[line.folder] += 1
    try:
        with hearing.open():
            free_at = _outwait_predecessor(client, line, number)
            stop = _Told(hearing.is_stopped)
            pause = _Told(lambda: hearing.is_paused() or time.monotonic() < free_at)
            join_channels(Channels(reports=_Reports(worker, line.name), stop=stop, pause=pause))
            return None if hearing.is_stopped() else function(*arguments)
    finally:
        _busy_with[line.folder] -= 1


def _outwait_predecessor(client: Client, line: Line, number: int) -> float:
    """Wait, if another worker had this work before: its scheduler may give it up before it has ended.

    Returns the moment from which sessions may begin: nobody here knows who was asked last, so the gap is kept
    with all. Which providers have pushed back is forgotten; they will say so again.
    """
    work = [line.name, number]
    had_another = client.get_metadata(work, default=False)
    client.set_metadata(work, True)
    if not had_another:
        return -math.inf
    time.sleep(_LAST_MOMENTS_SECONDS)
    return time.monotonic() + line.gap_seconds


def unfit(line: Line, dask_worker: Worker) -> str | None:
    """Return why this worker cannot serve a run, in words that follow its name; None: it can.

    dask_worker: filled in by Dask, which knows the argument by this name.
    """
    threads = dask_worker.state.nthreads
    if threads != 1:
        return f"runs {threads} threads: start it with --nthreads 1"
    difference = versions_differ(line.versions)
    if difference is not None:
        return difference
    try:
        run_id = RunFolder(line.folder).read_manifest().get("run_id")
    except RunFolderError as error:
        return f"does not see the run folder, which all workers must share: {error}"
    if run_id != line.run_id:
        return f"sees another run in {line.folder}: the folder must be one that all workers share"
    return None


def versions_differ(wanted: Mapping[str, str]) -> str | None:
    """Return in what this process differs from the coordinator, in words that follow its name, or None."""
    ours = versions()
    for name, wanted_version in wanted.items():
        if ours[name] != wanted_version:
            return f"has {name} {ours[name]}, not {wanted_version}"
    return None


def is_busy_with(folder: Path) -> bool:
    """Return whether something of a run is under way in this process."""
    return _busy_with[folder] > 0


def versions() -> dict[str, str]:
    """Return what a coordinator, its scheduler and its workers must have alike."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"starttls-survey": __version__, "python": python, "distributed": version("distributed")}


@functools.cache
def _prepare() -> None:
    """Prepare this process, once."""
    prepare_process()

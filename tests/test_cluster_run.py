"""A survey on a Dask cluster, each process in a namespace of its own; one worker is killed, and one comes."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import distributed
import pytest

from tests.servers.leaf import NoLeavesError, become_hub, leaf, leaf_address
from tests.servers.namespace import cannot_run, required_namespace
from tests.surviving import differences, observed, surveyed_lab

pytestmark = [pytest.mark.lab, pytest.mark.needs_network_namespace]

NAMES = 60
SHARD_SIZE = 6
WORKERS = 3
_SCHEDULER = 2
"""Number of its leaf; the workers' follow."""
_ADDRESS = f"tcp://{leaf_address(_SCHEDULER)}:8786"
_WAIT_SECONDS = 120.0


@dataclass
class Survey:
    """What came of it."""

    said: str
    differences: list[str]
    """From a survey by one process."""
    left_over: list[str]
    busy: list[str]
    """Addresses of the workers that finished something."""


# --- called inside the namespace -----------------------------------------------------------------------


def survey(folder: Path) -> Survey:
    """Survey a lab by one process, then by a cluster of which a worker is killed while another comes."""
    become_hub()
    alone, together = folder / "alone", folder / "together"
    with ExitStack() as running:
        command = ("scheduler", "--port", "8786")
        running.enter_context(leaf(_SCHEDULER, _dask(command, _SCHEDULER), folder / "scheduler.log"))
        workers = [_begin_worker(running, folder, number) for number in range(WORKERS)]
        lab = running.enter_context(surveyed_lab(folder, NAMES))
        settings = lab.settings.read_text()
        lab.settings.write_text(settings.replace("shard_size = 40", f"shard_size = {SHARD_SIZE}"))
        lab.finish(alone, "--workers", "1")
        client = running.enter_context(distributed.Client(_ADDRESS, timeout=_WAIT_SECONDS))
        client.wait_for_workers(WORKERS, timeout=_WAIT_SECONDS)
        client.get_task_stream()  # it is kept from now on
        with lab.begin(together, "--scheduler", _ADDRESS) as process:
            try:
                _wait_for(lambda: list((together / "work" / "partial" / "resolve").glob("*.parquet")))
                workers[_busy_worker(client)].kill()
                _begin_worker(running, folder, WORKERS)
                out, err = process.communicate(timeout=_WAIT_SECONDS)
            finally:
                process.kill()
        assert (process.returncode, err) == (0, ""), f"{out}\n{err}"
        return Survey(
            said=out,
            differences=differences(observed(together), observed(alone)),
            left_over=[path.name for path in together.rglob(".*") if path.is_file()],
            busy=sorted({task["worker"] for task in client.get_task_stream()}),
        )


def _dask(command: tuple[str, ...], number: int) -> list[str]:
    part, *arguments = command
    module = f"distributed.cli.dask_{part}"
    return [sys.executable, "-m", module, *arguments, "--host", leaf_address(number), "--no-dashboard"]


def _begin_worker(running: ExitStack, folder: Path, number: int) -> Popen[bytes]:
    options = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--local-directory", str(folder))
    command = _dask(("worker", _ADDRESS, *options), _leaf_of(number))
    return running.enter_context(leaf(_leaf_of(number), command, folder / f"worker{number}.log"))


def _leaf_of(worker: int) -> int:
    return _SCHEDULER + 1 + worker


def _busy_worker(client: distributed.Client) -> int:
    """Return the number of the first worker that is at something."""
    busy = [address for address, keys in client.processing().items() if keys]
    return min(n for n in range(WORKERS) if any(f"//{leaf_address(_leaf_of(n))}:" in at for at in busy))


def _wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.02)


# --- what came of it -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    folder = tmp_path_factory.mktemp("cluster")
    with required_namespace({"mount": "mount"}, folder / "log", mounts=True) as inside:
        try:
            return inside.call(survey, folder)
        except NoLeavesError as error:
            cannot_run([str(error)])


def test_the_result_is_that_of_one_process_but_for_times(surveyed: Survey) -> None:
    assert surveyed.differences == []


def test_the_worker_that_came_did_some_of_the_work(surveyed: Survey) -> None:
    assert [f"//{leaf_address(_leaf_of(WORKERS))}:" in worker for worker in surveyed.busy].count(True) == 1


def test_what_the_killed_worker_was_at_was_done_by_others_and_counted_once(surveyed: Survey) -> None:
    assert f"resolve: {NAMES} / {NAMES}" in surveyed.said
    assert surveyed.left_over == [".lock"]

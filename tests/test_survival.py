"""Runs that are killed: the same command goes on, and the finished run is that of an undisturbed one."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.cli import STOPPED
from tests.surviving import (
    SETTINGS,
    Surveyed,
    all_end,
    children,
    differences,
    lab_of_a_module,  # noqa: F401 - the fixture `lab`
    observed,
    undisturbed_run,  # noqa: F401 - the fixture `undisturbed`
    workers,
)
from tests.test_lab_run import survey, wait_for

_MOST_KILLS_OF_A_RUN = 5
LONGEST_SECONDS = 4.0
"""From a start, or from when there are worker processes, to a kill."""

pytestmark = pytest.mark.lab


def kill_coordinator(process: subprocess.Popen[str], moments: random.Random) -> bool:
    started = children(process.pid)
    process.kill()
    process.communicate(timeout=20)
    assert all_end(started, 5), "what it started outlives it"
    return True


def kill_worker(process: subprocess.Popen[str], moments: random.Random) -> bool:
    there = workers(process.pid)
    if not there:
        return False
    os.kill(moments.choice(there), signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    if process.returncode:  # else it had nothing left to do
        assert process.returncode == STOPPED, err
        assert "a worker process" in err
        assert "the same command goes on" in err
    return True


def terminate(process: subprocess.Popen[str], moments: random.Random) -> bool:
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert process.returncode in (STOPPED, 0, -signal.SIGTERM), err
    if process.returncode == STOPPED:
        assert err.endswith("the same command goes on\n")
    return True


def await_workers(process: subprocess.Popen[str], is_wanted: bool) -> None:
    """Wait until a run has worker processes, if that is wanted, or ends."""
    while is_wanted and process.poll() is None and not workers(process.pid):
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("disturb", "times", "share_with_workers"),
    [(kill_coordinator, 6, 0.7), (kill_worker, 6, 1.0), (terminate, 1, 1.0)],
)
def test_a_run_killed_at_any_moment_goes_on_and_ends_like_one_that_was_not(
    lab: Surveyed,
    undisturbed: Path,
    disturb: Callable[[subprocess.Popen[str], random.Random], bool],
    times: int,
    share_with_workers: float,
) -> None:
    moments, kills, runs = random.Random(times), 0, 0
    expected = observed(undisturbed)
    while kills < times:
        runs += 1
        run = lab.folder / f"{disturb.__name__}-{runs}"
        for _ in range(_MOST_KILLS_OF_A_RUN):
            with lab.begin(run) as process:
                await_workers(process, moments.random() < share_with_workers)
                try:
                    process.wait(moments.uniform(0.0, LONGEST_SECONDS))
                except subprocess.TimeoutExpired:
                    kills += disturb(process, moments)
                else:
                    assert process.returncode == 0, process.communicate()[1]
                    break
                finally:
                    process.kill()
        lab.finish(run)
        assert differences(observed(run), expected) == []
        assert lab.disagreements(run).startswith("0 disagreements")
        assert [path.name for path in run.rglob(".*")] == [".lock"]


def test_a_lab_ends_with_the_run_that_started_it(lab: Surveyed) -> None:
    run, settings = lab.folder / "own-lab", lab.folder / "own-lab.toml"
    settings.write_text(SETTINGS)
    command = ("run", str(lab.names), "--out", str(run), "--lab", "--settings", str(settings))
    with survey(*command, folder=lab.folder) as process:
        wait_for(run / "work" / "partial" / "resolve", "*.parquet")
        started = children(process.pid)
        assert len(started) > len(workers(process.pid)) > 1
        process.kill()
    assert all_end(started, 10), "what it started outlives it"

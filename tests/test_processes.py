"""What holds the processes of a run together."""

import multiprocessing
import subprocess
import sys

from crawler.processes import Flag, end_with_parent
from tests.surviving import all_end
from tests.test_lab_run import ROOT

COORDINATOR = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from crawler.processes import end_with_parent
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent) as executor:
        print(executor.submit(os.getpid).result(), flush=True)
        executor.submit(time.sleep, 60).result()
"""


def test_a_worker_ends_when_its_coordinator_is_killed_even_at_work() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COORDINATOR], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as coordinator:
        assert coordinator.stdout is not None
        worker = int(coordinator.stdout.readline())
        coordinator.kill()
    assert all_end([worker], 10)


def test_who_has_no_coordinator_ends_with_nobody() -> None:
    end_with_parent()
    assert multiprocessing.parent_process() is None


def test_a_flag_is_set_and_unset() -> None:
    flag = Flag(multiprocessing.get_context("spawn"))
    states = [flag.is_set()]
    for change in (flag.set, flag.set, flag.clear):
        change()
        states.append(flag.is_set())
    assert states == [False, True, True, False]

"""A claim on a run in an object store: who was suspended for too long changes nothing any more."""

import contextlib
import multiprocessing
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from crawler.cluster import heartbeat
from crawler.cluster.heartbeat import Speech, Word
from crawler.engine import interruptible
from crawler.processes import begin_process
from crawler.storing import hold, run_lock
from crawler.storing.hold import HELD_SECONDS, boot_seconds, holds
from crawler.storing.object_store import ObjectPath, place
from crawler.storing.run_folder import RunFolder
from crawler.storing.whole_file import remove_folder
from tests.servers.object_store import new_bucket, store_address  # noqa: F401 (a fixture)
from tests.test_heartbeat import wait_for

LOST = r"the claim on the run was not renewed for 60 seconds \(.*\): '{}'"


@pytest.fixture
def run(address: str) -> RunFolder:
    """Return what looks like a run."""
    run = RunFolder(new_bucket(address) / "run")
    run.write_manifest({})
    run.write_work_text("list", "old")
    return run


@pytest.fixture(autouse=True)
def unminded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody look whether a claim is to be renewed, or lost: each test says when."""
    monkeypatch.setattr(run_lock, "_LOOK_SECONDS", 1000.0)


@pytest.fixture
def suspend(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what has this process wake up after too long a time."""
    return lambda: monkeypatch.setattr(hold, "boot_seconds", lambda: boot_seconds() + HELD_SECONDS)


CHANGES: dict[str, Callable[[RunFolder], object]] = {
    "write a file": lambda run: run.write_work_text("new", "new"),
    "write one that was begun before": lambda run: _aside(run).replace(run.work_path("list")),
    "write an object": lambda run: run.work_path("new").write_text("new"),
    "note a digest": lambda run: run.digests.note(run.work_path("list")),
    "remove a file": lambda run: run.work_path("list").unlink(),
    "remove a folder": lambda run: remove_folder(run.work_path("")),
}


def _aside(run: RunFolder) -> Path:
    return run.work_path(".list.1")


@contextlib.contextmanager
def held_too_long(run: RunFolder) -> Iterator[None]:
    """Hold a run, whose claim is lost in the block. What fails there is not said: losing it is."""
    with pytest.raises(OSError, match=LOST.format(run.path)), run.lock():
        yield


def refusal(change: Callable[[], object]) -> str:
    try:
        change()
    except OSError as error:
        return str(error)
    return "none"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_who_wakes_up_too_late_changes_nothing(
    run: RunFolder, suspend: Callable[[], None], change: Callable[[RunFolder], object]
) -> None:
    _aside(run).write_text("begun")
    with held_too_long(run):
        suspend()
        before = contents(run)
        refused = refusal(lambda: change(run))
        after = contents(run)
    assert re.search(LOST.format("s3://.*/run/work.*"), refused)
    assert before == after


def contents(run: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.path.rglob("*")}


def test_a_claim_that_is_renewed_lets_its_process_change_what_it_likes(run: RunFolder) -> None:
    with run.lock():
        for change in CHANGES.values():
            _aside(run).write_text("begun")
            run.write_work_text("list", "old")
            change(run)
    assert holds() == ()
    run.write_work_text("list", "without a claim, as who publishes or reports")


def test_worker_processes_keep_to_the_claim_of_their_coordinator(run: RunFolder) -> None:
    context = multiprocessing.get_context("spawn")
    with (
        held_too_long(run),
        ProcessPoolExecutor(1, mp_context=context, initializer=begin_process, initargs=(holds(),)) as workers,
    ):
        written_by = workers.submit(_write, str(run.path)).result()
        holds()[0].renew(boot_seconds() - HELD_SECONDS)  # as if the coordinator alone were stopped since
        refused = refusal(workers.submit(_write, str(run.path)).result)
    assert written_by != os.getpid()
    assert re.search(LOST.format("s3://.*/run/work.*"), refused)


def _write(location: str) -> int:
    RunFolder(place(location)).write_work_text("list", "of a worker")
    return os.getpid()


def test_who_may_have_lost_a_run_says_nothing_to_its_workers_on_other_machines(
    run: RunFolder, suspend: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.001)
    words, looks = list[Word](), list[object]()

    def look(location: object) -> None:
        looks.append(location)
        hold.require_holds(location)

    monkeypatch.setattr(heartbeat, "require_holds", look)
    with held_too_long(run), Speech(words.append).open():
        wait_for(lambda: words)
        suspend()
        seen = len(looks)
        wait_for(lambda: len(looks) > seen + 1)  # what was about to be said has been
        before = len(words)
        wait_for(lambda: len(looks) > seen + 4)
        after = len(words)
    assert 0 < before == after


def test_a_process_whose_claim_is_lost_is_interrupted_at_once(
    run: RunFolder, suspend: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lock, "_LOOK_SECONDS", 0.01)
    with held_too_long(run), interruptible() as interruption:
        suspend()
        is_asked = interruption._asked.wait(10)
    assert is_asked
    assert list((run.path / ".lock").iterdir()) == []  # nobody waits for it to be void


def test_a_claim_is_renewed_in_time(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(run_lock, "_RENEW_SECONDS", 0.0)
    renewals, write = threading.Semaphore(0), ObjectPath.write_text

    def written(path: ObjectPath, text: str) -> int:
        renewals.release()
        return write(path, text)

    monkeypatch.setattr(ObjectPath, "write_text", written)
    with run.lock():
        assert all(renewals.acquire(timeout=10) for _ in range(3))


def test_who_was_suspended_while_it_took_a_void_claim_away_takes_none_away(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lock, "_standing", lambda *_: iter(()))
    other = run.path / ".lock" / "of-who-has-it-by-now"
    other.write_text("{}")
    monkeypatch.setattr(hold, "boot_seconds", _later_each_time())
    with pytest.raises(OSError, match=LOST.format("s3://.*")), run.lock():
        pass
    assert other.exists()


def _later_each_time() -> Callable[[], float]:
    times = iter([boot_seconds()] * 2)
    return lambda: next(times, boot_seconds() + HELD_SECONDS)

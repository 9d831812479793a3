"""A judging that is killed goes on where it was, if it is the same, and ends as one that was not."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import certifi
import pytest

from crawler import begun_judging, judging, verdict_lists
from crawler.engine import Interruption, StoppedError
from crawler.judging import judge
from crawler.stage import work_list
from crawler.storing.run_folder import RunFolder
from crawler.watching.feedback import Feedback
from tests.benchmarks.judged_run import make_run

ROOT = Path(__file__).parent.parent
SESSIONS = 800
PER_SHARD = 200
KILLS = 3
OBSERVED = {"sessions/part-000000.parquet": "ab" * 32}
"""It is not looked at."""


class Stops(Feedback):
    """A Feedback that asks to stop after so many rows, and keeps what it heard."""

    def __init__(self, interruption: Interruption | None = None, after: int = 0) -> None:
        self.interruption = interruption
        self.after = after
        self.done_before = self.done = 0

    def begin(self, stage: str, total: int, done: int, least_seconds: float = 0.0) -> None:
        self.done_before = done

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        self.done += done
        if self.interruption is not None and self.done >= self.after:
            self.interruption.ask()


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict_lists, "SESSIONS_PER_SHARD", PER_SHARD)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Path]:
    """Return a run to be judged, and its root store."""
    run = RunFolder(tmp_path_factory.mktemp("judged") / "run")
    return run, make_run(run, SESSIONS)


@pytest.fixture
def run(made: tuple[RunFolder, Path]) -> Iterator[RunFolder]:
    """Return the run, without verdicts."""
    yield made[0]
    begun_judging.take_up(made[0], None)


def files(run: RunFolder) -> dict[str, str]:
    """Return the digest of each verdict file."""
    paths = [path for table in begun_judging.VERDICTS for path in (run.path / table).glob("*")]
    return {path.relative_to(run.path).as_posix(): _digest(path) for path in paths}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def made_at(run: RunFolder) -> dict[Path, int]:
    """Return when each verdict file, and each work list of the judging, was made."""
    names = (*verdict_lists.SESSION_LISTS, *verdict_lists.ROUTE_LISTS)
    paths = [path for table in begun_judging.VERDICTS for path in (run.path / table).glob("*")]
    paths += [path for name in names if (path := work_list(run, name)).exists()]
    return {path: path.stat().st_mtime_ns for path in paths}


def verdicts_made_at(run: RunFolder) -> dict[Path, int]:
    """Return when each verdict file was made: a kill between two lists costs both."""
    return {path: at for path, at in made_at(run).items() if path.parent.name in begun_judging.VERDICTS}


def judge_all(run: RunFolder, root_store: Path, **changes: Any) -> Stops:
    feedback = Stops()
    judge(run, root_store, feedback, Interruption(), **({"observed": OBSERVED} | changes))
    return feedback


def break_off(run: RunFolder, root_store: Path, *, after: int = SESSIONS // 2) -> dict[Path, int]:
    """Have a judging stopped; return what it left."""
    interruption = Interruption()
    with pytest.raises(StoppedError):
        judge(run, root_store, Stops(interruption, after), interruption, observed=OBSERVED)
    return made_at(run)


# --- killed --------------------------------------------------------------------------------------------


def judge_and_die(folder: Path, root_store: Path, seconds: float) -> None:
    """Judge in this process, which is killed after so many seconds."""
    verdict_lists.SESSIONS_PER_SHARD = PER_SHARD
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    judge_all(RunFolder(folder), root_store)
    os._exit(0)


def killed_judging(run: RunFolder, root_store: Path, seconds: float) -> int:
    """Return how a process that judges ended."""
    code = (
        "from pathlib import Path; from tests.test_broken_off_judging import judge_and_die;"
        f"judge_and_die(Path({str(run.path)!r}), Path({str(root_store)!r}), {seconds})"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode


def test_a_judging_killed_at_random_moments_ends_in_the_same_octets(
    made: tuple[RunFolder, Path], run: RunFolder
) -> None:
    root_store, moments = made[1], random.Random(6)
    begun = time.monotonic()
    judge_all(run, root_store)
    seconds, expected = time.monotonic() - begun, files(run)
    begun_judging.take_up(run, None)
    kills = 0
    while kills < KILLS:
        stood = verdicts_made_at(run)
        status = killed_judging(run, root_store, moments.uniform(0.0, seconds / 2))
        assert stood.items() <= verdicts_made_at(run).items()
        if status == -signal.SIGKILL:
            kills += 1
        else:  # it was sooner done than killed
            assert files(run) == expected
            begun_judging.take_up(run, None)
    stood = verdicts_made_at(run)
    feedback = judge_all(run, root_store)
    assert stood.items() <= verdicts_made_at(run).items()
    assert feedback.done_before + feedback.done == run.count("session_verdicts") + run.count("domains")
    assert files(run) == expected


# --- what is gone on with ------------------------------------------------------------------------------


def test_what_stands_of_the_same_judging_is_not_made_again(
    made: tuple[RunFolder, Path], run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = break_off(run, made[1])
    assert len(left) >= 4
    with monkeypatch.context() as patch:
        patch.setattr(judging, "list_sessions", None)  # not called
        feedback = judge_all(run, made[1])
    assert feedback.done_before >= SESSIONS // 2
    assert {path: moment for path, moment in made_at(run).items() if path in left} == left
    resumed = files(run)
    begun_judging.take_up(run, None)
    judge_all(run, made[1])
    assert files(run) == resumed


@pytest.mark.parametrize(
    "changes",
    [
        {"at": datetime(2026, 6, 1, tzinfo=UTC)},
        {"observed": {"sessions/part-000000.parquet": "cd" * 32}},
        {"observed": None},
        {"root_store": Path(certifi.where())},
    ],
    ids=str,
)
def test_another_judging_begins_anew(
    made: tuple[RunFolder, Path], run: RunFolder, changes: dict[str, Any]
) -> None:
    left = break_off(run, made[1])
    root_store = changes.pop("root_store", made[1])
    feedback = judge_all(run, root_store, **changes)
    assert feedback.done_before == 0
    assert all(made_at(run)[path] > moment for path, moment in left.items())


def test_after_another_version_of_the_rules_it_begins_anew(
    made: tuple[RunFolder, Path], run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(run, made[1])
    monkeypatch.setattr(judging, "RULE_VERSION", 2)
    assert judge_all(run, made[1]).done_before == 0


def flip(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


@pytest.mark.parametrize(
    "damaged",
    [lambda run: run.part_path("session_verdicts", 1), lambda run: work_list(run, "judged")],
    ids=["part file", "work list"],
)
def test_what_is_damaged_is_made_again(
    made: tuple[RunFolder, Path], run: RunFolder, damaged: Callable[[RunFolder], Path]
) -> None:
    break_off(run, made[1])
    path = damaged(run)
    expected = _digest(path)
    flip(path)
    judge_all(run, made[1])
    assert _digest(path) == expected

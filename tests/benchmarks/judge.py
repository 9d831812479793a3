"""`make bench-judge`: a million sessions with 200,000 certificates judged, in memory that does not grow."""

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crawler.engine import Interruption
from crawler.judging import judge
from crawler.storing.run_folder import RunFolder
from crawler.watching.feedback import Feedback
from tests.benchmarks.judged_run import SESSIONS_PER_CERTIFICATE, make_run
from tests.benchmarks.measuring import Living, family, machine

MAY_TAKE_SECONDS = 300.0
"""The aim, for a million sessions on two cores."""
_LOOK_SECONDS = 0.2


def main() -> None:
    """Measure and print; exit with 1 if the aim is missed."""
    parser = argparse.ArgumentParser(prog="make bench-judge", description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the runs are made; they stay, and are used again")
    parser.add_argument("--judge", type=Path, help="only judge the run in this folder")
    given = parser.parse_args()
    if given.judge is not None:
        judge_run(given.judge, given.workers)
        return
    _say(machine())
    folder = given.folder or Path(tempfile.mkdtemp(prefix="bench-judge-"))
    try:
        measured = [_measured(folder / f"run-{count}", count, given.workers) for count in given.sessions]
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    sys.exit(measured[-1].elapsed_seconds > MAY_TAKE_SECONDS)


def judge_run(folder: Path, workers: int) -> None:
    """Judge a run that stands."""
    feedback = _Phases()
    judge(
        RunFolder(folder),
        str(folder / "roots.pem"),
        feedback,
        Interruption(),
        workers=workers,
    )
    feedback.say()


class _Phases(Feedback):
    """A Feedback that tells how long the work lists and the shards took."""

    def __init__(self) -> None:
        self._marks = [time.monotonic()]
        self._words: dict[str, int] = {}

    def begin(self, stage: str, total: int, done: int, least_seconds: float = 0.0) -> None:
        self._marks.append(time.monotonic())

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        for word, count in failures.items():
            self._words[word] = self._words.get(word, 0) + count

    def end(self) -> None:
        self._marks.append(time.monotonic())

    def say(self) -> None:
        """Print it."""
        start, listed, end = self._marks
        _say(
            f"  sessions listed in {listed - start:.1f} s, all judged in {end - listed:.1f} s: {self._words}"
        )


@dataclass(frozen=True, slots=True)
class _Measured:
    elapsed_seconds: float
    processes: Mapping[int, Living]


def _measured(folder: Path, sessions: int, workers: int) -> _Measured:
    if not (folder / "roots.pem").exists():
        start = time.monotonic()
        make_run(RunFolder(folder), sessions)
        _say(f"{sessions:,} sessions made in {time.monotonic() - start:.0f} s")
    command = [sys.executable, "-m", "tests.benchmarks.judge", "--judge", str(folder)]
    measured = _watch([*command, "--workers", str(workers)])
    cpu_seconds = sum(living.cpu_seconds for living in measured.processes.values())
    peaks = ", ".join(f"{living.peak_octets / 2**20:.0f}" for living in measured.processes.values())
    _say(
        f"{sessions:,} sessions, {sessions // SESSIONS_PER_CERTIFICATE:,} certificates, {sessions // 2:,} "
        f"domains: {measured.elapsed_seconds:.1f} s, {cpu_seconds:.1f} CPU seconds "
        f"({1e6 * cpu_seconds / sessions:.0f} us a session); peak memory, MiB: {peaks}"
    )
    return measured


def _watch(command: list[str]) -> _Measured:
    """Run a command, looking now and then at what it and its children have used so far."""
    start = time.monotonic()
    process = subprocess.Popen(command)
    seen: dict[int, Living] = {}
    while process.poll() is None:
        with contextlib.suppress(FileNotFoundError, KeyError, ProcessLookupError):  # one of them has ended
            seen |= dict(enumerate(family(process.pid)))
        time.sleep(_LOOK_SECONDS)
    if process.returncode:
        sys.exit(process.returncode)
    return _Measured(time.monotonic() - start, seen)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

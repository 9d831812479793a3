"""What each process of a whole survey uses, stage by stage, read from /proc while it runs.

A stage lasts until the work list of the next one stands: the query that makes it counts for the one before.
"""

import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from tests.benchmarks.measuring import FailedError, family_by_number

COORDINATOR, WORKER, LAB, TRACKER = "coordinator", "worker", "lab", "resource tracker"
STAGES = ("start", "resolve", "hosts", "probe", "remainder", "retry", "settle", "judge", "report")
_WORK_LISTS = {stage: f"work/{stage}.parquet" for stage in STAGES[1:-2]} | {"judge": "work/judged.parquet"}
_NOT_FINISHED = b'"finished_at": null'
_HEAD_OCTETS = 8192
_LOOK_SECONDS = 0.25
_RESET_PEAK = b"5"
"""To /proc/PID/clear_refs: the high-water mark of resident memory begins anew (proc(5))."""
STOPPED = 3
"""Exit status of a survey that goes on with the same command."""


class StageUsage(TypedDict):
    """What one stage used."""

    seconds: float
    cpu: dict[str, float]
    """Seconds, by kind of process."""
    peak: dict[str, int]
    """Octets of resident memory, of the largest process of each kind."""
    workers: dict[str, float]
    """CPU seconds of each worker, by its process number."""


Usage = dict[str, StageUsage]
"""By stage."""


def survey(
    command: Sequence[str], run: Path, output: Path, limit_seconds: float | None = None
) -> tuple[int, Usage]:
    """Run the command that surveys into a folder; return its status, 0 or STOPPED, and what it used.

    limit_seconds: after so long it is stopped; the same command goes on. Raises FailedError if it fails.
    """
    used: Usage = {}
    stop_at = time.monotonic() + (limit_seconds or 1e9)
    with output.open("ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    before, look = time.monotonic(), _Look()
    try:
        while process.poll() is None:
            time.sleep(_LOOK_SECONDS)
            if time.monotonic() > stop_at:
                process.send_signal(signal.SIGTERM)
                stop_at += 1e9
            stage = stage_of(run)
            seen = used.setdefault(stage, StageUsage(seconds=0.0, cpu={}, peak={}, workers={}))
            look.at(process.pid, stage, seen)
            seen["seconds"] += time.monotonic() - before
            before = time.monotonic()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode not in (0, STOPPED):
        raise FailedError(f"survey ended with {process.returncode}:\n{output.read_text()[-2000:]}")
    return process.returncode, used


def add(before: Usage, more: Usage) -> Usage:
    """Return what two slices of one survey used together."""
    total: Usage = {}
    for stage in (stage for stage in STAGES if stage in before or stage in more):
        slices = [used[stage] for used in (before, more) if stage in used]
        seconds = sum(entry["seconds"] for entry in slices)
        total[stage] = StageUsage(seconds=seconds, cpu={}, peak={}, workers={})
        for entry in slices:
            total[stage]["workers"] |= entry.get("workers", {})
            for kind, more_seconds in entry["cpu"].items():
                total[stage]["cpu"][kind] = total[stage]["cpu"].get(kind, 0.0) + more_seconds
            for kind, octets in entry["peak"].items():
                total[stage]["peak"][kind] = max(total[stage]["peak"].get(kind, 0), octets)
    return total


class _Look:
    """Looks at the processes again and again: what each has used since the last time."""

    def __init__(self) -> None:
        self._cpu_seconds: defaultdict[int, float] = defaultdict(float)
        self._stage = ""

    def at(self, root: int, stage: str, used: StageUsage) -> None:
        """Add what was used since the last look to a stage."""
        processes = family_by_number(root)
        for pid, living in processes.items():
            kind = COORDINATOR if pid == root else _kind_of(pid)
            if stage == self._stage:  # else it is the peak of the stage before
                used["peak"][kind] = max(used["peak"].get(kind, 0), living.peak_octets)
            else:
                _reset_peak(pid)
            more = living.cpu_seconds - self._cpu_seconds[pid]
            used["cpu"][kind] = used["cpu"].get(kind, 0.0) + more
            if kind == WORKER:
                used["workers"][str(pid)] = used["workers"].get(str(pid), 0.0) + more
            self._cpu_seconds[pid] = living.cpu_seconds
        self._stage = stage


def _kind_of(pid: int) -> str:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"crawler.lab" in words:
            return LAB
        if b"resource_tracker" in words:
            return TRACKER
    return WORKER


def _reset_peak(pid: int) -> None:
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_bytes(_RESET_PEAK)


def stage_of(run: Path) -> str:
    """Return the stage that a survey is in, by what stands in its run folder."""
    try:
        with (run / "run.json").open("rb") as file:
            if _NOT_FINISHED not in file.read(_HEAD_OCTETS):
                return "report"
    except FileNotFoundError:
        return "start"
    return next((stage for stage in reversed(_WORK_LISTS) if (run / _WORK_LISTS[stage]).exists()), "start")

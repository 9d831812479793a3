"""Whole processes measured side by side: their CPU and peak memory, in turns, compared round by round.

Two runs of one command differ by 20..40 % on a shared machine. So the contestants take turns (A B C A B C
...), and what is compared is the two runs of one round; the median over the rounds is the result.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

_PARENT_FIELD = 1
"""Fields of /proc/PID/stat behind the program's name (proc(5)): 0 is the state."""
_GROUP_FIELD = 2
_USER_TICKS_FIELD = 11
_SYSTEM_TICKS_FIELD = 12


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process used, together with the processes that it started and waited for."""

    cpu_seconds: float
    """User and system."""
    elapsed_seconds: float


class FailedError(Exception):
    """A measured process ended with a status other than 0; the message shows what it wrote."""


def run_measured(command: Sequence[str], output: Path) -> Usage:
    """Run a command, what it writes going to a file, and return what it used.

    Raises FailedError if it fails.
    """
    start = time.monotonic()
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    elapsed_seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        written = output.read_text(errors="replace")[-2000:]
        raise FailedError(f"{command[0]} ended with status {process.returncode}:\n{written}")
    return Usage(usage.ru_utime + usage.ru_stime, elapsed_seconds)


def turns(contestants: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Give (round, contestant) so that all take turns, each round beginning with another one."""
    for number in range(rounds):
        first = number % len(contestants)
        yield from ((number, name) for name in (*contestants[first:], *contestants[:first]))


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some numbers, and how far they reach."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Spread":
        """Return the spread of numbers, of which there is at least one."""
        return cls(statistics.median(numbers), min(numbers), max(numbers))

    def shown(self, digits: int) -> str:
        """Return 'median (lowest..highest)'."""
        return f"{self.median:.{digits}f} ({self.lowest:.{digits}f}..{self.highest:.{digits}f})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return ours / theirs, pair by pair: the numbers of one round belong together."""
    return Spread.of([our / their for our, their in zip(ours, theirs, strict=True)])


# --- processes that are still alive --------------------------------------------------------------------


def group_cpu_seconds(group: int) -> float:
    """Return the CPU that the living processes of a group have used."""
    return sum(_cpu_seconds(f) for f in _processes().values() if int(f[_GROUP_FIELD]) == group)


@dataclass(frozen=True, slots=True)
class Living:
    """What a living process has used so far, without its children."""

    cpu_seconds: float
    peak_octets: int
    """Peak resident memory by the kernel's high-water mark. The `ru_maxrss` of a process begins with what its
    parent had when it was forked, so that a small child of a large parent looks large."""


def family(process: int) -> list[Living]:
    """Return what a process and its children have used, the children in order of their start."""
    return list(family_by_number(process).values())


def family_by_number(process: int) -> dict[int, Living]:
    """Return the same by process number; who has ended meanwhile is left out."""
    found = _processes()
    children = sorted(pid for pid, fields in found.items() if int(fields[_PARENT_FIELD]) == process)
    living = {}
    for pid in (process, *children):
        with suppress(FileNotFoundError, KeyError, ProcessLookupError):
            living[pid] = Living(_cpu_seconds(found[pid]), _high_water_mark(pid))
    return living


def _cpu_seconds(fields: Sequence[str]) -> float:
    return (int(fields[_USER_TICKS_FIELD]) + int(fields[_SYSTEM_TICKS_FIELD])) / _CLOCK_TICKS


def _high_water_mark(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {process} has ended")


def _processes() -> Mapping[int, list[str]]:
    """Return the fields of /proc/PID/stat behind the program's name, by process."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            found[int(folder.name)] = text.rpartition(")")[2].split()
    return found


# --- the machine ---------------------------------------------------------------------------------------


def machine() -> str:
    """Return what the numbers depend on: processor, cores, kernel, Python, and how busy it is now."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0))
    return (
        f"{model}, {cores} cores; Linux {platform.release()}; Python {platform.python_version()}; "
        f"load average before the start {load:.2f}"
    )


def say(line: str) -> None:
    """Print a line at once, also where the output is a file."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

"""`make bench-sessions`, second part: 10,000 sessions open at once in one process, and the memory they take.

One in ten is inside the TLS handshake, with all of the server's flight but its end; the others wait for the
reply to EHLO. Peak memory is the process's own high-water mark, up to its end: the rows are in it.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crawler.file_limit import file_limits
from tests.benchmarks.endpoints import write_targets
from tests.benchmarks.measuring import family, machine
from tests.benchmarks.session_contestants import lane_command
from tests.benchmarks.target import Target, TargetError, open_target

AT_MOST_MB = 400
"""The aim, in millions of octets."""
_MB = 10**6

_SPARE_FILES = 100
_PATIENCE_SECONDS = 300.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Held:
    """What was seen of a process with sessions that waited."""

    at_once: Mapping[str, int]
    """Sessions that the target held at one moment, by kind."""
    open_mb: float
    """Peak memory until then."""
    peak_mb: float
    """Peak memory until the end."""
    status: int


def main() -> None:
    """Measure and print; exit with 1 if the aim is missed, 2 if it cannot be measured here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    given = parser.parse_args()
    if file_limits()[1] < given.sessions + _SPARE_FILES:
        sys.stderr.write(f"sessions_open: {given.sessions} sessions need as many open files (`ulimit -Hn`)\n")
        sys.exit(2)
    sys.stdout.write(machine() + "\n")
    try:
        with tempfile.TemporaryDirectory(prefix="bench-open-") as folder:
            none, all_of_them = (measure(Path(folder), count) for count in (1, given.sessions))
    except TargetError as error:
        sys.stderr.write(f"sessions_open: {error}\n")
        sys.exit(2)
    report(none, all_of_them, given.sessions)
    sys.exit(not (all_of_them.status == 0 and all_of_them.peak_mb < AT_MOST_MB))


def measure(folder: Path, sessions: int) -> Held:
    """Have a lane hold so many sessions, and let them end when all are open."""
    scratch = folder / str(sessions)
    with open_target(scratch) as target:
        write_targets(scratch / "targets", sessions)
        command = lane_command(scratch / "targets", scratch, target.ports["held"], in_flight=sessions)
        with (scratch / "output").open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            at_once = _wait_until_held(process, target, sessions, scratch / "output")
            open_octets = family(process.pid)[0].peak_octets
            target.release()
            peak = _peak_until_end(process)
        finally:
            process.kill()
            process.wait()
    return Held(at_once, open_octets / _MB, peak / _MB, process.returncode)


def _wait_until_held(
    process: subprocess.Popen[bytes], target: Target, sessions: int, output: Path
) -> Mapping[str, int]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while sum((at_once := target.count()).values()) < sessions:
        if process.poll() is not None or time.monotonic() > deadline:
            raise TargetError(f"never more than {at_once} at once: {output.read_text()[-1000:]}")
        time.sleep(1.0)  # asking costs the target's time
    return at_once


def _peak_until_end(process: subprocess.Popen[bytes]) -> int:
    peak = 0
    while process.poll() is None:
        try:
            peak = family(process.pid)[0].peak_octets
        except (KeyError, ProcessLookupError, FileNotFoundError):
            continue  # it has just ended
        time.sleep(_POLL_SECONDS)
    return peak


def report(least: Held, most: Held, sessions: int) -> None:
    """Print the peak, and what a session takes of it."""
    each_kb = 1000 * (most.open_mb - least.open_mb) / (sessions - 1)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in most.at_once.items())
    verdict = "reached" if most.peak_mb < AT_MOST_MB else "not reached"
    sys.stdout.write(
        f"{sessions:,} sessions open at once in one process ({kinds}): {most.open_mb:.0f} MB\n"
        f"  with one session: {least.open_mb:.0f} MB; so a session takes {each_kb:.1f} KB\n"
        f"  until the end, with all rows written at once: {most.peak_mb:.0f} MB\n"
        f"  aim: under {AT_MOST_MB} MB: {verdict}\n"
    )


if __name__ == "__main__":
    main()

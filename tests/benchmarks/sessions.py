"""`make bench-sessions`: CPU per STARTTLS session of a whole process, beside zgrab2 and the bare handshake.

All go to one target on loopback, in turns, each endpoint with an address of its own. What the target uses is
counted apart.
"""

import argparse
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.benchmarks.endpoints import LEAVES, write_targets
from tests.benchmarks.measuring import FailedError, Spread, Usage, machine, ratios, run_measured, say, turns
from tests.benchmarks.session_contestants import (
    BARE,
    OURS,
    ZGRAB2,
    Completeness,
    Contestant,
    compare,
    on_path,
)
from tests.benchmarks.target import Target, TargetError, open_target

AIMS = {BARE.name: 2.0, ZGRAB2.name: 0.8}
"""CPU per session: at most so much of the other's."""


class Measurements:
    """What was measured, by contestant, one entry a round."""

    def __init__(self, sessions: int) -> None:
        """Begin with nothing, for lists of so many endpoints."""
        self.sessions = sessions
        self.usages: defaultdict[str, list[Usage]] = defaultdict(list)
        self.starts: defaultdict[str, list[Usage]] = defaultdict(list)
        """Of the same with a single endpoint: what starting the process costs, whatever the list."""
        self.completeness: defaultdict[str, list[Completeness]] = defaultdict(list)
        self.target_seconds: defaultdict[str, list[float]] = defaultdict(list)

    def cpu_us(self, contestant: str) -> list[float]:
        """Return CPU per session in microseconds."""
        return [1e6 * usage.cpu_seconds / self.sessions for usage in self.usages[contestant]]

    def started_us(self, contestant: str) -> list[float]:
        """Return CPU per session in microseconds, without what starting the process costs."""
        pairs = zip(self.usages[contestant], self.starts[contestant], strict=True)
        return [1e6 * (whole.cpu_seconds - start.cpu_seconds) / (self.sessions - 1) for whole, start in pairs]

    def rate(self, contestant: str) -> list[float]:
        """Return sessions per second."""
        return [self.sessions / usage.elapsed_seconds for usage in self.usages[contestant]]


def main() -> None:
    """Measure and print; exit with 1 if a session of ours was not whole, 2 if there is no target."""
    parser = argparse.ArgumentParser(prog="make bench-sessions", description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    contestants, missing = on_path()
    say(machine())
    try:
        with tempfile.TemporaryDirectory(prefix="bench-sessions-") as folder:
            measured = measure(Path(folder), contestants, given.sessions, given.rounds)
    except (TargetError, FailedError) as error:
        sys.stderr.write(f"bench-sessions: {error}\n")
        sys.exit(2)
    report(measured, contestants, missing)
    sys.exit(not all(completeness.is_whole for completeness in measured.completeness[OURS.name]))


def measure(folder: Path, contestants: list[Contestant], sessions: int, rounds: int) -> Measurements:
    """Have the contestants take their turns at one target."""
    measured = Measurements(sessions)
    full, single = folder / "targets", folder / "one"
    write_targets(full, sessions)
    write_targets(single, 1)
    by_name = {contestant.name: contestant for contestant in contestants}
    with open_target(folder / "target") as target:
        say(
            f"{sessions:,} endpoints, {LEAVES:,} certificates; {rounds} rounds; {', '.join(by_name)} in turns"
        )
        for number, name in turns([*by_name], rounds):
            contestant, scratch = by_name[name], folder / "scratch"
            measured.starts[name].append(_run(contestant, single, scratch, target))
            shutil.rmtree(scratch)
            before = target.cpu_seconds()
            measured.usages[name].append(_run(contestant, full, scratch, target))
            measured.target_seconds[name].append(target.cpu_seconds() - before)
            measured.completeness[name].append(compare(contestant.read(scratch), sessions))
            shutil.rmtree(scratch)
            say(f"  round {number + 1}: {name} {measured.cpu_us(name)[-1]:.0f} us")
    return measured


def _run(contestant: Contestant, targets: Path, scratch: Path, target: Target) -> Usage:
    target.check_ours()
    scratch.mkdir()
    return run_measured(contestant.command(targets, scratch, target), scratch / "output")


def report(measured: Measurements, contestants: list[Contestant], missing: list[str]) -> None:
    """Print medians over the rounds, with lowest and highest."""
    say("\nCPU per session of the whole process, us: median (lowest..highest)")
    for contestant in contestants:
        name = contestant.name
        target_us = [1e6 * seconds / measured.sessions for seconds in measured.target_seconds[name]]
        say(f"  {name}: {Spread.of(measured.cpu_us(name)).shown(0)}")
        say(f"    without starting the process: {Spread.of(measured.started_us(name)).shown(0)}")
        say(f"    {Spread.of(measured.rate(name)).shown(0)} a second")
        say(f"    beside it the target: {Spread.of(target_us).shown(0)}")
        say(f"    worst round: {min(measured.completeness[name], key=lambda found: found.whole)}")
    for contestant in contestants[1:]:
        _report_ratio(measured, contestant.name)
    for name in missing:
        say(f"not compared with {name}: it is not on PATH (README: Benchmarks)")


def _report_ratio(measured: Measurements, other: str) -> None:
    ratio = ratios(measured.cpu_us(OURS.name), measured.cpu_us(other))
    started = ratios(measured.started_us(OURS.name), measured.started_us(other))
    verdict = "reached" if ratio.median <= AIMS[other] else "not reached"
    say(f"ours / {other}, pair by pair: {ratio.shown(2)}; without starting: {started.shown(2)}")
    say(f"  aim: at most {AIMS[other]}: {verdict}")


if __name__ == "__main__":
    main()

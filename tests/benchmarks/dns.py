"""`make bench-dns`: CPU per MX lookup of a whole survey process, beside zdns, and beside the limits.

The limits are massdns and a bare loop in Go (`go_dns`), which look up names and do nothing else. All ask one
NSD on loopback, in turns, for the same names. What NSD uses is counted apart.
"""

import argparse
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.benchmarks.authority import Authority, AuthorityError, open_authority
from tests.benchmarks.calibration import judged, measure_dnspython
from tests.benchmarks.dns_contestants import OURS, Agreement, Contestant, all_here, compare
from tests.benchmarks.mail_names import write_list
from tests.benchmarks.measuring import (
    FailedError,
    Living,
    Spread,
    Usage,
    machine,
    ratios,
    run_measured,
    say,
    turns,
)
from tests.benchmarks.mx_survey import read_usage

START = "start"
"""Our survey of a single name: what starting its processes takes, whatever the list."""

CALIBRATION = "dnspython"
"""Not a contestant: how fast the machine is in this round (`calibration`)."""

AT_MOST_OF_ZDNS = 0.4
"""The aim: CPU per lookup at most so much of zdns'."""


class Measurements:
    """What was measured, by contestant, one entry a round."""

    def __init__(self, names: int) -> None:
        """Begin with nothing, for lists of so many names."""
        self.names = names
        self.usages: defaultdict[str, list[Usage]] = defaultdict(list)
        self.agreements: defaultdict[str, list[Agreement]] = defaultdict(list)
        self.target_seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.processes: list[dict[str, Living]] = []
        self.dnspython: list[dict[str, float]] = []

    def cpu_us(self, contestant: str) -> list[float]:
        """Return CPU per name in microseconds."""
        return [1e6 * usage.cpu_seconds / self.names for usage in self.usages[contestant]]

    def rate(self, contestant: str) -> list[float]:
        """Return names per second."""
        return [self.names / usage.elapsed_seconds for usage in self.usages[contestant]]


def main() -> None:
    """Measure and print; exit with 1 if our survey lost a name or got one wrong, 2 if there is no target."""
    parser = argparse.ArgumentParser(prog="make bench-dns", description=__doc__)
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    contestants, missing = all_here()
    say(machine())
    try:
        with tempfile.TemporaryDirectory(prefix="bench-dns-") as folder:
            measured = measure(Path(folder), contestants, given.names, given.rounds)
    except (AuthorityError, FailedError) as error:
        sys.stderr.write(f"bench-dns: {error}\n")
        sys.exit(2)
    report(measured, contestants, missing)
    sys.exit(not all(agreement.is_whole for agreement in measured.agreements[OURS.name]))


def measure(folder: Path, contestants: list[Contestant], names: int, rounds: int) -> Measurements:
    """Have the contestants take their turns at one authority."""
    measured = Measurements(names)
    full, single = folder / "names.txt", folder / "one.txt"
    write_list(full, names)
    write_list(single, 1)
    by_name = {contestant.name: contestant for contestant in contestants}
    with open_authority(folder / "nsd", names) as authority:
        say(f"{authority.version}; {names:,} names; {rounds} rounds; {', '.join(by_name)} in turns")
        for number, name in turns([*by_name, START, CALIBRATION], rounds):
            if name == CALIBRATION:
                measured.dnspython.append(measure_dnspython())
                continue
            scratch = folder / "scratch"
            scratch.mkdir()
            if name == START:
                measured.usages[START].append(_run(OURS, single, scratch, authority))
            else:
                _take_turn(by_name[name], full, scratch, authority, measured)
                say(f"  round {number + 1}: {name} {measured.cpu_us(name)[-1]:.1f} us")
            shutil.rmtree(scratch)
    return measured


def _take_turn(
    contestant: Contestant, names: Path, scratch: Path, authority: Authority, measured: Measurements
) -> None:
    target_before = authority.cpu_seconds()
    measured.usages[contestant.name].append(_run(contestant, names, scratch, authority))
    measured.target_seconds[contestant.name].append(authority.cpu_seconds() - target_before)
    measured.agreements[contestant.name].append(compare(contestant.read_answers(scratch), measured.names))
    if contestant is OURS:
        measured.processes.append(read_usage(scratch))


def _run(contestant: Contestant, names: Path, scratch: Path, authority: Authority) -> Usage:
    authority.check_ours()
    return run_measured(contestant.command(names, scratch, authority.endpoint), scratch / "output")


def report(measured: Measurements, contestants: list[Contestant], missing: dict[str, str]) -> None:
    """Print medians over the rounds, with lowest and highest."""
    say("\nCPU per lookup of the whole process with its children, us: median (lowest..highest)")
    for contestant in contestants:
        name = contestant.name
        target_us = [1e6 * seconds / measured.names for seconds in measured.target_seconds[name]]
        say(f"  {name}: {Spread.of(measured.cpu_us(name)).shown(1)}")
        say(f"    {Spread.of(measured.rate(name)).shown(0)} lookups/s")
        say(f"    beside it NSD: {Spread.of(target_us).shown(1)}")
        worst = min(measured.agreements[name], key=lambda agreement: agreement.agreed)
        say(f"    worst round: {worst}")
        if contestant is OURS:
            _report_parts(measured)
    ours = measured.cpu_us(OURS.name)
    for contestant in contestants[1:]:
        ratio = ratios(ours, measured.cpu_us(contestant.name))
        say(f"ours / {contestant.name}, pair by pair: {ratio.shown(3)}")
        if contestant.limit is not None:
            say(f"  the distance to a limit: {contestant.limit}")
        else:
            verdict = "reached" if ratio.median <= AT_MOST_OF_ZDNS else "not reached"
            say(f"  aim: at most {AT_MOST_OF_ZDNS}: {verdict}")
    for line in judged(ours, measured.dnspython):
        say(line)
    for name, reason in missing.items():
        say(f"not compared with {name}: {reason} (README: Benchmarks)")


def _report_parts(measured: Measurements) -> None:
    """Print where our CPU goes: starting, and each process."""
    whole = [usage.cpu_seconds for usage in measured.usages[OURS.name]]
    start = [usage.cpu_seconds for usage in measured.usages[START]]
    rest = [1e6 * (w - s) / measured.names for w, s in zip(whole, start, strict=True)]
    say(f"    without starting the processes: {Spread.of(rest).shown(1)}")
    say(f"    starting them, in seconds: {Spread.of(start).shown(2)}")
    for process in measured.processes[0]:
        used = [1e6 * used[process].cpu_seconds / measured.names for used in measured.processes]
        say(f"    {process}: {Spread.of(used).shown(1)}")


if __name__ == "__main__":
    main()

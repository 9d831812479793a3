"""`make bench-dns-million`: a million names in flat memory, none lost, no answer changed by haste.

Each name has records of its own in the zone: a wildcard would hide answers that were mixed up. Only MX is
asked, by the resolve stage alone. A sample is asked again one by one: nothing of it is read in bulk.
"""

import argparse
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.authority import Authority, AuthorityError, open_authority
from tests.benchmarks.dns_contestants import Agreement, compare, read_survey, survey_command
from tests.benchmarks.mail_names import Answer, name_of, write_list
from tests.benchmarks.measuring import FailedError, Living, Usage, machine, run_measured, say
from tests.benchmarks.mx_survey import read_usage

MAY_GROW_TO = 1.1
"""The aim: each process' peak memory, relative to that with the small list."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One run of our survey."""

    usage: Usage
    processes: dict[str, Living]
    folder: Path

    def shown(self, names: int) -> str:
        """Return one line."""
        cpu_us = 1e6 * self.usage.cpu_seconds / names
        return f"{names:,} names in {self.usage.elapsed_seconds:.0f} s, {cpu_us:.1f} us CPU each"


def main() -> None:
    """Measure and print; exit with 1 if an aim is missed, 2 if there is no target."""
    parser = argparse.ArgumentParser(prog="make bench-dns-million", description=__doc__)
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--fewer", type=int, default=100_000, help="names of the list to compare memory with")
    parser.add_argument("--sample", type=int, default=2_000, help="names that are asked for slowly too")
    given = parser.parse_args()
    say(machine())
    try:
        with tempfile.TemporaryDirectory(prefix="bench-dns-") as folder:
            is_reached = measure(Path(folder), given.names, given.fewer, given.sample)
    except (AuthorityError, FailedError) as error:
        sys.stderr.write(f"bench-dns-million: {error}\n")
        sys.exit(2)
    sys.exit(not is_reached)


def measure(folder: Path, names: int, fewer: int, sample: int) -> bool:
    """Survey the small list, the large one, and a sample of it slowly; tell whether all aims are reached."""
    with open_authority(folder / "nsd", names) as authority:
        say(f"{authority.version}")
        for count in (fewer, names):
            write_list(folder / f"{count}.txt", count)
        small = _survey(folder, str(fewer), authority)
        say(small.shown(fewer))
        large = _survey(folder, str(names), authority)
        say(large.shown(names))
        sampled = sorted(random.Random(1).sample(range(names), sample))
        (folder / "sample.txt").write_text("".join(f"{name_of(number)}\n" for number in sampled))
        paced = _survey(folder, "sample", authority, "--paced")
    say(f"{sample:,} of them in {paced.usage.elapsed_seconds:.0f} s, one at a time")
    agreement = compare(read_survey(large.folder), names)
    say(str(agreement))
    is_flat = _report_memory(small, large)
    return _report_differences(agreement, large, paced) and is_flat


def _survey(folder: Path, name: str, authority: Authority, *options: str) -> Surveyed:
    authority.check_ours()
    result = folder / f"result-{name}-{len(options)}"
    result.mkdir()
    command = survey_command(folder / f"{name}.txt", result, authority.endpoint)
    usage = run_measured([*command, *options], result / "output")
    return Surveyed(usage, read_usage(result), result)


def _report_memory(small: Surveyed, large: Surveyed) -> bool:
    is_flat = True
    for process, used in large.processes.items():
        before = small.processes[process].peak_octets
        growth = used.peak_octets / before
        is_flat &= growth <= MAY_GROW_TO
        say(f"  peak memory of the {process}: {before >> 20} -> {used.peak_octets >> 20} MiB, x {growth:.2f}")
    say(f"  aim: each at most x {MAY_GROW_TO}: {'reached' if is_flat else 'not reached'}")
    return is_flat


def _report_differences(agreement: Agreement, fast: Surveyed, paced: Surveyed) -> bool:
    slow_answers: dict[str, Answer] = dict(read_survey(paced.folder))
    fast_answers = {name: answer for name, answer in read_survey(fast.folder) if name in slow_answers}
    differing = [name for name, answer in slow_answers.items() if fast_answers.get(name) != answer]
    say(f"  {len(differing)} of {len(slow_answers):,} answers differ between the fast and the slow survey")
    return agreement.is_whole and not differing


if __name__ == "__main__":
    main()

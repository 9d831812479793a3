"""`make bench-dns-recursion`: how many questions in flight a real resolver bears, with the world far away.

NSD as root, parent and a hundred hosters at 20 to 200 ms, half a percent of the packets lost, one name in a
hundred at a server that never answers; before them the Unbound that is shipped, started anew each time.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from crawler.storing.run_folder import RunFolder
from tests.benchmarks import far_authorities
from tests.benchmarks.dns_contestants import read_survey, survey_command
from tests.benchmarks.mail_names import Answer, number_of, write_list
from tests.benchmarks.measuring import FailedError, machine, run_measured, say
from tests.servers.dns_servers import PACKAGES
from tests.servers.far_network import NoTunError
from tests.servers.namespace import NamespaceUnavailableError, missing_programs, open_namespace


def main() -> None:
    """Measure and print; exit with 1 if a name was lost or has a wrong answer, 2 if nothing was measured."""
    parser = argparse.ArgumentParser(prog="make bench-dns-recursion", description=__doc__)
    parser.add_argument("--names", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[100, 300, 1000, 3000])
    given = parser.parse_args()
    if missing := missing_programs({"ip": "iproute2", **PACKAGES}):
        sys.stderr.write(f"bench-dns-recursion: {'; '.join(missing)}\n")
        sys.exit(2)
    say(machine())
    try:
        with tempfile.TemporaryDirectory(prefix="bench-dns-") as folder:
            is_right = measure(Path(folder), given.names, given.in_flight)
    except (FailedError, NamespaceUnavailableError, NoTunError) as error:
        sys.stderr.write(f"bench-dns-recursion: {error}\n")
        sys.exit(2)
    sys.exit(not is_right)


def measure(folder: Path, names: int, in_flight: list[int]) -> bool:
    """Survey the names at each number in flight; tell whether all answers were right."""
    write_list(folder / "names.txt", names)
    is_right = True
    with open_namespace(folder / "log", mounts=True) as namespace:
        trust_anchor = namespace.call(far_authorities.start_network, folder, names)
        for number in in_flight:
            namespace.call(far_authorities.start_resolver, trust_anchor)
            result = folder / str(number)
            result.mkdir()
            command = survey_command(folder / "names.txt", result, far_authorities.RESOLVER)
            usage = namespace.call(run_measured, [*command, "--in-flight", str(number)], result / "output")
            say(
                f"{number} in flight: {names / usage.elapsed_seconds:.0f} names/s,"
                f" {1e6 * usage.cpu_seconds / names:.0f} us CPU a name;"
                f" {_asked_again(result):,} names asked more than once"
            )
            wrong = count_wrong(dict(read_survey(result)), names)
            shown = ", ".join(f"{what} {count:,}" for what, count in wrong.most_common())
            say(f"  {wrong.total():,} wrong{': ' if wrong else ''}{shown}")
            is_right &= not wrong
    return is_right


def _asked_again(result: Path) -> int:
    run = RunFolder(result / "run")
    tables = (pq.read_table(run.part_path("domains", s), columns=["mx"]) for s in run.shards("domains"))
    return sum(row["mx"]["attempts"] > 1 for table in tables for row in table.to_pylist())


def count_wrong(answers: Mapping[str, Answer], names: int) -> Counter[str]:
    """Return how often which status stood in place of which; 'lost': no row."""
    wrong = Counter(
        f"{answer[0]} for {true[0]}"
        for name, answer in answers.items()
        if answer != (true := far_authorities.expected(number_of(name)))
    )
    if lost := names - len(answers):
        wrong["lost"] = lost
    return wrong


if __name__ == "__main__":
    main()

"""Octets that each stage of a survey moves, counted by the loopback interface of a network namespace.

    python -m tests.benchmarks.survey_traffic

Every octet on that interface is of the survey and the lab. Both directions count, with IP and TCP or UDP
headers.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from tests.benchmarks import survey_inside
from tests.benchmarks.survey_names import write_names
from tests.servers.namespace import open_namespace

_ROWS_OF_STAGE = {"resolve": "domains", "hosts": "mx_hosts", "probe": "sessions"}
_ETHERNET_OCTETS = 14
"""Of each packet, which the interface counts and the internet does not carry."""


def main() -> None:
    """Survey the lab stage by stage, and print what each moved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=3_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-traffic-") as name:
        folder = Path(name)
        names, run, log = folder / "names.txt", folder / "run", folder / "output"
        write_names(names, given.names)
        options = ("--out", str(run), "--lab", "--exhaustive")
        command = [sys.executable, "-m", "crawler", "run", str(names), *options]
        with open_namespace(folder / "namespace.log") as namespace:
            for stage, table in _ROWS_OF_STAGE.items():
                octets, packets = namespace.call(survey_inside.moved, [*command, "--until", stage], log)
                octets -= packets * _ETHERNET_OCTETS
                rows = pq.read_table(run / table, columns=[]).num_rows
                a_row = f"{octets / rows:,.0f} octets and {packets / rows:.1f} packets a row"
                sys.stdout.write(f"{stage}: {rows:,} rows, {a_row}\n")


if __name__ == "__main__":
    main()

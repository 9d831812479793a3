"""What checks found, as a CSV file: empty but for its header when all is well."""

import csv
from collections.abc import Sequence
from pathlib import Path

from analysis.figures import Violation
from analysis.whole_file import whole_file

_COLUMNS = ("check", "subject", "violation")


def write_violations(path: Path, violations: Sequence[Violation]) -> None:
    """Write them, whole or not at all."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows((found.check, found.subject, found.violation) for found in violations)


def read_violations(path: Path) -> list[Violation]:
    """Return what was written."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Violation(**row) for row in csv.DictReader(file)]

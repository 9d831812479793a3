"""Change since an earlier run, in short, for the report; a page of its own takes it apart."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from analysis import shares
from analysis.compare import compare_runs
from analysis.compare_result import Change, CrossSection
from analysis.compare_text import decimals, notes, p_text, points, share
from analysis.figures import Violation
from analysis.tables import Cell, Column, Group, Row, Table

_COLUMNS = (
    Column("figure"),
    Column("then", is_number=True),
    Column("now", is_number=True, is_main=True),
    Column("difference, points", is_number=True),
    Column("real change, points", is_number=True),
    Column("paired test"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class ChangeSince:
    """What the report says of an earlier run."""

    old_run: str
    old_day: str
    notes: Sequence[str]
    table: Table
    violations: Sequence[Violation]


def read_change(old: Path, new: Path) -> ChangeSince:
    """Compare a run with an earlier one.

    Raises RunFolderError for a folder that is no finished run, ComparisonError for runs that do not go
    together.
    """
    comparison = compare_runs([old, new])
    pair = comparison.pairs[0]
    rows = [_row(change) for change in pair.changes]
    return ChangeSince(
        pair.old.run_id,
        pair.old.started_at.strftime("%Y-%m-%d"),
        notes(pair.old, pair.new),
        Table("change since the last run", _COLUMNS, [Group(rows)]),
        comparison.violations,
    )


def _row(change: Change) -> Row:
    digits = decimals(change)
    real = change.classes[0].effect
    return Row(
        (
            Cell(change.measure.title),
            _share_cell(change.old),
            _share_cell(change.new),
            Cell(points(change.difference, digits), key=_float(change.difference)),
            Cell(points(real, digits), key=_float(real)),
            Cell(p_text(change.test)),
        )
    )


def _share_cell(section: CrossSection) -> Cell:
    count = f"{shares.count(section.numerator)} of {shares.count(section.denominator)}"
    return Cell(share(section), count, _float(section.share))


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)

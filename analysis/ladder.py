"""The ladder over everything: how many of the listed domains get how far."""

import dataclasses
from collections.abc import Sequence

from markupsafe import Markup

from analysis import shares
from analysis.charts import Bar, bar_chart
from analysis.figures import FigureRow
from analysis.section import DOMAINS
from analysis.tables import Cell, Column, Group, Row, Table

_TITLE = "from listed to authenticated"


@dataclasses.dataclass(frozen=True, slots=True)
class _Step:
    """A step, and the row that counts it."""

    name: str
    figure: str
    stratum: str
    unit: str = ""
    """Empty: any."""
    is_part: bool = True
    """Of the step before."""


_STEPS = (
    _Step("listed", "populations", "D0 listed", is_part=False),
    _Step("has mail", "populations", "D2 mail-capable"),
    _Step("reachable", "populations", "D3 reachable"),
    _Step("STARTTLS", "starttls_by_domain", "all", DOMAINS),
    _Step("valid certificate", "certificate_ladder", "+ name of the MX host", DOMAINS),
    _Step("authenticated", "authenticated_transport", "authenticated", DOMAINS, is_part=False),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Ladder:
    """The ladder as a chart and as a table."""

    chart: Markup
    table: Table


def read_ladder(rows: Sequence[FigureRow]) -> Ladder:
    """Return the ladder from the rows of all figures; a step that no row counts is left out."""
    steps = [(step, row) for step in _STEPS if (row := _row_of(step, rows)) is not None]
    listed = steps[0][1].numerator
    bars, lines, before = [], [], 0
    for step, row in steps:
        bars.append(_bar(step, row, listed))
        lines.append(_line(step, row, listed, before))
        before = row.numerator
    columns = (
        Column("step"),
        Column("domains", is_number=True, is_main=True),
        Column("of the listed", is_number=True),
        Column("of the step before", is_number=True),
        Column("perhaps more", is_number=True),
    )
    return Ladder(bar_chart(bars, _TITLE), Table(_TITLE, columns, [Group(lines)]))


def _row_of(step: _Step, rows: Sequence[FigureRow]) -> FigureRow | None:
    return next(
        (
            row
            for row in rows
            if (row.figure, row.stratum) == (step.figure, step.stratum) and row.unit.startswith(step.unit)
        ),
        None,
    )


def _share(row: FigureRow, whole: int) -> str:
    if not whole:
        return "–"
    low, high = row.numerator / whole, (row.numerator + row.unknown) / whole
    return shares.percent(low, low, high, whole)


def _bar(step: _Step, row: FigureRow, listed: int) -> Bar:
    share = row.numerator / listed if listed else 0.0
    text = f"{shares.count(row.numerator)} · {_share(row, listed)}"
    if not row.unknown or not listed:
        return Bar(step.name, share, None, None, text, "of the listed")
    more = f"of the listed, perhaps {shares.count(row.unknown)} more"
    return Bar(step.name, share, share, (row.numerator + row.unknown) / listed, text, more)


def _line(step: _Step, row: FigureRow, listed: int, before: int) -> Row:
    is_share = step.is_part and bool(before)
    return Row(
        (
            Cell(step.name),
            Cell(shares.count(row.numerator), shares.inference_text(row), row.numerator),
            Cell(_share(row, listed), key=row.numerator),
            Cell(_share(row, before) if is_share else "–", key=row.numerator / before if is_share else None),
            Cell(shares.count(row.unknown) if row.unknown else "–", key=row.unknown or None),
        )
    )

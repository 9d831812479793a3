"""Figure rows, as tests ask for them."""

from collections.abc import Sequence

from analysis.figures import FigureRow


def row_of(rows: Sequence[FigureRow], figure: str, stratum: str, unit: str = "") -> FigureRow:
    found = [r for r in rows if r.figure == figure and r.stratum == stratum and unit in r.unit]
    assert len(found) == 1, (figure, stratum, unit, found)
    return found[0]


def counts(row: FigureRow) -> tuple[int, int]:
    return row.numerator, row.denominator

"""Tables of the report, as all its forms show them."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from analysis import shares
from analysis.figures import FigureRow
from analysis.literature import Anchor
from analysis.section import Section

_NOTHING = "–"


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and what its cells are."""

    title: str
    is_number: bool = False
    is_main: bool = False
    """Set off: the numbers that a reader looks for."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """A text, and what is said below it in small."""

    text: str
    note: str = ""
    key: float | None = None
    """What a number is sorted by; None: there is none."""
    target: str = ""
    """Name of the section that it leads to."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """The first cell names the row."""

    cells: tuple[Cell, ...]
    is_part: bool = False
    """Whether it is a part of a row above it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Rows that belong together, such as those over one denominator."""

    rows: list[Row]
    title: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table, of one group or more; each is sorted by itself."""

    caption: str
    columns: tuple[Column, ...]
    groups: list[Group]


def figure_table(rows: Sequence[FigureRow], caption: str) -> Table:
    """Return all rows of a figure, in its order, by what their shares are of."""
    columns = (
        Column("stratum"),
        Column("share", is_number=True, is_main=True),
        Column("bounds", is_number=True),
        Column("numerator", is_number=True),
        Column("denominator", is_number=True),
        Column("not known", is_number=True),
    )
    return Table(caption, columns, _groups(rows, _figure_row))


def cross_table(rows: Sequence[FigureRow], caption: str) -> Table:
    """Return rows that are the cells of a table, such as "DANE yes: MTA-STS no, PKIX yes", as that table."""
    cells = {(row.stratum.rpartition(", ")[0], row.stratum.rpartition(", ")[2]): row for row in rows}
    names, columns = list(dict.fromkeys(name for name, _ in cells)), list(dict.fromkeys(c for _, c in cells))
    lines = []
    for name in names:
        of_row = [cells[name, column] for column in columns]
        total, whole = sum(row.numerator for row in of_row), of_row[0].denominator
        share = shares.percent(total / whole, None, None, whole) if whole else ""
        lines.append(
            Row(
                (
                    Cell(name),
                    *(_cross_cell(row) for row in of_row),
                    Cell(shares.count(total), share if total else "", total),
                )
            )
        )
    titles = (Column("class"), *(Column(column, is_number=True) for column in columns))
    unit = shares.unit_text(rows[0]) if rows else ""
    return Table(caption, (*titles, Column("all", is_number=True, is_main=True)), [Group(lines, unit)])


def _cross_cell(row: FigureRow) -> Cell:
    return Cell(shares.numerator_text(row), shares.share_text(row) if row.numerator else "", row.numerator)


def population_table(rows: Sequence[FigureRow], caption: str) -> Table:
    """Return the populations, each with its parts, by what they are drawn from."""
    columns = (
        Column("population"),
        Column("members", is_number=True, is_main=True),
        Column("of", is_number=True),
        Column("share", is_number=True),
    )
    return Table(caption, columns, _groups(rows, _population_row))


def key_table(rows: Iterable[tuple[Section, FigureRow]], caption: str) -> Table:
    """Return the key row of each figure."""
    columns = (
        Column("figure"),
        Column("share", is_number=True, is_main=True),
        Column("bounds", is_number=True),
        Column("count", is_number=True),
    )
    return Table(caption, columns, [Group([_key_row(section, row) for section, row in rows])])


def anchor_table(anchors: Sequence[Anchor], caption: str) -> Table:
    """Return published figures, with what each counts."""
    columns = (
        Column("published"),
        Column("value", is_number=True, is_main=True),
        Column("count", is_number=True),
        Column("of what"),
        Column("source"),
    )
    return Table(caption, columns, [Group([_anchor_row(anchor) for anchor in anchors])])


def setting_table(settings: Mapping[str, object], caption: str) -> Table:
    """Return settings with their values."""
    rows = [Row((Cell(name), Cell(_setting_text(value)))) for name, value in settings.items()]
    return Table(caption, (Column("setting"), Column("value")), [Group(rows)])


def share_cell(row: FigureRow) -> Cell:
    """Return the estimate."""
    return Cell(shares.share_text(row), key=row.estimate)


def bounds_cell(row: FigureRow) -> Cell:
    """Return the bounds; what is exact, or leaves open only what is inferred, says so."""
    if row.estimate is None:
        return Cell(_NOTHING)
    if row.interval != shares.NONRESPONSE:
        text = shares.bounds_text(row)
        return Cell(text, "95 % interval", row.low) if text else Cell(_NOTHING)
    return Cell(shares.bounds_text(row) or ("sampled" if row.inferred else "exact"), key=row.low)


def published_text(anchor: Anchor) -> str:
    """Return a published value: a share, or where only a count was published, that."""
    if anchor.value is None:
        return shares.count(anchor.numerator or anchor.denominator or 0)
    return shares.published_percent(anchor.value, anchor.denominator)


def _groups(rows: Sequence[FigureRow], make: Callable[[FigureRow], Row]) -> list[Group]:
    by_unit = groupby(rows, key=shares.unit_text)
    return [Group([make(row) for row in group], unit) for unit, group in by_unit]


def _figure_row(row: FigureRow) -> Row:
    return Row(
        (
            Cell(row.stratum),
            share_cell(row),
            bounds_cell(row),
            Cell(shares.numerator_text(row), key=row.numerator),
            Cell(shares.denominator_text(row), shares.inference_text(row), row.denominator),
            Cell(shares.unknown_text(row), key=row.unknown),
        )
    )


def _population_row(row: FigureRow) -> Row:
    is_part = row.stratum.startswith(("not in", "not determined", "D2 by"))
    return Row(
        (
            Cell(row.stratum),
            Cell(shares.numerator_text(row), key=row.numerator),
            Cell(
                shares.denominator_text(row), "" if is_part else shares.inference_text(row), row.denominator
            ),
            share_cell(row),
        ),
        is_part,
    )


def _key_row(section: Section, row: FigureRow) -> Row:
    what = f"{row.stratum}; {shares.unit_text(row)}"
    return Row(
        (
            Cell(section.title, what, target=section.figure),
            share_cell(row),
            bounds_cell(row),
            Cell(shares.count_text(row), shares.inference_text(row), row.numerator),
        )
    )


def _anchor_row(anchor: Anchor) -> Row:
    return Row(
        (
            Cell(anchor.date),
            Cell(published_text(anchor), key=anchor.value),
            Cell(_published_count(anchor), key=anchor.numerator),
            Cell(f"{anchor.unit}; {anchor.population}"),
            Cell(anchor.source, "† secondary source" if anchor.is_secondary else ""),
        )
    )


def _published_count(anchor: Anchor) -> str:
    if anchor.denominator is None:
        return _NOTHING
    numerator = "" if anchor.numerator is None else f"{shares.count(anchor.numerator)} "
    return f"{numerator}of {shares.count(anchor.denominator)}"


def _setting_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or _NOTHING
    return str(value) if value != "" else _NOTHING

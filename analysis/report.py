"""The report: RUN/report.html, one file that needs nothing else, the same octets for the same run."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis import shares
from analysis.charts import bar_chart, column_chart, own_bars, published_bars
from analysis.figures import DEFINITIONS, FigureRow, compute_figures, figure_sql, read_run
from analysis.literature import LITERATURE, Anchor, read_literature
from analysis.section import HEADLINE, Section, key_row, sentence
from analysis.sections import SECTIONS
from analysis.whole_file import whole_file

_TEMPLATES = Path(__file__).parent / "templates"
_PATH_SETTINGS = {"root_store", "opt_out"}
"""Settings that are places on the surveying machine; the report says what they held, or what it led to."""


@dataclasses.dataclass(frozen=True, slots=True)
class Panel:
    """The part of a figure that one chart shows."""

    title: str
    chart: Markup


@dataclasses.dataclass(frozen=True, slots=True)
class Chapter:
    """One figure as the template shows it."""

    section: Section
    sentence: str
    panels: list[Panel]
    rows: dict[str, list[FigureRow]]
    """By unit, in the order of the figure."""
    anchors: list[Anchor]
    sql: str


def render_report(
    run_folder: Path, rows: Sequence[FigureRow] | None = None, literature: Path = LITERATURE
) -> Path:
    """Write RUN/report.html, whole or not at all, and return its path.

    Without rows, the figures are computed (and written) first. Raises RunFolderError for a run folder that is
    incomplete.
    """
    run = read_run(run_folder)
    rows = compute_figures(run_folder) if rows is None else rows
    page = (
        _environment().get_template("report.html.j2").render(_context(run, rows, read_literature(literature)))
    )
    path = run_folder / "report.html"
    with whole_file(path) as file:
        file.write(page)
    return path


def headlines(rows: Sequence[FigureRow]) -> list[str]:
    """Return lines for the terminal: the headline as a sentence, then each figure in brief."""
    lines = [_headline_sentence(row, rows) for row in _of_figure(rows, HEADLINE)[:1] if row.denominator]
    for section in SECTIONS:
        row = key_row(section, _of_figure(rows, section.figure))
        if row is None:
            continue
        bounds = shares.bounds_text(row)
        amount = "" if shares.is_index(row) else f"{shares.count_text(row)}  "
        line = (
            f"{row.figure:<26} {shares.share_text(row):>11}  {amount}{row.stratum}, {shares.unit_text(row)}"
            + (f"  [{shares.interval_name(row)} {bounds}]" if bounds else "")
            + (f"  [{inference}]" if (inference := shares.inference_text(row)) else "")
        )
        lines.append(_for_terminal(line))
    return lines


def _headline_sentence(row: FigureRow, rows: Sequence[FigureRow]) -> str:
    undetermined = _reachable(rows) - row.denominator
    return _for_terminal(
        f"{shares.share_text(row)} of the reachable mail domains whose answer is known have STARTTLS at "
        f"every reachable primary MX host: {shares.count_text(row)}"
        + (f", and {shares.count(undetermined)} more whose answer is not known" if undetermined else "")
        + (
            f" (bounds over all mail-capable domains: {bounds})"
            if (bounds := shares.bounds_text(row))
            else ""
        )
        + (
            f"; {shares.count(row.inferred)} of the answers are inferred from samples, at most "
            f"{shares.count(row.inference_bound)} of them another"
            if row.inferred
            else ""
        )
    )


def _reachable(rows: Sequence[FigureRow]) -> int:
    """Return the number of domains in D3."""
    return next(row.denominator for row in rows if row.stratum == "D3 determined")


def _for_terminal(line: str) -> str:
    """Narrow spaces are for the page: terminals get a comma between digits, a blank before the sign."""
    space = shares.NARROW_SPACE
    return re.sub(rf"(?<=\d){space}(?=\d)", ",", line).replace(space, " ")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "share": shares.share_text,
        "bounds": shares.bounds_text,
        "bounds_cell": _bounds_cell,
        "is_interval": lambda row: row.interval != shares.NONRESPONSE,
        "inference": shares.inference_text,
        "numerator": shares.numerator_text,
        "denominator": shares.denominator_text,
        "amounts": shares.count_text,
        "unknown": shares.unknown_text,
        "unit": shares.unit_text,
        "count": shares.count,
        "published": _published_text,
        "day": lambda text: _utc(text).strftime("%Y-%m-%d"),
        "minute": lambda text: _utc(text).strftime("%Y-%m-%d %H:%M UTC"),
    }
    return environment


def _context(run: Mapping[str, Any], rows: Sequence[FigureRow], anchors: Sequence[Anchor]) -> dict[str, Any]:
    headline_rows = _of_figure(rows, HEADLINE)
    headline = next(row for row in headline_rows if row.stratum == "all")
    beside = _published(anchors, HEADLINE)
    own = [dataclasses.replace(bar, label="This run: reachable mail domains") for bar in own_bars([headline])]
    chart = bar_chart([*own, *published_bars(beside)], "STARTTLS by domain", "headline")
    chapters = [_chapter(section, rows, anchors) for section in SECTIONS]
    return {
        "run": run,
        "settings": {
            key: value for key, value in sorted(run["settings"].items()) if key not in _PATH_SETTINGS
        },
        "headline": headline,
        "undetermined": _reachable(rows) - headline.denominator,
        "headline_chart": Markup(chart),  # noqa: S704 - drawn by us; every text in it is escaped
        "headline_anchors": beside,
        "chapters": chapters,
        "key_rows": _key_rows(rows),
        "populations": _of_figure(rows, "populations"),
        "populations_sql": figure_sql("populations"),
        "definitions_sql": {
            name: (Path(__file__).parent / name).read_text(encoding="utf-8") for name in DEFINITIONS
        },
        "has_ranks": any(row.stratum == "1/rank" for row in rows),
    }


def _bounds_cell(row: FigureRow) -> str:
    """Return the bounds for a table; one that is exact, or leaves open only what is inferred, says so."""
    if row.estimate is None:
        return "–"
    if row.interval != shares.NONRESPONSE:
        return shares.bounds_text(row) or "–"
    return shares.bounds_text(row) or ("sampled" if row.inferred else "exact")


def _key_rows(rows: Sequence[FigureRow]) -> list[tuple[Section, FigureRow]]:
    found = ((section, key_row(section, _of_figure(rows, section.figure))) for section in SECTIONS)
    return [(section, row) for section, row in found if row is not None and not shares.is_index(row)]


def _chapter(section: Section, rows: Sequence[FigureRow], anchors: Sequence[Anchor]) -> Chapter:
    own = _of_figure(rows, section.figure)
    published = _published(anchors, section.figure)
    by_unit = {unit: list(group) for unit, group in groupby(own, key=lambda row: row.unit)}
    return Chapter(
        section,
        sentence(section, own),
        _panels(section, by_unit, published),
        by_unit,
        published,
        figure_sql(section.figure),
    )


def _panels(
    section: Section, by_unit: Mapping[str, list[FigureRow]], published: Sequence[Anchor]
) -> list[Panel]:
    drawings = []
    for number, (title, rows) in enumerate(_groups(section, by_unit)):
        bars = own_bars([row for row in rows if not shares.is_index(row)])
        identifier = f"{section.figure}-{number}"
        if rows and rows[0].stratum.startswith("hour: "):
            short = [dataclasses.replace(bar, label=bar.label[len("hour: ") :][:2]) for bar in bars]
            drawing = column_chart(short, title, identifier) if len(short) > 1 else ""
            drawings.append((f"{title} (UTC)", drawing))
        else:
            drawings.append((title, bar_chart(bars, title, identifier)))
    title = "published figures, each with its own population and rule"
    drawings.append((title, bar_chart(published_bars(published), title, f"{section.figure}-published")))
    return [
        Panel(title, Markup(drawing))  # noqa: S704 - drawn by us; every text in it is escaped
        for title, drawing in drawings
        if drawing
    ]


def _groups(section: Section, by_unit: Mapping[str, list[FigureRow]]) -> list[tuple[str, list[FigureRow]]]:
    """Return the rows that share a chart, and what it shows."""
    if section.is_one_panel:
        return [("share of: all rows below", [row for rows in by_unit.values() for row in rows])]
    if not section.is_by_answer:
        return [(f"share of: {unit}", rows) for unit, rows in by_unit.items()]
    return [
        (f"{answer}, share of: {unit}", [dataclasses.replace(row, stratum=_part(row)) for row in group])
        for unit, rows in by_unit.items()
        for answer, group in groupby(rows, key=_answer)
    ]


def _answer(row: FigureRow) -> str:
    return row.stratum.partition(": ")[0]


def _part(row: FigureRow) -> str:
    return row.stratum.partition(": ")[2]


def _of_figure(rows: Sequence[FigureRow], figure: str) -> list[FigureRow]:
    return [row for row in rows if row.figure == figure]


def _published(anchors: Sequence[Anchor], figure: str) -> list[Anchor]:
    return sorted((anchor for anchor in anchors if anchor.figure == figure), key=lambda anchor: anchor.date)


def _published_text(anchor: Anchor) -> str:
    if anchor.value is None:
        return shares.count(anchor.numerator or anchor.denominator or 0)
    return shares.published_percent(anchor.value, anchor.denominator)


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

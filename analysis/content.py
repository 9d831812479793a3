"""What the report says, before it takes a form: page, Markdown and LaTeX are made of this."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from analysis import shares
from analysis.change import ChangeSince
from analysis.charts import bar_chart, column_chart, own_bars, published_bars
from analysis.figures import DEFINITIONS, SQL_FOLDER, FigureRow, figure_sql
from analysis.ladder import read_ladder
from analysis.literature import Anchor
from analysis.section import HEADLINE, Section, key_row, sentence
from analysis.sections import SECTIONS
from analysis.tables import (
    Table,
    anchor_table,
    cross_table,
    figure_table,
    key_table,
    population_table,
    setting_table,
)

_PATH_SETTINGS = {"root_store", "opt_out"}
"""Settings that are places on the surveying machine; the report says what they held, or what it led to."""
OF_A_PAPER = (
    HEADLINE,
    "starttls_by_host",
    "certificate_ladder",
    "tls_versions",
    "post_quantum",
    "dnssec_mx",
    "dane_correct",
    "mta_sts_record",
    "mta_sts_ladder",
    "tlsrpt",
    "authenticated_transport",
)
"""The figures of headline.tex."""


@dataclasses.dataclass(frozen=True, slots=True)
class Panel:
    """The part of a figure that one chart shows."""

    title: str
    chart: Markup


@dataclasses.dataclass(frozen=True, slots=True)
class Chapter:
    """One figure."""

    section: Section
    sentence: str
    note: str
    panels: list[Panel]
    cross: Table | None
    table: Table
    anchors: Table | None
    sql: str


@dataclasses.dataclass(frozen=True, slots=True)
class Beside:
    """The headline beside published figures."""

    chart: Markup
    table: Table


def read_content(
    run: Mapping[str, Any], rows: Sequence[FigureRow], anchors: Sequence[Anchor], change: ChangeSince | None
) -> dict[str, Any]:
    """Return by name all that the templates ask for."""
    headline = next(row for row in _of_figure(rows, HEADLINE) if row.stratum == "all")
    keys = key_rows(rows)
    paper = [(section, row) for section, row in keys if section.figure in OF_A_PAPER]
    settings = {key: value for key, value in sorted(run["settings"].items()) if key not in _PATH_SETTINGS}
    return {
        "run": run,
        "lab_note": _lab_note(run["lab"]),
        "headline": headline,
        "headline_text": headline_text(headline),
        "undetermined": reachable(rows) - headline.denominator,
        "beside": _beside(headline, _published(anchors, HEADLINE)),
        "ladder": read_ladder(rows),
        "change": change,
        "key_table": key_table(keys, "key figures"),
        "paper_table": key_table(paper, "Shares with the bounds that hosts without an answer leave"),
        "population_table": population_table(
            _of_figure(rows, "populations"), "populations and what is left out of them"
        ),
        "populations_sql": figure_sql("populations"),
        "definitions_sql": {name: (SQL_FOLDER / name).read_text(encoding="utf-8") for name in DEFINITIONS},
        "chapters": [_chapter(section, rows, anchors) for section in SECTIONS],
        "identity_table": setting_table(_identity(run), "list, root store and versions"),
        "setting_table": setting_table(settings, "settings of the run"),
    }


def headline_text(headline: FigureRow) -> str:
    """Return the headline as a sentence."""
    if headline.estimate is None:
        return (
            "No estimate: no mail domain of this list was reached and determined, so there is no share of "
            "domains with STARTTLS at every primary MX host."
        )
    return (
        f"{shares.share_text(headline)} of the reachable mail domains whose answer is known have STARTTLS at "
        "every reachable primary MX host."
    )


def key_rows(rows: Sequence[FigureRow]) -> list[tuple[Section, FigureRow]]:
    """Return each section whose key row is a share, with that row."""
    found = ((section, key_row(section, _of_figure(rows, section.figure))) for section in SECTIONS)
    return [(section, row) for section, row in found if row is not None and not shares.is_index(row)]


def reachable(rows: Sequence[FigureRow]) -> int:
    """Return the number of domains in D3."""
    return next(row.denominator for row in rows if row.stratum == "D3 determined")


def _lab_note(lab: Mapping[str, Any] | None) -> str:
    if lab is None:
        return ""
    return (
        f"This run surveyed the lab, a loopback internet made up from a profile ({lab['profile']}, seed "
        f"{lab['seed']}). Its figures show that the survey works; they say nothing about the real one."
    )


def _identity(run: Mapping[str, Any]) -> dict[str, str]:
    listed, anchors = shares.count(run["list"]["listed"]), shares.count(run["root_store"]["anchors"])
    return {
        "list": f"{run['list']['name']}, {listed} domains",
        "list, SHA-256": run["list"]["sha256"],
        "root store": f"{run['root_store']['source']}, {anchors} anchors",
        "root store, SHA-256": run["root_store"]["sha256"],
        "software": ", ".join(f"{name} {version}" for name, version in sorted(run["versions"].items())),
    }


def _beside(headline: FigureRow, anchors: Sequence[Anchor]) -> Beside:
    own = [dataclasses.replace(bar, label="This run: reachable mail domains") for bar in own_bars([headline])]
    return Beside(
        bar_chart([*own, *published_bars(anchors)], "STARTTLS by domain"),
        anchor_table(anchors, "published shares of domains with STARTTLS"),
    )


def _chapter(section: Section, rows: Sequence[FigureRow], anchors: Sequence[Anchor]) -> Chapter:
    of_figure = _of_figure(rows, section.figure)
    cells = [row for row in of_figure if section.cross_unit and row.unit == section.cross_unit]
    own = [row for row in of_figure if row not in cells]
    published = _published(anchors, section.figure)
    note = section.note
    if section.figure == "starttls_weighted" and not any(row.stratum == "1/rank" for row in own):
        note += " This list has no ranks, so there is no row for 1/rank."
    return Chapter(
        section,
        sentence(section, own),
        note,
        _panels(section, own, published),
        cross_table(cells, f"{section.title}: one against the other") if cells else None,
        figure_table(own, f"{section.title}: shares with counts and bounds"),
        anchor_table(published, f"published figures beside {section.title}") if published else None,
        figure_sql(section.figure),
    )


def _panels(section: Section, rows: Sequence[FigureRow], published: Sequence[Anchor]) -> list[Panel]:
    panels = []
    for title, group in _groups(section, rows):
        bars = own_bars([row for row in group if not shares.is_index(row)])
        if group and group[0].stratum.startswith("hour: "):
            if len(bars) > 1:
                short = [dataclasses.replace(bar, label=bar.label[len("hour: ") :][:2]) for bar in bars]
                panels.append(Panel(f"{title} (UTC)", column_chart(short, title)))
        elif bars:
            panels.append(Panel(title, bar_chart(bars, title)))
    if bars := published_bars(published):
        title = "published figures, each with its own population and rule"
        panels.append(Panel(title, bar_chart(bars, title)))
    return panels


def _groups(section: Section, rows: Sequence[FigureRow]) -> list[tuple[str, list[FigureRow]]]:
    """Return the rows that share a chart, and what it shows."""
    by_unit = [(unit, list(group)) for unit, group in groupby(rows, key=shares.unit_text)]
    if section.is_one_panel:
        return [("share of: all rows below", list(rows))]
    if not section.is_by_answer:
        return [(f"share of: {unit}", group) for unit, group in by_unit]
    return [
        (f"{answer}, share of: {unit}", [dataclasses.replace(row, stratum=_part(row)) for row in group])
        for unit, of_unit in by_unit
        for answer, group in groupby(of_unit, key=_answer)
    ]


def _answer(row: FigureRow) -> str:
    return row.stratum.partition(": ")[0]


def _part(row: FigureRow) -> str:
    return row.stratum.partition(": ")[2]


def _of_figure(rows: Sequence[FigureRow], figure: str) -> list[FigureRow]:
    return [row for row in rows if row.figure == figure]


def _published(anchors: Sequence[Anchor], figure: str) -> list[Anchor]:
    return sorted((anchor for anchor in anchors if anchor.figure == figure), key=lambda anchor: anchor.date)

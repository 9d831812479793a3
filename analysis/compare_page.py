"""What a comparison leaves behind: a page, a CSV for each table of it, and lines for the terminal."""

import csv
from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from analysis import shares
from analysis.compare_charts import Effect, Line, effects_chart, trend_chart
from analysis.compare_result import (
    MEASURES,
    Change,
    Comparison,
    ComparisonError,
    Measure,
    Pair,
    Run,
)
from analysis.compare_tables import COLUMNS, table_rows
from analysis.compare_text import MINUS, decimals, notes, p_text, points, share
from analysis.figures import SQL_FOLDER
from analysis.pages import html_environment
from analysis.whole_file import whole_file

CLASS_TITLES = {
    "same provider": "real change",
    "provider move": "provider moves",
    "not determined": "not determined in one run",
    "population": "in or out of the population",
    "list churn": "list churn",
}
"""What the effect of a class is called."""
MEMBERS = {
    "same provider": "panel, on the same provider",
    "provider move": "panel, primary provider changed",
    "not determined": "listed in both, no answer in one",
    "population": "listed in both, known not to count in one",
    "list churn": "in one list only",
}
"""Which domains a class has."""
NEAR = timedelta(days=2)
"""Runs nearer than this differ mostly by noise: their flip rate is that of the measurement."""
_MOST_NAMED = 10
_QUESTIONS = (
    "answers",
    "paired",
    "decomposition",
    "clusters",
    "providers",
    "moves",
    "flips",
    "stripping",
    "trend",
)


def render_comparison(comparison: Comparison, out: Path) -> Path:
    """Write DIR/compare.html and DIR/*.csv, each whole or not at all, and return the page's path.

    The same runs give the same octets. Raises ComparisonError for a folder that holds a run.
    """
    if (out / "run.json").exists():
        raise ComparisonError(f"{out}: holds a run; a comparison has a folder of its own")
    out.mkdir(parents=True, exist_ok=True)
    for table, columns in COLUMNS.items():
        with whole_file(out / f"{table}.csv") as file:
            writer = csv.DictWriter(file, columns.split(), extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(table_rows(comparison, table))
    page = _environment().get_template("compare.html.j2").render(_context(comparison))
    path = out / "compare.html"
    with whole_file(path) as file:
        file.write(page)
    return path


def summary(comparison: Comparison) -> list[str]:
    """Return lines for the terminal: for each pair of runs, each figure with what its change is made of."""
    lines = []
    for pair in comparison.pairs:
        lines.append(f"{pair.old.run_id} -> {pair.new.run_id}")
        lines += [_summary_line(change) for change in pair.changes]
    suspects = sum(suspect.is_suspect for suspect in comparison.suspects)
    if comparison.vantage_pairs:
        lines.append(
            f"{suspects} suspects of STARTTLS stripping, and {len(comparison.suspects) - suspects} addresses "
            "that two vantages disagree on once"
        )
    return [line.replace(shares.NARROW_SPACE, " ").replace(MINUS, "-") for line in lines]


def _summary_line(change: Change) -> str:
    head = f"{change.measure.figure:<20} {share(change.old)} -> {share(change.new)}"
    if change.difference is None:
        return f"{head}  no difference: one of the runs has no estimate"
    digits = decimals(change)
    parts = [f"{CLASS_TITLES[row.name]} {points(row.effect, digits)}" for row in change.classes if row.effect]
    members, old_yes, new_yes = change.panel
    panel = f"panel {old_yes} -> {new_yes} of {members}, {p_text(change.test)}"
    return f"{head}  {points(change.difference, digits)} points: {', '.join([*parts, panel])}"


def run_labels(runs: Sequence[Run]) -> list[str]:
    """Return a short name for each run: its day, and what tells it from others of that day."""
    days = [run.started_at.strftime("%Y-%m-%d") for run in runs]
    return [
        day if days.count(day) == 1 else f"{day} ({chr(ord('a') + days[:n].count(day))})"
        for n, day in enumerate(days)
    ]


def _environment() -> Environment:
    environment = html_environment(
        share=share,
        p=p_text,
        minute=lambda run: run.started_at.strftime("%Y-%m-%d %H:%M UTC"),
        percent_of=_percent_of,
    )
    environment.globals |= {
        "points": points,
        "decimals": decimals,
        "class_titles": CLASS_TITLES,
        "class_members": MEMBERS,
    }
    return environment


def _percent_of(numerator: int, denominator: int) -> str:
    if not denominator:
        return "–"
    return shares.percent(numerator / denominator, None, None, denominator)


def _context(comparison: Comparison) -> dict[str, Any]:
    labels = run_labels(comparison.runs)
    first, last = comparison.runs[0], comparison.runs[-1]
    return {
        "runs": list(zip(labels, comparison.runs, strict=True)),
        "lab": first.document["lab"],
        "titles": {measure.figure: measure.title for measure in MEASURES},
        "headline": comparison.pairs[-1].changes[0],
        "pairs": [
            _pair_context(pair, number, names)
            for number, (pair, names) in enumerate(zip(comparison.pairs, pairwise(labels), strict=True), 1)
        ],
        "span": _apart(last.started_at - first.started_at),
        "trends": _trends(comparison, labels) if len(labels) > 2 else [],
        "has_vantages": bool(comparison.vantage_pairs),
        "suspects": [suspect for suspect in comparison.suspects if suspect.is_suspect],
        "seen_once": [suspect for suspect in comparison.suspects if not suspect.is_suspect],
        "labels": dict(enumerate(labels, 1)),
        "violations": comparison.violations,
        "most_named": _MOST_NAMED,
        "queries": {
            f"compare/{name}.sql": (SQL_FOLDER / "compare" / f"{name}.sql").read_text(encoding="utf-8")
            for name in _QUESTIONS
        },
    }


def _pair_context(pair: Pair, number: int, labels: tuple[str, str]) -> dict[str, Any]:
    distance = pair.new.started_at - pair.old.started_at
    return {
        "number": number,
        "old": labels[0],
        "new": labels[1],
        "changes": pair.changes,
        "charts": {change.measure.figure: _effects(change) for change in pair.changes},
        "flips": pair.flips,
        "is_near": distance < NEAR,
        "is_vantages": pair.is_vantages,
        "apart": _apart(distance),
        "notes": notes(pair.old, pair.new),
    }


def _apart(distance: timedelta) -> str:
    hours = round(distance / timedelta(hours=1))
    if hours < 48:
        return "Less than an hour" if not hours else f"{hours} hour{'s' if hours > 1 else ''}"
    return f"{round(distance / timedelta(days=1))} days"


def _effects(change: Change) -> Markup | None:
    if not any(row.effect for row in change.classes):
        return None
    digits = decimals(change)
    return effects_chart(
        [
            Effect(CLASS_TITLES[row.name], float(100 * row.effect), points(row.effect, digits))
            for row in change.classes
            if row.effect is not None
        ],
        f"{change.measure.title}: what the difference is made of, in percentage points",
    )


def _trends(comparison: Comparison, labels: Sequence[str]) -> list[tuple[Measure, Markup, int]]:
    """Return for each figure its chart, and the size of the panel of all runs."""
    trends = []
    for measure in MEASURES:
        crosses = [row for row in comparison.cross_sections if row.figure == measure.figure]
        panel = {row.run: row for row in comparison.trend if row.figure == measure.figure}
        panels = [panel.get(run) for run in range(1, len(labels) + 1)]
        lines = [
            Line(
                "panel",
                "panel of all runs",
                [None if row is None else float(Fraction(row.numerator, row.denominator)) for row in panels],
                ["no panel" if row is None else share(row) for row in panels],
            ),
            Line(
                "cross",
                "cross-section",
                [None if row.share is None else float(row.share) for row in crosses],
                [share(row) for row in crosses],
            ),
        ]
        size = next((row.denominator for row in panels if row is not None), 0)
        trends.append((measure, trend_chart(labels, lines, measure.title), size))
    return trends

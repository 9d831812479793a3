"""The tables of a comparison, as it writes them to CSV."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from analysis.compare_result import MEASURES, Changes, Comparison, Pair

Row = dict[str, Any]

COLUMNS = {
    "cross_sections": "kind figure stratum unit run numerator denominator unknown estimate low high",
    "changes": "old_run new_run figure class members old_yes old_no new_yes new_no gains losses effect",
    "panels": "old_run new_run figure members old_yes new_yes net clusters p is_exact",
    "providers": "old_run new_run figure provider members gains losses",
    "moves": "old_run new_run figure old_provider new_provider members gains losses",
    "flips": "old_run new_run figure unit members gains losses",
    "stripping": "mx_host address provider disagreements compared is_marked is_suspect runs_without",
}
"""The columns of each table. Shares and effects are parts of 1."""


def table_rows(comparison: Comparison, table: str) -> Iterator[Row]:
    """Return the rows of a table."""
    if table == "cross_sections":
        return _cross_sections(comparison)
    if table == "stripping":
        return _stripping(comparison)
    return (
        {"old_run": pair.old.run_id, "new_run": pair.new.run_id} | row
        for pair in comparison.pairs
        for row in _OF_A_PAIR[table](pair)
    )


def _cross_sections(comparison: Comparison) -> Iterator[Row]:
    measures = {measure.figure: measure for measure in MEASURES}
    for kind, rows in (
        ("cross-section", comparison.cross_sections),
        ("panel of all runs", comparison.trend),
    ):
        for row in rows:
            yield asdict(row) | {
                "kind": kind,
                "stratum": measures[row.figure].stratum,
                "unit": measures[row.figure].unit,
                "run": comparison.runs[row.run - 1].run_id,
                "estimate": _number(row.share),
            }


def _stripping(comparison: Comparison) -> Iterator[Row]:
    for suspect in comparison.suspects:
        without = " ".join(comparison.runs[run - 1].run_id for run in suspect.runs_without)
        yield asdict(suspect) | {"is_suspect": suspect.is_suspect, "runs_without": without}


def _classes(pair: Pair) -> Iterator[Row]:
    for change in pair.changes:
        for row in change.classes:
            values = asdict(row)
            yield values | {"class": values.pop("name"), "effect": _number(row.effect)}


def _panels(pair: Pair) -> Iterator[Row]:
    for change in pair.changes:
        sizes = dict(zip(("members", "old_yes", "new_yes"), change.panel, strict=True))
        yield {"figure": change.measure.figure} | sizes | asdict(change.test)


def _providers(pair: Pair) -> Iterator[Row]:
    return (_named(row, "provider") for change in pair.changes for row in change.providers)


def _moves(pair: Pair) -> Iterator[Row]:
    return (_named(row, "old_provider", "new_provider") for change in pair.changes for row in change.moves)


def _flips(pair: Pair) -> Iterator[Row]:
    return (_named(row, "unit") for row in pair.flips)


_OF_A_PAIR: dict[str, Callable[[Pair], Iterator[Row]]] = {
    "changes": _classes,
    "panels": _panels,
    "providers": _providers,
    "moves": _moves,
    "flips": _flips,
}


def _named(row: Changes, *names: str) -> Row:
    counts = {"members": row.members, "gains": row.gains, "losses": row.losses}
    return {"figure": row.figure} | dict(zip(names, row.of, strict=True)) | counts


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)

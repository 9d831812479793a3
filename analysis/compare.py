"""Two or more runs held against each other: what changed, and what only looks like it.

The questions are compare/*.sql, each over two runs side by side; `paired.sql` defines the classes. Each run
is read by itself, by the same definitions as its report; of it only the answers by name are kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import duckdb

from analysis.compare_result import (
    MEASURES,
    Change,
    Changes,
    ClassRow,
    Comparison,
    ComparisonError,
    CrossSection,
    Measure,
    Pair,
    Run,
    Suspect,
    are_vantages,
)
from analysis.compare_sign_test import ClusterGroup, sign_test
from analysis.figures import SQL_FOLDER, Violation, figure_sql, open_tables, read_run


def compare_runs(folders: Sequence[Path]) -> Comparison:
    """Compare runs, the oldest first, each with the one before it.

    Raises RunFolderError for a folder that is no finished run, ComparisonError for runs that do not go
    together.
    """
    runs = [Run(folder, read_run(folder)) for folder in folders]
    _refuse_unlike(runs)
    # Extensions would be fetched from the network; nothing here needs one.
    settings: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": False}
    with duckdb.connect(":memory:", config=settings) as connection:
        connection.execute(f"SET VARIABLE runs = {len(runs)}")
        cross_sections = [row for n, run in enumerate(runs, 1) for row in _read_answers(connection, run, n)]
        _load_cross_sections(connection, cross_sections)
        violations = _check(connection, "answers_are_the_figures")
        pairs = []
        for n, (old, new) in enumerate(pairwise(runs), 1):
            pairs.append(_compare_pair(connection, old, new, cross_sections, n))
            violations += _check(connection, "decomposition_adds_up")
        vantage_pairs = [
            (m, n) for (m, one), (n, other) in combinations(enumerate(runs, 1), 2) if are_vantages(one, other)
        ]
        return Comparison(
            runs,
            cross_sections,
            pairs,
            list(_trend(connection)) if len(runs) > 2 else [],
            vantage_pairs,
            _suspects(connection, vantage_pairs),
            violations,
        )


def _refuse_unlike(runs: Sequence[Run]) -> None:
    if len(runs) < 2:
        raise ComparisonError("two runs or more are compared, the oldest first")
    for one, other in combinations(runs, 2):
        if one.folder.resolve() == other.folder.resolve() or _identity(one) == _identity(other):
            raise ComparisonError(f"{other.folder}: the same run as {one.folder}")
    first = runs[0]
    for run in runs[1:]:
        ours, theirs = first.document.get("format_version"), run.document.get("format_version")
        if ours != theirs:
            raise ComparisonError(
                f"{run.folder}: a run folder of format version {theirs}, but {first.folder} is of {ours}"
            )
        if _internet(run) != _internet(first):
            raise ComparisonError(
                f"{run.folder}: a run of {_internet(run)}, but {first.folder} is of {_internet(first)}"
            )
    for old, new in pairwise(runs):
        if new.started_at < old.started_at:
            raise ComparisonError(f"{new.folder}: began before {old.folder}; name the oldest run first")


def _identity(run: Run) -> tuple[object, ...]:
    return run.run_id, run.document["started_at"], run.document["finished_at"], run.vantage


def _internet(run: Run) -> str:
    """Return which internet a run surveyed.

    A lab is told by its seed, not by its profile: another profile is how the world of a lab changes.
    """
    lab = run.document["lab"]
    return "the real internet" if lab is None else f"the lab of seed {lab['seed']}"


def _read_answers(connection: duckdb.DuckDBPyConnection, run: Run, position: int) -> Iterator[CrossSection]:
    """Read one run, keep its answers by name, and return its cross-sections."""
    with open_tables(run.folder, dict(run.document)) as tables:
        tables.execute(_sql("answers"))
        for name in ("answers", "asked_addresses"):
            kept = tables.sql(f"SELECT {position} AS run, * FROM {name}")  # noqa: S608 - names of ours
            connection.register("rows", kept.to_arrow_table())
            connection.execute(
                f"INSERT INTO {name} FROM rows" if position > 1 else f"CREATE TABLE {name} AS FROM rows"
            )
            connection.unregister("rows")
        for measure in MEASURES:
            yield _cross_section(tables, measure, position)


def _cross_section(tables: duckdb.DuckDBPyConnection, measure: Measure, position: int) -> CrossSection:
    rows = _rows(tables.execute(figure_sql(measure.figure)))
    # Some figures of an empty run have no row at all.
    row = next((row for row in rows if (row["stratum"], row["unit"]) == (measure.stratum, measure.unit)), {})
    return CrossSection(
        run=position,
        figure=measure.figure,
        numerator=int(row.get("numerator", 0)),
        denominator=int(row.get("denominator", 0)),
        unknown=int(row.get("unknown", 0)),
        low=row.get("low"),
        high=row.get("high"),
    )


def _load_cross_sections(connection: duckdb.DuckDBPyConnection, rows: Sequence[CrossSection]) -> None:
    connection.execute(
        "CREATE TABLE cross_sections (run INTEGER, figure VARCHAR, numerator HUGEINT, denominator HUGEINT)"
    )
    connection.executemany(
        "INSERT INTO cross_sections VALUES (?, ?, ?, ?)",
        [(row.run, row.figure, row.numerator, row.denominator) for row in rows],
    )


def _check(connection: duckdb.DuckDBPyConnection, name: str) -> list[Violation]:
    found = connection.execute(_sql(f"checks/{name}")).fetchall()
    return [Violation(name, str(subject), str(violation)) for subject, violation in found]


def _compare_pair(
    connection: duckdb.DuckDBPyConnection,
    old: Run,
    new: Run,
    cross_sections: Sequence[CrossSection],
    position: int,
) -> Pair:
    connection.execute(f"SET VARIABLE old = {position}")
    connection.execute(f"SET VARIABLE new = {position + 1}")
    connection.execute(_sql("paired"))
    connection.execute(f"CREATE OR REPLACE TABLE decomposition AS {_sql('decomposition')}")
    classes = [_class_row(row) for row in _rows(connection.execute("FROM decomposition"))]
    clusters = _rows(connection.execute(_sql("clusters")))
    providers = [_changes(row, "provider") for row in _ask(connection, "providers")]
    moves = [_changes(row, "old_provider", "new_provider") for row in _ask(connection, "moves")]
    section = {(row.run, row.figure): row for row in cross_sections}
    changes = [
        Change(
            measure,
            section[position, measure.figure],
            section[position + 1, measure.figure],
            [row for row in classes if row.figure == measure.figure],
            sign_test(
                [
                    ClusterGroup(row["size"], row["clusters"], row["rising"])
                    for row in clusters
                    if row["figure"] == measure.figure
                ]
            ),
            [row for row in providers if row.figure == measure.figure],
            [row for row in moves if row.figure == measure.figure],
        )
        for measure in MEASURES
    ]
    flips = [_changes(row, "unit") for row in _ask(connection, "flips")]
    return Pair(old, new, changes, flips)


def _class_row(row: Mapping[str, Any]) -> ClassRow:
    counts = ("members", "old_yes", "old_no", "new_yes", "new_no", "gains", "losses")
    numerator, denominator = row["effect_numerator"], row["effect_denominator"]
    return ClassRow(
        figure=row["figure"],
        name=row["class"],
        effect=None if numerator is None else Fraction(int(numerator), int(denominator)),
        **{name: int(row[name]) for name in counts},
    )


def _changes(row: Mapping[str, Any], *of: str) -> Changes:
    return Changes(
        figure=row["figure"],
        of=tuple(row[name] for name in of),
        members=row["members"],
        gains=row["gains"],
        losses=row["losses"],
    )


def _trend(connection: duckdb.DuckDBPyConnection) -> Iterator[CrossSection]:
    # Figure by figure: all at once would need several gigabytes for a million domains.
    for measure in MEASURES:
        connection.execute("SET VARIABLE figure = $1", [measure.figure])
        for row in _ask(connection, "trend"):
            # Of a panel, every answer is known.
            yield CrossSection(figure=measure.figure, unknown=0, low=None, high=None, **row)


def _suspects(
    connection: duckdb.DuckDBPyConnection, vantage_pairs: Sequence[tuple[int, int]]
) -> list[Suspect]:
    connection.execute("CREATE TABLE vantage_pairs (one INTEGER, other INTEGER)")
    if vantage_pairs:
        connection.executemany("INSERT INTO vantage_pairs VALUES (?, ?)", list(vantage_pairs))
    return [
        Suspect(**(row | {"runs_without": tuple(row["runs_without"])}))
        for row in _ask(connection, "stripping")
    ]


def _ask(connection: duckdb.DuckDBPyConnection, question: str) -> list[dict[str, Any]]:
    return _rows(connection.execute(_sql(question)))


def _rows(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    columns = [description[0] for description in cursor.description or ()]
    return [dict(zip(columns, values, strict=True)) for values in cursor.fetchall()]


def _sql(question: str) -> str:
    return (SQL_FOLDER / "compare" / f"{question}.sql").read_text(encoding="utf-8")

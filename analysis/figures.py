"""Figures and checks of a run folder: one SQL file each, run by DuckDB over the run's Parquet tables."""

import csv
import dataclasses
import glob
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

SQL_FOLDER = Path(__file__).parent
_TABLES = (
    "domains",
    "mx_hosts",
    "sts_policies",
    "sessions",
    "certificates",
    "session_verdicts",
    "domain_verdicts",
)
_MEASURES = ("stratum", "numerator", "denominator", "unit", "estimate", "low", "high", "interval")


class RunFolderError(ValueError):
    """A folder that is no complete run folder; the message names what is missing."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One row of a figure: a count, what it is out of, and the bounds of the share."""

    figure: str
    stratum: str
    numerator: int
    denominator: int
    unit: str
    estimate: float | None
    """numerator / denominator; None, and no bounds, when the denominator is 0."""
    low: float | None
    high: float | None
    interval: str
    """What low and high are; 'nonresponse': all unknown are no, all unknown are yes."""
    run: str
    list: str


COLUMNS = tuple(field.name for field in dataclasses.fields(FigureRow))


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """One row of a run that breaks an invariant."""

    check: str
    subject: str
    violation: str


def figure_names() -> tuple[str, ...]:
    """Return the names of all figures, in alphabetical order: the stems of figures/*.sql."""
    return tuple(sorted(path.stem for path in (SQL_FOLDER / "figures").glob("*.sql")))


def figure_sql(figure: str) -> str:
    """Return the SQL text of a figure."""
    return (SQL_FOLDER / "figures" / f"{figure}.sql").read_text(encoding="utf-8")


def read_run(run_folder: Path) -> dict[str, Any]:
    """Return run.json. Raises RunFolderError if it is missing or cannot be read."""
    try:
        content = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{run_folder}: no readable run.json: {error}") from None
    if not isinstance(content, dict):
        raise RunFolderError(f"{run_folder}: run.json is no object")
    return content


def compute_figures(run_folder: Path) -> list[FigureRow]:
    """Compute every figure, write RUN/figures/<figure>.csv, and return all rows, figure by figure.

    The same run folder gives the same octets. Raises RunFolderError for an incomplete run folder.
    """
    with _connect(run_folder) as connection:
        rows = list(_figure_rows(connection, read_run(run_folder)))
    folder = run_folder / "figures"
    folder.mkdir(exist_ok=True)
    for figure in figure_names():
        write_csv(folder / f"{figure}.csv", (row for row in rows if row.figure == figure))
    return rows


def run_checks(run_folder: Path) -> list[Violation]:
    """Return every violation of checks/*.sql: none for a sound run. Raises RunFolderError."""
    with _connect(run_folder) as connection:
        _load_figure_rows(connection, _figure_rows(connection, read_run(run_folder)))
        return [
            Violation(path.stem, str(subject), str(violation))
            for path in sorted((SQL_FOLDER / "checks").glob("*.sql"))
            for subject, violation in connection.execute(path.read_text(encoding="utf-8")).fetchall()
        ]


def write_csv(path: Path, rows: Iterable[FigureRow]) -> None:
    """Write figure rows as CSV (RFC 4180, but LF line ends); an unknown number is an empty field."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([getattr(row, column) for column in COLUMNS])


@contextmanager
def _connect(run_folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that has the run's tables and populations."""
    for table in _TABLES:
        if next((run_folder / table).glob("*.parquet"), None) is None:
            raise RunFolderError(f"{run_folder}: table {table} has no part file")
    # Extensions would be fetched from the network; nothing here needs one.
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(":memory:", config=settings) as connection:
        # The path becomes part of a pattern in SQL, so its own brackets and stars must not act as one.
        connection.execute("SET VARIABLE run_folder = $1", [glob.escape(str(run_folder))])
        connection.execute("SET VARIABLE listed = $1", [read_run(run_folder)["list"]["listed"]])
        for script in ("populations.sql", "domains.sql"):
            connection.execute((SQL_FOLDER / script).read_text(encoding="utf-8"))
        yield connection


def _figure_rows(connection: duckdb.DuckDBPyConnection, run: dict[str, Any]) -> Iterator[FigureRow]:
    for figure in figure_names():
        cursor = connection.execute(figure_sql(figure))
        columns = [description[0] for description in cursor.description or ()]
        assert sorted(columns) == sorted(_MEASURES), (figure, columns)
        for values in cursor.fetchall():
            measures = dict(zip(columns, values, strict=True))
            measures |= {key: int(measures[key]) for key in ("numerator", "denominator")}
            yield FigureRow(figure=figure, run=run["run_id"], list=run["list"]["name"], **measures)


def _load_figure_rows(connection: duckdb.DuckDBPyConnection, rows: Iterable[FigureRow]) -> None:
    values = [tuple(getattr(row, column) for column in COLUMNS) for row in rows]
    connection.execute(
        """CREATE TABLE figure_rows (figure VARCHAR, stratum VARCHAR, numerator HUGEINT, denominator HUGEINT,
           unit VARCHAR, estimate DOUBLE, low DOUBLE, high DOUBLE, "interval" VARCHAR, run VARCHAR,
           list VARCHAR)"""
    )
    connection.executemany("INSERT INTO figure_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

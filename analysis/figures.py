"""Figures and checks of a run folder: one SQL file each, run by DuckDB over the run's Parquet tables."""

import csv
import dataclasses
import glob
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from analysis.database import open_database
from analysis.made import Made, data_digest, digest_of
from analysis.whole_file import whole_file

SQL_FOLDER = Path(__file__).parent
DEFINITIONS = ("populations.sql", "domains.sql", "measures.sql", "transport.sql")
"""What every figure's SQL stands on, in the order in which it is run."""
_TABLES = (
    "domains",
    "mx_hosts",
    "sts_policies",
    "sessions",
    "certificates",
    "session_verdicts",
    "domain_verdicts",
)
_AMOUNTS = ("numerator", "denominator", "unknown", "never", "inferred", "inference_bound")
_SHARES = ("estimate", "low", "high")
_MEASURES = ("stratum", *_AMOUNTS, "unit", *_SHARES, "interval")
_RUN_ENTRIES: dict[str, type] = {
    "run_id": str,
    "started_at": str,
    "finished_at": str,
    "settings": dict,
    "versions": dict,
    "list": dict,
    "list.name": str,
    "list.sha256": str,
    "list.listed": int,
    "list.rejected": int,
    "root_store": dict,
    "root_store.sha256": str,
    "root_store.source": str,
    "root_store.anchors": int,
}
_LAB_ENTRIES: dict[str, type] = {"lab": dict, "lab.profile": str, "lab.seed": int}


class RunFolderError(ValueError):
    """A folder that is no complete run folder; the message says in one line what is wrong, and where."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One row of a figure: a count, what it is out of, and the bounds of the share."""

    figure: str
    stratum: str
    numerator: int
    denominator: int
    unknown: int
    """Of the unit's population: no answer is known, and it may be either. Widens the bounds."""
    never: int
    """Of the unit's population: nobody could be asked, and it cannot be a yes. Outside both bounds."""
    inferred: int
    """Of the denominator: the answer stands, if only in part, on a sample asked in its place."""
    inference_bound: int
    """At most so many of those are another answer (95 % for each sample); no part of low and high."""
    unit: str
    estimate: float | None
    """numerator / denominator; None, and no bounds, when the denominator is 0."""
    low: float | None
    high: float | None
    interval: str
    """What low and high are. 'nonresponse': all unknown are no, all unknown are yes. 'wilson', 'cluster':
    95 %, for a claim beyond the list, were its domains, or its providers, drawn at random."""
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
    """Return run.json of a finished run; `lab` is None unless the run surveyed the lab.

    Raises RunFolderError if it cannot be read, lacks an entry, or says that the run is not finished.
    """
    try:
        document = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{run_folder}: no readable run.json: {error}") from error
    if not isinstance(document, dict):
        raise RunFolderError(f"{run_folder}: run.json is no object")
    if document.get("finished_at") is None:
        raise RunFolderError(f"{run_folder}: the run is not finished")
    content: dict[str, Any] = {"lab": None} | document
    for entry, kind in (_RUN_ENTRIES | (_LAB_ENTRIES if content["lab"] is not None else {})).items():
        if not isinstance(_entry(content, entry), kind):
            raise RunFolderError(f"{run_folder}: run.json has no {entry}, or not as {kind.__name__}")
    for entry in ("started_at", "finished_at"):
        try:
            datetime.fromisoformat(content[entry])
        except ValueError:
            raise RunFolderError(f"{run_folder}: {entry} in run.json is no time") from None
    return content


def _entry(content: dict[str, Any], path: str) -> object:
    """Return what stands at a path such as "list.name"; the parents were looked at before."""
    parent, _, name = path.rpartition(".")
    return (content[parent] if parent else content).get(name)


Tables = Callable[[], duckdb.DuckDBPyConnection]
"""Gives the run's tables and populations, made when they are first asked for."""


@contextmanager
def shared_tables(run_folder: Path) -> Iterator[Tables]:
    """Give the tables to figures and checks alike: they take as long to make as all of these together.

    Raises RunFolderError where `open_tables` does.
    """
    with ExitStack() as stack:
        yield cache(lambda: stack.enter_context(open_tables(run_folder, read_run(run_folder))))


def compute_figures(run_folder: Path, tables: Tables | None = None) -> list[FigureRow]:
    """Bring RUN/figures/<figure>.csv up to date, and return the rows of all, figure by figure.

    A figure is computed again if its SQL, the definitions or the run's tables changed, or its CSV is not
    what was written. The same run folder gives the same octets. Raises RunFolderError for an incomplete run
    folder. Without `shared_tables`, it makes its own.
    """
    run = read_run(run_folder)
    made = Made(run_folder)
    sources = _sources(run_folder, run)
    missing = [
        figure for figure in figure_names() if not made.is_kept(f"figures/{figure}.csv", sources[figure])
    ]
    if missing:
        (run_folder / "figures").mkdir(exist_ok=True)
        with shared_tables(run_folder) as own:
            connection = (tables or own)()
            computed = {figure: list(_figure_rows(connection, run, figure)) for figure in missing}
        for figure, rows in computed.items():
            write_csv(run_folder / "figures" / f"{figure}.csv", rows)
            made.note(f"figures/{figure}.csv", sources[figure])
        made.save()
    return [row for figure in figure_names() for row in read_csv(run_folder / "figures" / f"{figure}.csv")]


def _sources(run_folder: Path, run: dict[str, Any]) -> dict[str, str]:
    """Return for each figure the digest of all that it is made of."""
    definitions = [(SQL_FOLDER / script).read_text(encoding="utf-8") for script in DEFINITIONS]
    common = digest_of(
        COLUMNS,
        definitions,
        duckdb.__version__,
        [run[entry] for entry in ("run_id", "list", "root_store")],
        data_digest(run_folder, run),
    )
    return {figure: digest_of(common, figure_sql(figure)) for figure in figure_names()}


def run_checks(
    run_folder: Path, rows: Sequence[FigureRow] | None = None, tables: Tables | None = None
) -> list[Violation]:
    """Return every violation of checks/*.sql: none for a sound run.

    Without rows, the figures that are checked are computed first; without `shared_tables`, it makes its own.
    Raises RunFolderError.
    """
    run = read_run(run_folder)
    with shared_tables(run_folder) as own:
        connection = (tables or own)()
        if rows is None:
            rows = [row for figure in figure_names() for row in _figure_rows(connection, run, figure)]
        _load_figure_rows(connection, rows)
        return [
            Violation(path.stem, str(subject), str(violation))
            for path in sorted((SQL_FOLDER / "checks").glob("*.sql"))
            for subject, violation in connection.execute(path.read_text(encoding="utf-8")).fetchall()
        ]


def write_csv(path: Path, rows: Iterable[FigureRow]) -> None:
    """Write figure rows as CSV (RFC 4180, but LF line ends), whole or not at all; None is an empty field."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([getattr(row, column) for column in COLUMNS])


def read_csv(path: Path) -> list[FigureRow]:
    """Return the rows that write_csv wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [_figure_row(values) for values in csv.DictReader(file)]


def _figure_row(values: dict[str, Any]) -> FigureRow:
    amounts = {column: int(values[column]) for column in _AMOUNTS}
    shares = {column: float(values[column]) if values[column] else None for column in _SHARES}
    return FigureRow(**(values | amounts | shares))


@contextmanager
def open_tables(run_folder: Path, run: dict[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database that has the run's tables and populations, for the time of the block.

    Raises RunFolderError for tables that are missing or cannot be read, also while the block reads them.
    """
    for table in _TABLES:
        if next((run_folder / table).glob("*.parquet"), None) is None:
            raise RunFolderError(f"{run_folder}: table {table} has no part file")
    variables = {
        # The path becomes part of a pattern in SQL, so its own brackets and stars must not act as one.
        "run_folder": glob.escape(str(run_folder)),
        "listed": run["list"]["listed"],
        "root_store": run["root_store"]["sha256"],
    }
    with open_database(run_folder, run["list"]["listed"]) as connection:
        for name, value in variables.items():
            connection.execute(f"SET VARIABLE {name} = $1", [value])
        # The one border where DuckDB's errors become ours: a part file is read only as far as a query
        # needs it, so a broken one may show in any of them.
        try:
            for script in DEFINITIONS:
                connection.execute((SQL_FOLDER / script).read_text(encoding="utf-8"))
            yield connection
        except duckdb.Error as error:
            reason = str(error).strip().partition("\n")[0]
            raise RunFolderError(f"{run_folder}: the tables cannot be read: {reason}") from error


def _figure_rows(
    connection: duckdb.DuckDBPyConnection, run: dict[str, Any], figure: str
) -> Iterator[FigureRow]:
    cursor = connection.execute(figure_sql(figure))
    columns = [description[0] for description in cursor.description or ()]
    assert sorted(columns) == sorted(_MEASURES), (figure, columns)
    for values in cursor.fetchall():
        measures = dict(zip(columns, values, strict=True))
        measures |= {key: int(measures[key]) for key in _AMOUNTS}
        yield FigureRow(figure=figure, run=run["run_id"], list=run["list"]["name"], **measures)


def _load_figure_rows(connection: duckdb.DuckDBPyConnection, rows: Sequence[FigureRow]) -> None:
    values = [tuple(getattr(row, column) for column in COLUMNS) for row in rows]
    connection.execute(
        """CREATE TABLE figure_rows (figure VARCHAR, stratum VARCHAR, numerator HUGEINT, denominator HUGEINT,
           unknown HUGEINT, never HUGEINT, inferred HUGEINT, inference_bound HUGEINT, unit VARCHAR,
           estimate DOUBLE, low DOUBLE, high DOUBLE, "interval" VARCHAR, run VARCHAR, list VARCHAR)"""
    )
    places = ", ".join("?" for _ in COLUMNS)
    if values:
        connection.executemany(f"INSERT INTO figure_rows VALUES ({places})", values)  # noqa: S608 - only "?"

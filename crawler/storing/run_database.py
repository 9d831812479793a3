"""DuckDB over the tables of a run folder, in memory that does not grow with them."""

import contextlib
import errno
import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from crawler.stage import work_list
from crawler.storing.object_store import ObjectPath
from crawler.storing.parquet_files import ROW_GROUP_ROWS, write_parquet_batches
from crawler.storing.run_folder import RunFolder

_LIMITS: dict[str, str | int | float | list[str]] = {
    "memory_limit": "256MB",
    "threads": 1,
    "preserve_insertion_order": False,
}
"""What a query may hold before it goes on in files. The endpoints of a million domains are joined and sorted
in 192 MB by one thread; each thread more takes a share of its own. Who wants rows in an order says so."""

_NO_ROOM = ("No space left on device", "max_temp_directory_size")
"""What DuckDB says when the disk is full: it has no error of its own for that."""


class RunDatabase:
    """Queries over one run folder; their parameters are variables, read by getvariable('name')."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        """Use a connection, and a folder of this machine for what is kept between two queries."""
        self._connection = connection
        self._folder = folder

    def set(self, **variables: Any) -> None:
        """Set variables for the queries to come."""
        for name, value in variables.items():
            self._connection.execute(f"SET VARIABLE {name} = $value", {"value": value})

    def execute(self, sql: str) -> None:
        """Run a statement that gives no rows."""
        self._connection.execute(sql)

    def keep(self, name: str, sql: str) -> None:
        """Name the rows of a query for the queries to come; they stand in a file meanwhile.

        A table would do the same in memory: DuckDB does not let go of its blocks when it has too little.
        """
        path = self._folder / f"{name}.parquet"
        quoted = str(path).replace("'", "''")
        self._connection.execute(
            f"COPY ({sql}) TO '{quoted}' (FORMAT parquet, ROW_GROUP_SIZE {ROW_GROUP_ROWS})"
        )
        self._connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{glob.escape(quoted)}')")

    def register(self, name: str, rows: pa.Table) -> None:
        """Name a table for the queries to come."""
        self._connection.register(name, rows)

    def batches(self, sql: str) -> pa.RecordBatchReader:
        """Give the rows of a query, batch by batch."""
        return self._connection.sql(sql).to_arrow_reader(ROW_GROUP_ROWS)

    def write(self, sql: str, path: Path, schema: pa.Schema | None = None) -> None:
        """Write the rows of a query to a Parquet file, which appears whole or not at all.

        schema: what its columns are cast to; None: as the query gives them.
        """
        with self.batches(sql) as rows:
            wanted = schema or rows.schema
            write_parquet_batches(path, wanted, (batch.cast(wanted) for batch in rows))


@contextlib.contextmanager
def run_database(run: RunFolder, **variables: Any) -> Iterator[RunDatabase]:
    """Open a database for a few queries. What does not fit into memory is put beside the work lists.

    Of a run in an object store it is put into a folder of this machine.
    """
    with (
        run.local_folder(run.work_path(".spilled")) as spilled,
        duckdb.connect(config={**_LIMITS, "temp_directory": str(spilled)}) as connection,
        run.path.queried_by(connection) if isinstance(run.path, ObjectPath) else contextlib.nullcontext(),
    ):
        spilled.mkdir(parents=True, exist_ok=True)
        database = RunDatabase(connection, spilled)
        database.execute("SET TimeZone = 'UTC'")
        database.set(**variables)
        try:
            yield database
        except (duckdb.Error, OSError) as error:  # Arrow has an OSError of what comes while it reads rows
            if any(words in str(error) for words in _NO_ROOM):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(spilled)) from None
            raise
        finally:
            for kept in spilled.glob("*.parquet"):
                kept.unlink()
            with contextlib.suppress(OSError):  # DuckDB's own files are there until it is closed
                spilled.rmdir()


def parts(run: RunFolder, table: str) -> str:
    """Return the pattern of a table's part files."""
    return f"{glob.escape(str(run.table_folder(table)))}/part-*.parquet"


def lists(run: RunFolder, *stages: str) -> list[str]:
    """Return the files of work lists, as patterns."""
    return [glob.escape(str(work_list(run, stage))) for stage in stages]

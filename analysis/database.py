"""The database that a run's tables are read into: in memory, or in a file when there is too much of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

LISTED_IN_MEMORY = 2_000_000
"""A domain takes some 3 KB in memory; with a file it is half of that, for a fifth more CPU."""
_MAY_HOLD_OCTETS = 4_000_000_000
"""DuckDB's share of the memory; what does not fit is written to a temporary folder."""


@contextmanager
def open_database(run_folder: Path, listed: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database for a run of so many listed domains; it is gone after the block.

    Raises OSError, as the store said it, if the folder is in an object store that fails.
    """
    with TemporaryDirectory(prefix="starttls-survey-") as folder:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        settings: dict[str, str | bool | int | float | list[str]] = {
            # Extensions would be fetched from the network; nothing here needs one.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": f"{min(_MAY_HOLD_OCTETS, memory * 4 // 5)}B",
            "temp_directory": f"{folder}/spilled",
            # Every query that is read says its order. To keep that of the part files besides costs time.
            "preserve_insertion_order": False,
            # Nobody opens the file again: what a checkpoint would make of it is for nothing.
            "wal_autocheckpoint": "1TB",
        }
        place = ":memory:" if listed <= LISTED_IN_MEMORY else f"{folder}/tables.duckdb"
        # A path into an object store brings what DuckDB reads it by.
        queried_by = getattr(run_folder, "queried_by", nullcontext)
        with duckdb.connect(place, config=settings) as connection, queried_by(connection):
            connection.execute("PRAGMA disable_checkpoint_on_shutdown")
            yield connection

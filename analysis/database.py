"""The database that a run's tables are read into: in memory, or in a file when there is too much of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import duckdb

LISTED_IN_MEMORY = 2_000_000
"""A domain takes some 3 KB in memory; with a file it is half of that, for a fifth more CPU."""
_MAY_HOLD_OCTETS = 4_000_000_000
"""DuckDB's share of the memory; what does not fit is written to a temporary folder."""


@contextmanager
def open_database(listed: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database for a run of so many listed domains; it is gone after the block."""
    with TemporaryDirectory(prefix="starttls-survey-") as folder:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        settings: dict[str, str | bool | int | float | list[str]] = {
            # Extensions would be fetched from the network; nothing here needs one.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": f"{min(_MAY_HOLD_OCTETS, memory * 4 // 5)}B",
            "temp_directory": f"{folder}/spilled",
        }
        place = ":memory:" if listed <= LISTED_IN_MEMORY else f"{folder}/tables.duckdb"
        with duckdb.connect(place, config=settings) as connection:
            yield connection

"""Rows on disk, distinct by their key: written once in order, then read as often as wanted.

A list of millions of names so takes no more memory than a short one.
"""

import sqlite3
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

Record = TypeVar("Record")


class RowStore(Generic[Record]):
    """Rows of a few plain values in a temporary file without a name, which ends with the store."""

    def __init__(self, columns: str, make: Callable[..., Record]) -> None:
        """Begin empty. `columns` are those of an SQL table, constraints included; `make` reads a row back."""
        self._make = make
        self._size = 0
        self._places = ", ".join("?" for _ in columns.split(","))
        self._connection = sqlite3.connect("", isolation_level=None)
        weakref.finalize(self, self._connection.close)
        self._connection.execute(f"CREATE TABLE rows ({columns})")
        self._connection.execute(
            "BEGIN"
        )  # one transaction: nobody else sees this file, nobody needs it later

    def add(self, *values: Any) -> bool:
        """Add a row, unless one with its key is there already; tell whether it was added."""
        insert = f"INSERT OR IGNORE INTO rows VALUES ({self._places})"  # noqa: S608  # question marks only
        is_new = self._connection.execute(insert, values).rowcount == 1
        self._size += is_new
        return is_new

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self._size

    def __iter__(self) -> Iterator[Record]:
        """Give the rows in the order in which they were added."""
        for row in self._connection.execute("SELECT * FROM rows ORDER BY rowid"):
            yield self._make(*row)

"""Rows on disk: written once, then read as often as wanted.

A list of millions of names so takes no more memory than a short one.
"""

import os
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

_BATCH_ROWS = 2_000
"""How many rows, at least, are written together."""


class RowStore:
    """Arrow rows in a temporary file without a name, which ends with the store."""

    def __init__(self, schema: pa.Schema) -> None:
        """Begin empty."""
        self._schema = schema
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed when the store is gone
        weakref.finalize(self, self._file.close)
        self._written: list[tuple[int, int]] = []
        """Of each batch in the file: where it begins, and its octets."""
        self._rows: list[tuple[Any, ...]] = []
        self._batches: list[pa.RecordBatch] = []
        """What is not written yet: batches, and rows behind them."""
        self._size = 0

    def add(self, *values: Any) -> None:
        """Add a row."""
        self._rows.append(values)
        self._size += 1
        if len(self._rows) >= _BATCH_ROWS:
            self._write()

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Add rows that stand in columns, which have the schema."""
        self._put_in_columns()
        self._batches.append(batch)
        self._size += batch.num_rows
        if sum(waiting.num_rows for waiting in self._batches) >= _BATCH_ROWS:
            self._write()

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self._size

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows in the order in which they were added."""
        self._write()
        self._file.flush()
        for begin, size in self._written:
            octets = os.pread(self._file.fileno(), size, begin)
            yield pa.ipc.read_record_batch(pa.py_buffer(octets), self._schema)

    def _put_in_columns(self) -> None:
        if self._rows:
            columns = map(pa.array, zip(*self._rows, strict=True), self._schema.types)
            self._batches.append(pa.RecordBatch.from_arrays(list(columns), schema=self._schema))
            self._rows.clear()

    def _write(self) -> None:
        self._put_in_columns()
        if self._batches:
            for batch in pa.Table.from_batches(self._batches).combine_chunks().to_batches():
                octets = batch.serialize()
                self._written.append((self._file.tell(), octets.size))
                self._file.write(octets)
            self._batches.clear()

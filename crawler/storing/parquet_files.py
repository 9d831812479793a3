"""Parquet files of a run, on this machine or in an object store."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.storing.digests import Digests
from crawler.storing.object_store import ObjectPath, named
from crawler.storing.whole_file import WholeFile


def parquet_file(path: Path) -> Any:
    """Return what Arrow reads a Parquet file from."""
    return path.open_to_seek() if isinstance(path, ObjectPath) else path


@contextlib.contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file. Raises FileNotFoundError, of an object also when it goes while it is read."""
    if isinstance(path, ObjectPath):
        with named(path), path.open_to_seek() as octets, pq.ParquetFile(octets) as file:
            yield file
    else:
        with pq.ParquetFile(path) as file:
            yield file


def count_rows(path: Path) -> int:
    """Return how many rows a Parquet file has. Raises FileNotFoundError."""
    with open_parquet(path) as file:
        rows: int = file.metadata.num_rows
    return rows


def write_parquet(path: Path, rows: pa.Table, *, digests: Digests | None = None) -> None:
    """Write a Parquet file so that it appears whole or not at all; its digest, if wanted, is noted before."""
    with WholeFile(path, digests) as aside, _sink(aside) as sink:
        pq.write_table(rows, sink, compression="zstd")


def write_parquet_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a Parquet file, each batch a row group, so that it appears whole or not at all."""
    with (
        WholeFile(path) as aside,
        _sink(aside) as sink,
        pq.ParquetWriter(sink, schema, compression="zstd") as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)


def _sink(path: Path) -> contextlib.AbstractContextManager[Any]:
    return path.open("wb") if isinstance(path, ObjectPath) else contextlib.nullcontext(path)

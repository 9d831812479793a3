"""Domain lists: CSV (rank,domain), plain text, Parquet; also .gz and .zst. Junk is reported, never fatal."""

import contextlib
import gzip
import hashlib
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from crawler.list_lines import LineReader, whole_lines
from crawler.listed import DomainList, ReadLines

_PARQUET_BATCH_ROWS = 10_000


class DomainListError(ValueError):
    """A list that cannot be read at all; the message names it and says why."""


def read_list(source: str) -> DomainList:
    """Read a list from a file, or from standard input when the source is '-'.

    Raises DomainListError if the source is missing, no file, empty, cannot be unpacked, or holds no domain.
    """
    name = "standard input" if source == "-" else Path(source).name
    lines = ReadLines()
    with _octets(source) as octets:
        sha256 = hashlib.file_digest(octets, "sha256").hexdigest()
        if octets.tell() == 0:
            raise DomainListError(f"{source}: the list is empty")
        octets.seek(0)
        _read(source, octets, lines)
    domains, rejected = lines.settle()
    if not len(domains):
        first = next((f"line {entry.line}: {entry.reason}" for entry in rejected), "no lines")
        raise DomainListError(f"{source}: no usable domain in {len(rejected)} lines ({first})")
    return DomainList(name, sha256, domains, rejected)


def _read(source: str, octets: io.BufferedIOBase, lines: ReadLines) -> None:
    begins_with = octets.read(4)
    octets.seek(0)
    if begins_with == b"PAR1":
        _read_parquet(source, octets, lines)
        return
    reader = LineReader(lines)
    for text in _unpacked_lines(source, octets, begins_with):
        reader.read(text)


def _read_parquet(source: str, octets: io.BufferedIOBase, lines: ReadLines) -> None:
    for number, row in enumerate(_parquet_rows(source, octets), start=1):
        value, rank = row["domain"], row.get("rank")
        text = "" if value is None else str(value)
        lines.name(number, text, rank=rank if isinstance(rank, int) else None)


def _unpacked_lines(source: str, octets: io.BufferedIOBase, begins_with: bytes) -> Iterator[bytes]:
    try:
        yield from whole_lines(_unpacked(octets, begins_with))
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise DomainListError(f"{source}: cannot be unpacked: {error}") from None


def _parquet_rows(source: str, octets: io.BufferedIOBase) -> Iterator[dict[str, Any]]:
    try:
        file = pq.ParquetFile(octets)
        columns = [name for name in ("domain", "rank") if name in file.schema_arrow.names]
        if "domain" not in columns:
            raise DomainListError(f"{source}: the Parquet file has no column 'domain'")
        for batch in file.iter_batches(_PARQUET_BATCH_ROWS, columns=columns):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DomainListError(f"{source}: no readable Parquet file: {error}") from None


# --- octets --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _octets(source: str) -> Iterator[io.BufferedIOBase]:
    """Open the list's octets so that they can be read twice."""
    if source == "-":
        if sys.stdin is None:
            raise DomainListError("standard input: is closed")
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.seek(0)
            yield copy
        return
    path = Path(source)
    if path.is_dir():
        raise DomainListError(f"{source}: is a folder, not a list")
    try:
        file = path.open("rb")
    except OSError as error:
        raise DomainListError(f"{source}: {error.strerror or error}") from None
    with file:
        yield file


def _unpacked(packed: io.BufferedIOBase, begins_with: bytes) -> io.BufferedIOBase:
    """Return a stream of the list's own octets, whatever it is packed with (told by its first octets)."""
    if begins_with.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=packed)
    if begins_with.startswith(b"\x28\xb5\x2f\xfd"):
        frames = zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], packed), read_across_frames=True)
        return io.BufferedReader(cast(io.RawIOBase, frames))
    return packed

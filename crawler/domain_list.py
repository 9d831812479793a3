"""Domain lists: CSV (rank,domain), plain text, Parquet; also .gz and .zst. Junk is reported, never fatal."""

import contextlib
import csv
import gzip
import hashlib
import io
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from crawler.domain_name import RejectedNameError, normalize
from crawler.outcomes import Rejection
from crawler.storing.row_store import RowStore

Row = TypeVar("Row", covariant=True)

MAX_LINE_OCTETS = 4096
"""A longer line is rejected unread: a domain name has at most 253 octets."""
MAX_RANK = 2**63 - 1
"""A larger one is no rank: it does not fit its column."""
SHOWN_CHARACTERS = 80
"""How much of a rejected line is shown."""

_PARQUET_BATCH_ROWS = 10_000
_REASONS = {reason.value: reason for reason in Rejection}


class DomainListError(ValueError):
    """A list that cannot be read at all; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class ListedDomain:
    """One distinct domain of a list."""

    domain: str
    position: int
    """Its place among the distinct domains, from 1."""
    rank: int | None
    signed: bool | None = None
    """What a column `signed` of the list says: the zone has a DS record. Only the lab reads it."""


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that gave no domain."""

    line: int
    text: str
    """The line, cut to SHOWN_CHARACTERS, unprintable characters escaped."""
    reason: Rejection


class Rows(Protocol[Row]):
    """Rows that are counted and can be read again and again: a list, or more than memory should hold."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __iter__(self) -> Iterator[Row]:
        """Give them in order."""


@dataclass(frozen=True, slots=True)
class DomainList:
    """A list that was read: where from, the digest of its octets, and what was in it."""

    name: str
    sha256: str
    domains: Rows[ListedDomain]
    rejected: Rows[RejectedLine]


def read_list(source: str) -> DomainList:
    """Read a list from a file, or from standard input when the source is '-'.

    Raises DomainListError if the source is missing, no file, empty, cannot be unpacked, or holds no domain.
    """
    name = "standard input" if source == "-" else Path(source).name
    domains = RowStore("position INTEGER PRIMARY KEY, domain UNIQUE, rank, signed", _listed_domain)
    rejected = RowStore("line INTEGER PRIMARY KEY, text, reason", _rejected_line)
    with _octets(source) as octets:
        sha256 = hashlib.file_digest(octets, "sha256").hexdigest()
        if octets.tell() == 0:
            raise DomainListError(f"{source}: the list is empty")
        octets.seek(0)
        for line in _entries(source, octets):
            entry = line if isinstance(line, RejectedLine) else _list(domains, *line)
            if entry is not None:
                rejected.add(entry.line, entry.text, entry.reason)
    if not len(domains):
        first = next((f"line {entry.line}: {entry.reason}" for entry in rejected), "no lines")
        raise DomainListError(f"{source}: no usable domain in {len(rejected)} lines ({first})")
    return DomainList(name, sha256, domains, rejected)


def _listed_domain(position: int, domain: str, rank: int | None, signed: int | None) -> ListedDomain:
    return ListedDomain(domain, position, rank, None if signed is None else bool(signed))


def _rejected_line(line: int, text: str, reason: str) -> RejectedLine:
    return RejectedLine(line, text, _REASONS[reason])


def _list(
    domains: RowStore[ListedDomain], line: int, text: str, rank: int | None, signed: bool | None
) -> RejectedLine | None:
    """Add a line's domain, or return why it gives none."""
    try:
        domain = normalize(text)
    except RejectedNameError as rejected:
        return RejectedLine(line, _shown(text), rejected.reason)
    rank = rank if rank is not None and not isinstance(rank, bool) and 0 < rank <= MAX_RANK else None
    if domains.add(len(domains) + 1, domain, rank, signed):
        return None
    return RejectedLine(line, _shown(text), Rejection.DUPLICATE)


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


# --- lines ---------------------------------------------------------------------------------------------

_Line = tuple[int, str, int | None, bool | None] | RejectedLine
"""Line number, the text that should be a domain, rank, signed; or a line that holds none."""


def _entries(source: str, octets: io.BufferedIOBase) -> Iterator[_Line]:
    begins_with = octets.read(4)
    octets.seek(0)
    if begins_with == b"PAR1":
        yield from _parquet_rows(source, octets)
        return
    try:
        yield from _columns_of(_text_lines(_bounded_lines(_unpacked(octets, begins_with))))
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise DomainListError(f"{source}: cannot be unpacked: {error}") from None


def _parquet_rows(source: str, octets: io.BufferedIOBase) -> Iterator[_Line]:
    number = 0
    try:
        file = pq.ParquetFile(octets)
        columns = [name for name in ("domain", "rank") if name in file.schema_arrow.names]
        if "domain" not in columns:
            raise DomainListError(f"{source}: the Parquet file has no column 'domain'")
        for batch in file.iter_batches(_PARQUET_BATCH_ROWS, columns=columns):
            for row in batch.to_pylist():
                number += 1
                value, rank = row["domain"], row.get("rank")
                yield (
                    number,
                    "" if value is None else str(value),
                    rank if isinstance(rank, int) else None,
                    None,
                )
    except (pa.ArrowException, OSError) as error:
        raise DomainListError(f"{source}: no readable Parquet file: {error}") from None


def _bounded_lines(stream: io.BufferedIOBase) -> Iterator[tuple[int, bytes, bool]]:
    """Yield number, line without its end and cut to the limit, and whether that is the whole line."""
    number = 0
    while line := stream.readline(MAX_LINE_OCTETS + 1):
        number += 1
        if len(line) > MAX_LINE_OCTETS and not line.endswith(b"\n"):
            yield number, line, False
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_OCTETS)
        else:
            yield number, line.rstrip(b"\r\n"), True


def _text_lines(lines: Iterable[tuple[int, bytes, bool]]) -> Iterator[tuple[int, str] | RejectedLine]:
    for number, line, is_whole in lines:
        if not is_whole:
            yield RejectedLine(number, _shown(line.decode("latin-1")), Rejection.LINE_TOO_LONG)
            continue
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            yield RejectedLine(number, _shown(line.decode("latin-1")), Rejection.NOT_TEXT)
            continue
        if not text.replace("\t", " ").isprintable():
            yield RejectedLine(number, _shown(text), Rejection.NOT_TEXT)
        else:
            yield number, text


def _columns_of(lines: Iterable[tuple[int, str] | RejectedLine]) -> Iterator[_Line]:
    """Find the domain of each line: by a header's column 'domain', as rank,domain, or the line itself."""
    header: dict[str, int] | None = None
    is_first = True
    for line in lines:
        if isinstance(line, RejectedLine):
            yield line
            continue
        number, text = line
        if text.lstrip().startswith("#"):
            yield RejectedLine(number, _shown(text), Rejection.COMMENT)
            continue
        is_csv = "," in text or '"' in text
        fields = [field.strip() for field in next(csv.reader([text]), [])] if is_csv else [text]
        if is_first and text.strip():
            is_first = False
            names = [field.lower() for field in fields]
            if "domain" in names:
                header = {name: index for index, name in enumerate(names)}
                continue
        if header is not None:
            yield _by_header(number, text, fields, header)
        elif len(fields) == 2 and fields[0].isdecimal():
            yield number, fields[1], int(fields[0]), None
        else:
            yield number, fields[0] if fields else "", None, None


def _by_header(number: int, text: str, fields: list[str], header: dict[str, int]) -> _Line:
    def value(name: str) -> str:
        index = header.get(name, len(fields))
        return fields[index] if index < len(fields) else ""

    if not text.strip():
        return RejectedLine(number, "", Rejection.BLANK)
    rank, signed = value("rank"), value("signed").lower()
    return (
        number,
        value("domain"),
        int(rank) if rank.isdecimal() else None,
        {"true": True, "false": False}.get(signed),
    )


def _shown(text: str) -> str:
    cut = text[:SHOWN_CHARACTERS]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)

"""Domain lists: CSV (rank,domain), plain text, Parquet; also .gz and .zst. Junk is reported, never fatal."""

import csv
import gzip
import hashlib
import io
import ipaddress
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import idna
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from crawler.outcomes import Rejection

MAX_LINE_OCTETS = 4096
"""A longer line is rejected unread: a domain name has at most 253 octets."""
MAX_NAME_OCTETS = 253
"""RFC 1035 s2.3.4: 255 octets on the wire."""
MAX_LABEL_OCTETS = 63
SHOWN_CHARACTERS = 80
"""How much of a rejected line is shown."""

_LETTERS_DIGITS_HYPHEN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


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


@dataclass(frozen=True, slots=True)
class DomainList:
    """A list that was read: where from, the digest of its octets, and what was in it."""

    name: str
    sha256: str
    domains: list[ListedDomain]
    rejected: list[RejectedLine]


class RejectedNameError(ValueError):
    """A text that is no domain of a list; `reason` says why."""

    def __init__(self, reason: Rejection) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


def read_list(source: str) -> DomainList:
    """Read a list from a file, or from standard input when the source is '-'.

    Raises DomainListError if the source is missing, no file, empty, cannot be unpacked, or holds no domain.
    """
    octets = _octets(source)
    if not octets:
        raise DomainListError(f"{source}: the list is empty")
    name = "standard input" if source == "-" else Path(source).name
    domains: list[ListedDomain] = []
    rejected: list[RejectedLine] = []
    for entry in _distinct(_entries(source, octets)):
        if isinstance(entry, ListedDomain):
            domains.append(entry)
        else:
            rejected.append(entry)
    if not domains:
        first = f"line {rejected[0].line}: {rejected[0].reason}" if rejected else "no lines"
        raise DomainListError(f"{source}: no usable domain in {len(rejected)} lines ({first})")
    return DomainList(name, hashlib.sha256(octets).hexdigest(), domains, rejected)


def normalize(text: str) -> str:
    """Return a domain as A-labels (IDNA 2008 with UTS 46 mapping), lower case, without final dot.

    Raises RejectedNameError if the text is none.
    """
    name = text.strip()
    if not name:
        raise RejectedNameError(Rejection.BLANK)
    if "://" in name or "/" in name:
        raise RejectedNameError(Rejection.URL)
    if "@" in name:
        raise RejectedNameError(Rejection.EMAIL_ADDRESS)
    if _is_address(name):
        raise RejectedNameError(Rejection.IP_ADDRESS)
    name = name.removesuffix(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii").removesuffix(".")
        except (idna.IDNAError, UnicodeError):
            raise RejectedNameError(Rejection.INVALID_IDN) from None
    return _checked(name)


def _is_address(text: str) -> bool:
    host = text.strip("[]")
    candidates = (host, host.rpartition(":")[0]) if host.count(":") == 1 else (host,)
    for candidate in candidates:
        try:
            ipaddress.ip_address(candidate)
        except ValueError:
            continue
        return True
    return False


def _checked(name: str) -> str:
    if len(name) > MAX_NAME_OCTETS:
        raise RejectedNameError(Rejection.NAME_TOO_LONG)
    labels = name.split(".")
    for label in labels:
        if len(label) > MAX_LABEL_OCTETS:
            raise RejectedNameError(Rejection.LABEL_TOO_LONG)
        if not label or not _LETTERS_DIGITS_HYPHEN.issuperset(label) or "-" in (label[0], label[-1]):
            raise RejectedNameError(Rejection.NOT_A_DOMAIN)
    if len(labels) == 1:
        raise RejectedNameError(Rejection.SINGLE_LABEL)
    if labels[-1].isdigit():
        raise RejectedNameError(Rejection.NOT_A_DOMAIN)
    return name


# --- octets --------------------------------------------------------------------------------------------


def _octets(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    path = Path(source)
    if path.is_dir():
        raise DomainListError(f"{source}: is a folder, not a list")
    try:
        return path.read_bytes()
    except OSError as error:
        raise DomainListError(f"{source}: {error.strerror or error}") from None


def _unpacked(octets: bytes) -> io.BufferedIOBase:
    """Return a stream of the list's own octets, whatever it is packed with (told by its first octets)."""
    packed = io.BytesIO(octets)
    if octets.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=packed)
    if octets.startswith(b"\x28\xb5\x2f\xfd"):
        frames = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        return io.BufferedReader(cast(io.RawIOBase, frames))
    return packed


# --- lines ---------------------------------------------------------------------------------------------

_Line = tuple[int, str, int | None, bool | None] | RejectedLine
"""Line number, the text that should be a domain, rank, signed; or a line that holds none."""


def _entries(source: str, octets: bytes) -> Iterator[_Line]:
    if octets.startswith(b"PAR1"):
        yield from _parquet_rows(source, octets)
        return
    try:
        yield from _columns_of(_text_lines(_bounded_lines(_unpacked(octets))))
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise DomainListError(f"{source}: cannot be unpacked: {error}") from None


def _parquet_rows(source: str, octets: bytes) -> Iterator[_Line]:
    try:
        table = pq.read_table(pa.BufferReader(octets))
    except (pa.ArrowException, OSError) as error:
        raise DomainListError(f"{source}: no readable Parquet file: {error}") from None
    if "domain" not in table.column_names:
        raise DomainListError(f"{source}: the Parquet file has no column 'domain'")
    ranks = table.column("rank").to_pylist() if "rank" in table.column_names else [None] * len(table)
    for number, (value, rank) in enumerate(zip(table.column("domain").to_pylist(), ranks, strict=True), 1):
        yield number, str(value) if value is not None else "", rank if isinstance(rank, int) else None, None


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
        if any(not character.isprintable() and character != "\t" for character in text):
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
        fields = [field.strip() for field in next(csv.reader([text]), [])] if "," in text else [text]
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
        elif text.lstrip().startswith("#"):
            yield RejectedLine(number, _shown(text), Rejection.COMMENT)
        else:
            yield number, fields[0], None, None


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


def _distinct(lines: Iterable[_Line]) -> Iterator[ListedDomain | RejectedLine]:
    seen: set[str] = set()
    for line in lines:
        if isinstance(line, RejectedLine):
            yield line
            continue
        number, text, rank, signed = line
        try:
            domain = normalize(text)
        except RejectedNameError as rejected:
            yield RejectedLine(number, _shown(text), rejected.reason)
            continue
        if domain in seen:
            yield RejectedLine(number, _shown(text), Rejection.DUPLICATE)
        else:
            seen.add(domain)
            yield ListedDomain(domain, len(seen), rank, signed)


def _shown(text: str) -> str:
    cut = text[:SHOWN_CHARACTERS]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)

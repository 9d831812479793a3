"""The lines of a domain list in text, and what stands in each: CSV (rank,domain), or names alone.

Nearly all lines of long lists are *plain*: a name in its normal form, perhaps behind its rank. Runs of these
are told by one regular expression and put into columns together; every other line is read by itself. That
reads plain ones too, and says what they mean.
"""

import csv
import io
import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crawler.listed import NAMED_LINES, ReadLines
from crawler.outcomes import Rejection

MAX_LINE_OCTETS = 4096
"""A longer line is rejected unread: a domain name has at most 253 octets."""
_CHUNK_OCTETS = 1 << 16
_NEWLINE, _RETURN, _COMMA = b"\n\r,"
_SHORT_OCTETS = 1 << 10
"""To put a shorter run into columns together would take longer than line by line."""

# A name that `normalize` returns as it is, and that cannot be an address: its last label begins with a
# letter. Of 63 octets at most, rank included, so that no label is longer.
_LABELS = rb"(?:[a-z0-9]++(?:-++[a-z0-9]++)*+\.)++[a-z][a-z0-9]*+(?:-++[a-z0-9]++)*+"
_NAMES = re.compile(rb"(?:(?=.{1,63}\n)" + _LABELS + rb"\r?\n)*+")
_RANKED = re.compile(rb"(?:(?=.{1,63}\n)[1-9][0-9]{0,17}," + _LABELS + rb"\r?\n)*+")
_RANK = re.compile(rb"^[0-9]+", re.MULTILINE)
_PLAIN: dict[tuple[str, ...] | None, tuple[re.Pattern[bytes], ...]] = {
    (): (_NAMES, _RANKED),
    ("domain",): (_NAMES,),
    ("rank", "domain"): (_RANKED,),
}
"""What runs of plain lines look like, by the list's header; (): it has none."""


def whole_lines(stream: io.BufferedIOBase) -> Iterator[bytes]:
    """Cut a stream into some lines at once, each with its end; what is too long of one is left out."""
    while chunk := stream.read(_CHUNK_OCTETS):
        chunk += stream.readline(MAX_LINE_OCTETS + 1)
        if not chunk.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_OCTETS)
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_LINE_OCTETS)
            chunk += b"\n"
        yield chunk


class LineReader:
    """Reads the lines of one list, in order."""

    def __init__(self, found: ReadLines) -> None:
        """Begin with the first line; what is found goes there."""
        self._found = found
        self._number = 0
        self._header: tuple[str, ...] | None = None
        """Names of the columns; (): the list has no header; None: not known yet."""
        self._places: dict[str, int] = {}
        """Which column has a name."""

    def read(self, lines: bytes) -> None:
        """Read the next lines, which are whole."""
        begin = 0
        while begin < len(lines):
            end = self._end_of_plain(lines, begin)
            if end - begin >= _SHORT_OCTETS:
                self._read_plain(lines[begin:end])
            else:
                end = lines.find(b"\n", end) + 1 or len(lines)  # with the line that ended the run
                for line in lines[begin : end - 1].split(b"\n"):
                    self._read_line(line)
            begin = end

    # --- plain lines

    def _end_of_plain(self, lines: bytes, begin: int) -> int:
        """Return where a run of plain lines of one kind ends; `begin`: there is none."""
        runs = (pattern.match(lines, begin) for pattern in _PLAIN.get(self._header, ()))
        return max((run.end() for run in runs if run is not None), default=begin)

    def _read_plain(self, lines: bytes) -> None:
        """Put a run of plain lines of one kind into columns."""
        octets = np.frombuffer(lines, np.uint8)
        ends = np.flatnonzero(octets == _NEWLINE)
        commas = np.flatnonzero(octets == _COMMA)
        if len(commas):
            begins = commas + 1
            ranks = pa.array(list(map(int, _RANK.findall(lines))), pa.int64())
        else:
            begins = np.concatenate(([0], ends[:-1] + 1))
            ranks = pa.nulls(len(ends), pa.int64())
        ends -= octets[ends - 1] == _RETURN
        numbers = np.arange(self._number + 1, self._number + len(ends) + 1)
        self._number += len(ends)
        signed, text = pa.nulls(len(ends), pa.bool_()), pa.nulls(len(ends), pa.string())
        columns = [pa.array(numbers), _texts(octets, begins, ends), ranks, signed, text]
        self._found.named.add_batch(pa.RecordBatch.from_arrays(columns, schema=NAMED_LINES))

    # --- any line

    def _read_line(self, line: bytes) -> None:
        self._number += 1
        if len(line) > MAX_LINE_OCTETS:
            self._reject(line.decode("latin-1"), Rejection.LINE_TOO_LONG)
            return
        line = line.rstrip(b"\r")
        try:
            text = line.decode("utf-8-sig" if self._number == 1 else "utf-8")
        except UnicodeDecodeError:
            self._reject(line.decode("latin-1"), Rejection.NOT_TEXT)
            return
        if not text.replace("\t", " ").isprintable():
            self._reject(text, Rejection.NOT_TEXT)
        elif text.lstrip().startswith("#"):
            self._reject(text, Rejection.COMMENT)
        else:
            self._read_text(text)

    def _read_text(self, text: str) -> None:
        """Find the domain of a line: by a header's column 'domain', as rank,domain, or the line itself."""
        is_csv = "," in text or '"' in text
        fields = [field.strip() for field in next(csv.reader([text]), [])] if is_csv else [text]
        if self._header is None and text.strip():
            names = tuple(field.lower() for field in fields)
            self._header = names if "domain" in names else ()
            if self._header:
                self._places = {name: place for place, name in enumerate(names)}
                return
        if self._header:
            self._read_columns(text, fields)
        elif len(fields) == 2 and fields[0].isdecimal():
            self._found.name(self._number, fields[1], rank=int(fields[0]))
        else:
            self._found.name(self._number, fields[0] if fields else "")

    def _read_columns(self, text: str, fields: list[str]) -> None:
        def value(name: str) -> str:
            place = self._places.get(name, len(fields))
            return fields[place] if place < len(fields) else ""

        if not text.strip():
            self._reject("", Rejection.BLANK)
            return
        rank, signed = value("rank"), value("signed").lower()
        self._found.name(
            self._number,
            value("domain"),
            rank=int(rank) if rank.isdecimal() else None,
            signed={"true": True, "false": False}.get(signed),
        )

    def _reject(self, text: str, reason: Rejection) -> None:
        self._found.reject(self._number, text, reason)


def _texts(
    octets: npt.NDArray[np.uint8], begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> pa.StringArray:
    """Return the ASCII texts that stand between some octets and others."""
    steps = np.zeros(len(octets), np.int8)
    steps[begins] = 1
    steps[ends] = -1
    offsets = np.zeros(len(ends) + 1, np.int32)
    np.cumsum(ends - begins, out=offsets[1:])
    inside = octets[np.cumsum(steps, dtype=np.int8).view(bool)]
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(inside))

"""What a domain list held: its domains, each once, and the lines that gave none."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crawler.domain_name import RejectedNameError, normalize
from crawler.outcomes import Rejection
from crawler.repeated_names import find_repeats
from crawler.storing.row_store import RowStore

Row = TypeVar("Row", covariant=True)

NAMED_LINES = pa.schema(
    {"line": pa.int64(), "domain": pa.string(), "rank": pa.int64(), "signed": pa.bool_(), "text": pa.string()}
)
"""Lines with a name. The text is what stood there, to be shown; null: the name itself."""
REJECTED_LINES = pa.schema({"line": pa.int64(), "text": pa.string(), "reason": pa.string()})

SHOWN_CHARACTERS = 80
"""How much of a rejected line is shown."""

MAX_RANK = 2**63 - 1
"""A larger one is no rank: it does not fit its column."""

_REASONS = {reason.value: reason for reason in Rejection}


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


class ListedDomains:
    """The distinct domains of a list, in order, in columns."""

    def __init__(self, named: RowStore, is_repeat: npt.NDArray[np.bool_]) -> None:
        """Take NAMED_LINES, and of each whether its name stands in an earlier one."""
        self._named = named
        self._is_repeat = is_repeat
        self._size = len(named) - int(np.count_nonzero(is_repeat))

    def __len__(self) -> int:
        """Return how many there are."""
        return self._size

    def __iter__(self) -> Iterator[ListedDomain]:
        """Give them in order."""
        for batch in self.batches():
            yield from map(ListedDomain, *(column.to_pylist() for column in batch.columns))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give them in order as columns: domain, position, rank, signed."""
        position = 1
        for batch, is_repeat in _with_marks(self._named, self._is_repeat):
            rows = batch.filter(pa.array(~is_repeat)) if is_repeat.any() else batch
            positions = pa.array(np.arange(position, position + rows.num_rows))
            yield pa.RecordBatch.from_arrays(
                [rows["domain"], positions, rows["rank"], rows["signed"]],
                ["domain", "position", "rank", "signed"],
            )
            position += rows.num_rows


class RejectedLines:
    """The lines of a list that gave no domain, in order: those without a name, and those that repeat one."""

    def __init__(self, nameless: RowStore, named: RowStore, is_repeat: npt.NDArray[np.bool_]) -> None:
        """Take REJECTED_LINES, and what the domains are made of."""
        self._nameless = nameless
        self._named = named
        self._is_repeat = is_repeat

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._nameless) + int(np.count_nonzero(self._is_repeat))

    def __iter__(self) -> Iterator[RejectedLine]:
        """Give them in order."""
        return heapq.merge(self._without_name(), self._repeats(), key=lambda rejected: rejected.line)

    def _without_name(self) -> Iterator[RejectedLine]:
        for batch in self._nameless.batches():
            for line, text, reason in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield RejectedLine(line, text, _REASONS[reason])

    def _repeats(self) -> Iterator[RejectedLine]:
        for batch, is_repeat in _with_marks(self._named, self._is_repeat):
            if is_repeat.any():
                for row in batch.filter(pa.array(is_repeat)).to_pylist():
                    text = shown(row["domain"]) if row["text"] is None else row["text"]
                    yield RejectedLine(row["line"], text, Rejection.DUPLICATE)


def _with_marks(
    rows: RowStore, marks: npt.NDArray[np.bool_]
) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.bool_]]]:
    """Give the batches of a store, each with its part of what was found out of every row."""
    begin = 0
    for batch in rows.batches():
        yield batch, marks[begin : begin + batch.num_rows]
        begin += batch.num_rows


class ReadLines:
    """Takes the lines of a list in their order, and tells in the end what domains they name."""

    def __init__(self) -> None:
        """Begin without lines."""
        self.named = RowStore(NAMED_LINES)
        self.nameless = RowStore(REJECTED_LINES)

    def name(self, line: int, text: str, *, rank: int | None = None, signed: bool | None = None) -> None:
        """Take a line with the text that should be its domain."""
        try:
            domain = normalize(text)
        except RejectedNameError as rejected:
            self.reject(line, text, rejected.reason)
            return
        rank = rank if rank is not None and not isinstance(rank, bool) and 0 < rank <= MAX_RANK else None
        self.named.add(line, domain, rank, signed, None if text == domain else shown(text))

    def reject(self, line: int, text: str, reason: Rejection) -> None:
        """Take a line that gives no domain."""
        self.nameless.add(line, shown(text), reason.value)

    def settle(self) -> tuple[ListedDomains, RejectedLines]:
        """Return the domains, each once, and the lines that gave none."""
        is_repeat = find_repeats(self.named)
        return ListedDomains(self.named, is_repeat), RejectedLines(self.nameless, self.named, is_repeat)


@dataclass(frozen=True, slots=True)
class DomainList:
    """A list that was read: where from, the digest of its octets, and what was in it."""

    name: str
    sha256: str
    domains: ListedDomains
    rejected: Rows[RejectedLine]


def shown(text: str) -> str:
    """Return a text as it is shown: cut, with escapes for what is unprintable."""
    cut = text[:SHOWN_CHARACTERS]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)

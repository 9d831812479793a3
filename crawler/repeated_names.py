"""Finds the names of a long list that stand in it more than once, in a few octets a line."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crawler.domain_name import MAX_NAME_OCTETS
from crawler.storing.row_store import RowStore

_NAMES_AT_ONCE = 1 << 20
"""A longer list is gone through more than once, each time for another part of its names."""

_FACTORS = np.cumprod(np.full(MAX_NAME_OCTETS, 0x9E3779B97F4A7C15, np.uint64))
"""What the octets of a name are multiplied with, by their place in it."""


def find_repeats(rows: RowStore) -> npt.NDArray[np.bool_]:
    """Tell of each row, in order, whether its name (column `domain`) stands in an earlier one."""
    is_repeat = np.zeros(len(rows), bool)
    parts = -(-len(rows) // _NAMES_AT_ONCE)
    for part in range(parts):
        shared = _shared_keys(rows, parts, part)
        if len(shared):
            _mark(is_repeat, rows, shared)
    return is_repeat


def _shared_keys(rows: RowStore, parts: int, part: int) -> npt.NDArray[np.uint64]:
    """Return the keys that more than one row has, of those of a part, in order."""
    keys = [key[key % parts == part] for key in (_keys(batch["domain"]) for batch in rows.batches())]
    ordered = np.sort(np.concatenate(keys))
    shared: npt.NDArray[np.uint64] = ordered[1:][ordered[1:] == ordered[:-1]]
    return shared


def _mark(is_repeat: npt.NDArray[np.bool_], rows: RowStore, shared: npt.NDArray[np.uint64]) -> None:
    """Mark the rows that repeat a name, of those with some keys."""
    seen: set[str] = set()
    begin = 0
    for batch in rows.batches():
        names = batch["domain"]
        keys = _keys(names)
        nearest = np.minimum(np.searchsorted(shared, keys), len(shared) - 1)
        found = np.flatnonzero(shared[nearest] == keys)
        for row, name in zip(found, names.take(pa.array(found)).to_pylist(), strict=True):
            is_repeat[begin + row] = name in seen
            seen.add(name)
        begin += batch.num_rows


def _keys(names: pa.StringArray) -> npt.NDArray[np.uint64]:
    """Return a number for each name, of 64 bits. That two names have the same costs time, no more."""
    _, offsets, octets = names.buffers()
    bounds = np.frombuffer(offsets, np.int32, len(names) + 1, names.offset * 4)
    begins, lengths = bounds[:-1], np.diff(bounds)
    places = np.arange(bounds[0], bounds[-1]) - np.repeat(begins, lengths)
    products = np.frombuffer(octets, np.uint8)[bounds[0] : bounds[-1]] * _FACTORS[places]
    return np.add.reduceat(products, begins - bounds[0])

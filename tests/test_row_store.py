"""Rows on disk: in order, read again and again."""

import itertools
from typing import Any

import pyarrow as pa
import pytest

from crawler.storing import row_store
from crawler.storing.row_store import RowStore

SCHEMA = pa.schema({"key": pa.string(), "value": pa.int64()})
ROWS = [("b", 1), ("a", None), ("c", 2**63 - 1), ("a", 2)]


@pytest.fixture(params=[1, 2, 2_000])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RowStore:
    monkeypatch.setattr(row_store, "_BATCH_ROWS", request.param)
    return RowStore(SCHEMA)


def rows(store: RowStore) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for batch in store.batches() for row in batch.to_pylist()]


def batch(*of: tuple[str, int | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in of], SCHEMA)


def test_rows_come_back_in_the_order_they_were_added(store: RowStore) -> None:
    for row in ROWS:
        store.add(*row)
    assert len(store) == len(ROWS)
    assert rows(store) == ROWS
    assert rows(store) == ROWS


def test_rows_and_columns_keep_their_order(store: RowStore) -> None:
    store.add_batch(batch(*ROWS[:2]))
    store.add(*ROWS[2])
    store.add_batch(batch(ROWS[3]))
    store.add(*ROWS[0])
    assert rows(store) == [*ROWS, ROWS[0]]


def test_rows_can_be_read_by_two_at_once(store: RowStore) -> None:
    for row in ROWS:
        store.add(*row)
    pairs = itertools.zip_longest(store.batches(), store.batches())
    assert all(first.equals(second) for first, second in pairs)


def test_rows_can_be_added_after_some_were_read(store: RowStore) -> None:
    store.add("a", 1)
    assert rows(store) == [("a", 1)]
    store.add("b", 2)
    assert rows(store) == [("a", 1), ("b", 2)]


def test_an_empty_store_is_empty(store: RowStore) -> None:
    assert (len(store), rows(store)) == (0, [])

"""Rows on disk: in order, distinct, read again and again."""

import itertools

import pytest

from crawler.storing.row_store import RowStore


def pair(key: str, value: int | None) -> tuple[str, int | None]:
    return key, value


@pytest.fixture
def store() -> RowStore[tuple[str, int | None]]:
    return RowStore("key UNIQUE, value", pair)


def test_rows_come_back_in_the_order_they_were_added(store: RowStore[tuple[str, int | None]]) -> None:
    rows = [("b", 1), ("a", None), ("c", 2**63 - 1)]
    assert [store.add(*row) for row in rows] == [True, True, True]
    assert list(store) == rows
    assert list(store) == rows


def test_a_row_with_a_key_that_is_there_is_not_added(store: RowStore[tuple[str, int | None]]) -> None:
    assert store.add("a", 1)
    assert not store.add("a", 2)
    assert (len(store), list(store)) == (1, [("a", 1)])


def test_rows_can_be_read_by_two_at_once(store: RowStore[tuple[str, int | None]]) -> None:
    for number, key in enumerate("abc"):
        store.add(key, number)
    assert [first == second for first, second in zip(store, store, strict=True)] == [True] * 3


def test_rows_can_be_added_after_some_were_read(store: RowStore[tuple[str, int | None]]) -> None:
    store.add("a", 1)
    assert list(itertools.islice(store, 1)) == [("a", 1)]
    store.add("b", 2)
    assert list(store) == [("a", 1), ("b", 2)]


def test_an_empty_store_is_empty(store: RowStore[tuple[str, int | None]]) -> None:
    assert (len(store), list(store)) == (0, [])

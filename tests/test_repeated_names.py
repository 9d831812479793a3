"""Names that stand in a list more than once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import repeated_names
from crawler.listed import NAMED_LINES
from crawler.repeated_names import find_repeats
from crawler.storing import row_store
from crawler.storing.row_store import RowStore


def repeats(names: list[str]) -> list[bool]:
    rows = RowStore(NAMED_LINES)
    for line, name in enumerate(names, start=1):
        rows.add(line, name, None, None, None)
    return [bool(is_repeat) for is_repeat in find_repeats(rows)]


def first_seen(names: list[str]) -> list[bool]:
    return [name in names[:row] for row, name in enumerate(names)]


@given(st.lists(st.text("ab.", min_size=1, max_size=4)))
def test_every_name_that_stood_before_is_a_repeat(names: list[str]) -> None:
    assert repeats(names) == first_seen(names)


@given(
    names=st.lists(st.text("ab.", min_size=1, max_size=4)),
    at_once=st.integers(1, 9),
    together=st.integers(1, 9),
)
def test_a_list_longer_than_what_is_looked_at_once_has_the_same(
    names: list[str], at_once: int, together: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeated_names, "_NAMES_AT_ONCE", at_once)
        patch.setattr(row_store, "_BATCH_ROWS", together)
        assert repeats(names) == first_seen(names)


def test_names_that_only_share_their_number_are_no_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_names, "_FACTORS", np.ones(253, np.uint64))
    assert repeats(["ab.example", "ba.example", "ab.example"]) == [False, False, True]


def test_the_longest_names_are_told_apart_by_their_last_octet() -> None:
    longest = ".".join(["a" * 49] * 5)
    names = [f"{longest}.{end}" for end in ("aaa", "aab", "aaa")]
    assert len(names[0]) == 253
    assert repeats(names) == [False, False, True]

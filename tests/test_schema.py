"""Schemas, rows and the data dictionary: all derived from the records."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_origin

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.dictionary import dictionary
from crawler.outcomes import Vocabulary
from crawler.records import TABLE_KEYS, TABLES
from crawler.schema import arrow_schema, columns, record_maker, to_table


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for values of a field's type."""
    if get_origin(annotation) is tuple:
        return st.lists(values(get_args(annotation)[0]), max_size=3).map(tuple)
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        return records(annotation)
    if issubclass(annotation, Vocabulary):
        return st.sampled_from(list(annotation))
    return {
        str: st.text(max_size=8),
        bytes: st.binary(max_size=8),
        bool: st.booleans(),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False),
        datetime: st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (hypothesis adds the zone)
    }[annotation]


def records(record: type) -> st.SearchStrategy[Any]:
    fields = {
        c.name: st.none() | values(c.annotation) if c.nullable else values(c.annotation)
        for c in columns(record)
    }
    return st.builds(record, **fields)


@pytest.mark.parametrize("table", TABLES)
def test_rows_come_back_as_the_records_they_were(table: str) -> None:
    record = TABLES[table]

    @given(st.lists(records(record), max_size=2))
    def check(originals: list[Any]) -> None:
        rows = to_table(record, originals).to_pylist()
        assert [record_maker(record)(row) for row in rows] == originals

    check()


@pytest.mark.parametrize("table", TABLES)
def test_every_column_has_a_description_and_every_key_is_a_column(table: str) -> None:
    described = {column.name: column.description for column in columns(TABLES[table])}
    assert all(described.values())
    assert set(TABLE_KEYS[table]) <= set(described)


def test_a_null_where_none_may_stand_is_refused() -> None:
    schema = arrow_schema(TABLES["domains"])
    assert not schema.field("mx").nullable
    assert schema.field("sts_txt").nullable
    assert schema.field("resolved_at").type == pa.timestamp("us", tz="UTC")


def test_the_published_dictionary_is_current() -> None:
    published = Path(__file__).parent.parent / "datasets" / "dictionary.md"
    assert published.read_text(encoding="utf-8") == dictionary(), "run: make dictionary"


def test_the_dictionary_names_nested_columns_and_words() -> None:
    text = dictionary()
    assert "| `mx.records[].exchange` | string | no |" in text
    assert "| `special_purpose_address` |" in text

"""Arrow schemas, rows and the data dictionary, all derived from the records."""

import dataclasses
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from crawler.outcomes import Vocabulary
from crawler.records import TABLE_KEYS, TABLES

_SCALARS: dict[type, pa.DataType] = {
    str: pa.string(),
    bytes: pa.binary(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    datetime: pa.timestamp("us", tz="UTC"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column, or one member of a nested column."""

    name: str
    annotation: Any
    description: str
    nullable: bool


def columns(record: type) -> Iterator[Column]:
    """Yield the columns of a record class, in order."""
    hints = get_type_hints(record, include_extras=True)
    for field in dataclasses.fields(record):
        annotation, description = get_args(hints[field.name])
        inner, nullable = _without_none(annotation)
        yield Column(field.name, inner, description, nullable)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        assert len(members) == 1, annotation
        return members[0], True
    return annotation, False


def _element(annotation: Any) -> Any:
    """Return the element type of tuple[X, ...]."""
    element, ellipsis = get_args(annotation)
    assert ellipsis is ..., annotation
    return element


@cache
def arrow_type(annotation: Any) -> pa.DataType:
    """Return the Arrow type of a field's annotation."""
    if get_origin(annotation) is tuple:
        return pa.list_(pa.field("element", arrow_type(_element(annotation)), nullable=False))
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        return pa.struct(_fields(annotation))
    if issubclass(annotation, StrEnum):
        return pa.string()
    return _SCALARS[annotation]


def _fields(record: type) -> list[pa.Field]:
    return [pa.field(c.name, arrow_type(c.annotation), nullable=c.nullable) for c in columns(record)]


@cache
def arrow_schema(record: type) -> pa.Schema:
    """Return the Arrow schema of a record class."""
    return pa.schema(_fields(record))


@cache
def _to_arrow(annotation: Any) -> Callable[[Any], Any] | None:
    """Return the conversion that makes Arrow accept a value of this type; None: it needs none."""
    if get_origin(annotation) is tuple:
        convert = _to_arrow(_element(annotation))
        return None if convert is None else (lambda values: [convert(value) for value in values])
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        return row_maker(annotation)
    return None


@cache
def row_maker(record: type) -> Callable[[Any], dict[str, Any]]:
    """Return the function that turns a record into a row: a dict of plain values for Arrow."""
    members = [(c.name, _to_arrow(c.annotation)) for c in columns(record)]

    def make_row(value: Any) -> dict[str, Any]:
        row = {}
        for name, convert in members:
            member = getattr(value, name)
            row[name] = member if convert is None or member is None else convert(member)
        return row

    return make_row


def to_table(record: type, records: Iterable[Any]) -> pa.Table:
    """Return an Arrow table of records of one class."""
    make_row = row_maker(record)
    return pa.Table.from_pylist([make_row(value) for value in records], schema=arrow_schema(record))


@cache
def _from_arrow(annotation: Any) -> Callable[[Any], Any] | None:
    """Return the conversion that undoes `_to_arrow`; None: the value needs none."""
    if get_origin(annotation) is tuple:
        convert = _from_arrow(_element(annotation))
        return tuple if convert is None else (lambda values: tuple(convert(value) for value in values))
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        return record_maker(annotation)
    if issubclass(annotation, StrEnum):
        return annotation
    return None


@cache
def record_maker(record: type) -> Callable[[Mapping[str, Any]], Any]:
    """Return the function that turns a row, as Arrow gives it, back into a record."""
    members = [(c.name, _from_arrow(c.annotation)) for c in columns(record)]

    def make_record(row: Mapping[str, Any]) -> Any:
        values = {}
        for name, convert in members:
            member = row[name]
            values[name] = member if convert is None or member is None else convert(member)
        return record(**values)

    return make_record


def dictionary() -> str:
    """Return the data dictionary, as Markdown: every column of every table, and every word in it."""
    return "\n".join(_dictionary_lines()) + "\n"


def _dictionary_lines() -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield "Generated from `crawler/records.py` and `crawler/outcomes.py` by `make dictionary`; do not edit."
    yield "Nested columns are written with a dot; `[]` marks the elements of a list. Null means not attempted"
    yield "or not known, as the description says; it never means no."
    vocabularies: dict[str, type[Vocabulary]] = {}
    for table, record in TABLES.items():
        yield from ("", f"## {table}", "", _summary(record), "", f"Key: {', '.join(TABLE_KEYS[table])}.", "")
        yield "| column | type | null | description |"
        yield "|---|---|---|---|"
        yield from _dictionary_rows("", record, vocabularies)
    for name, vocabulary in sorted(vocabularies.items()):
        yield from (
            "",
            f"## Words of `{name}`",
            "",
            _summary(vocabulary),
            "",
            "| word | meaning |",
            "|---|---|",
        )
        yield from (f"| `{word.value}` | {word.meaning} |" for word in vocabulary)


def _summary(documented: type) -> str:
    return " ".join((documented.__doc__ or "").split())


def _dictionary_rows(prefix: str, record: type, vocabularies: dict[str, type[Vocabulary]]) -> Iterator[str]:
    for column in columns(record):
        annotation, path = column.annotation, prefix + column.name
        is_list = get_origin(annotation) is tuple
        if is_list:
            annotation, path = _element(annotation), path + "[]"
        nested = dataclasses.is_dataclass(annotation)
        if nested:
            word = "struct"
        elif issubclass(annotation, Vocabulary):
            vocabularies[annotation.__name__] = annotation
            word = f"`{annotation.__name__}`"
        else:
            word = str(_SCALARS[annotation])
        null = "yes" if column.nullable else "no"
        yield f"| `{path}` | {'list of ' if is_list else ''}{word} | {null} | {column.description} |"
        if nested:
            assert isinstance(annotation, type)
            yield from _dictionary_rows(path + ".", annotation, vocabularies)


if __name__ == "__main__":
    print(dictionary(), end="")  # noqa: T201 (this is how `make dictionary` gets it)

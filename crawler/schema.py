"""Arrow schemas, and tables to and from records: all derived from the records."""

import dataclasses
import itertools
import operator
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

SCALARS: dict[type, pa.DataType] = {
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


@cache
def columns(record: type) -> tuple[Column, ...]:
    """Return the columns of a record class, in order."""
    hints = get_type_hints(record, include_extras=True)
    found = []
    for field in dataclasses.fields(record):
        annotation, description = get_args(hints[field.name])
        inner, nullable = _without_none(annotation)
        found.append(Column(field.name, inner, description, nullable))
    return tuple(found)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        assert len(members) == 1, annotation
        return members[0], True
    return annotation, False


def element_type(annotation: Any) -> Any:
    """Return the element type of tuple[X, ...]."""
    element, ellipsis = get_args(annotation)
    assert ellipsis is ..., annotation
    return element


@cache
def arrow_type(annotation: Any) -> pa.DataType:
    """Return the Arrow type of a field's annotation."""
    if get_origin(annotation) is tuple:
        return pa.list_(pa.field("element", arrow_type(element_type(annotation)), nullable=False))
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        return pa.struct(_fields(annotation))
    if issubclass(annotation, StrEnum):
        return pa.string()
    return SCALARS[annotation]


def _fields(record: type) -> list[pa.Field]:
    return [pa.field(c.name, arrow_type(c.annotation), nullable=c.nullable) for c in columns(record)]


@cache
def arrow_schema(record: type) -> pa.Schema:
    """Return the Arrow schema of a record class."""
    return pa.schema(_fields(record))


def to_table(record: type, records: Sequence[Any]) -> pa.Table:
    """Return an Arrow table of records of one class.

    Built column by column: a tenth of the time that Arrow needs for a dict per row.
    """
    schema = arrow_schema(record)
    return pa.Table.from_arrays(_members(record, records), schema=schema)


def _members(record: type, records: Sequence[Any]) -> list[pa.Array]:
    return [
        _column_maker(c.annotation)(list(map(operator.attrgetter(c.name), records))) for c in columns(record)
    ]


@cache
def _column_maker(annotation: Any) -> Callable[[list[Any]], pa.Array]:
    """Return the function that makes an Arrow array of values of a type, or None."""
    kind = arrow_type(annotation)
    if get_origin(annotation) is tuple:
        make_elements = _column_maker(element_type(annotation))

        def make_lists(values: list[Any]) -> pa.Array:
            elements = list(itertools.chain.from_iterable(value for value in values if value is not None))
            ends = itertools.accumulate((0 if value is None else len(value) for value in values), initial=0)
            # An offset that is null makes its list null.
            offsets = [None if v is None else end for v, end in zip((*values, ()), ends, strict=True)]
            return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), make_elements(elements), type=kind)

        return make_lists
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        blank = _blank(annotation)
        fields = list(kind)

        def make_structs(values: list[Any]) -> pa.Array:
            # Members that may not be null need a value even where the struct is.
            filled = [blank if value is None else value for value in values]
            mask = pa.array([value is None for value in values], pa.bool_())
            return pa.StructArray.from_arrays(_members(annotation, filled), fields=fields, mask=mask)

        return make_structs
    return lambda values: pa.array(values, kind)


@cache
def _blank(annotation: Any) -> Any:
    """Return any value of a type."""
    if get_origin(annotation) is tuple:
        return ()
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        return annotation(
            **{c.name: None if c.nullable else _blank(c.annotation) for c in columns(annotation)}
        )
    if issubclass(annotation, StrEnum):
        return next(iter(annotation))
    return datetime.fromtimestamp(0, UTC) if annotation is datetime else annotation()


@cache
def _from_arrow(annotation: Any) -> Callable[[Any], Any] | None:
    """Return the conversion that undoes `_to_arrow`; None: the value needs none."""
    if get_origin(annotation) is tuple:
        convert = _from_arrow(element_type(annotation))
        return tuple if convert is None else (lambda values: tuple(convert(value) for value in values))
    if dataclasses.is_dataclass(annotation):
        assert isinstance(annotation, type)
        return record_maker(annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, StrEnum) else None


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

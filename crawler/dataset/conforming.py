"""Rows as DuckDB gives them, brought back to the schema of their table."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch with exactly the schema. DuckDB knows no member that may not be null, and says null for
    the members of a struct that is null itself; Arrow wants a value there, which nobody ever reads.
    """
    arrays = [_array(batch.column(field.name), field) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(array: pa.Array, field: pa.Field) -> pa.Array:
    kind = field.type
    if pa.types.is_struct(kind):
        members = dict(zip((member.name for member in array.type), array.flatten(), strict=True))
        return pa.StructArray.from_arrays(
            [_array(members[member.name], member) for member in kind],
            fields=list(kind),
            mask=array.is_null(),
        )
    if pa.types.is_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0)
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
        elements = _array(array.flatten(), kind.value_field)
        mask = array.is_null() if field.nullable else None
        return pa.ListArray.from_arrays(offsets, elements, type=kind, mask=mask)
    array = array.cast(kind)
    return array if field.nullable or not array.null_count else pc.fill_null(array, _blank(kind))


def _blank(kind: pa.DataType) -> Any:
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return pa.scalar("", pa.string()).cast(kind)
    return pa.scalar(0, pa.int64()).cast(kind)

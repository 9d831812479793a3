"""The truth of a lab, written as a run folder, so that figures can be computed from it.

It is as if every name had been asked itself, and everything found as it was declared.

What a lab cannot declare is taken from a run: times, what an issuer chose, and the few values that it says it
does not know. Everything else that it does not declare is null.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.lab.truth import TRUTH_KEYS, UNDECLARED
from crawler.records import TABLES
from crawler.schema import arrow_schema

Row = dict[str, Any]

_FROM_RUN: dict[str, tuple[str, ...]] = {
    "domains": ("rank", "resolved_at"),
    "mx_hosts": ("resolved_at",),
    "sts_policies": ("fetched_at",),
    "sessions": ("started_at", "port", "pushed_back"),
    "certificates": ("der", "subject", "issuer", "serial_number", "not_before", "not_after"),
    "session_verdicts": ("rule_version", "root_store_sha256", "time_used"),
    "domain_verdicts": ("rule_version", "root_store_sha256"),
}
"""What no lab declares. pushed_back is a reading of a reply's text, which it does declare."""


def write_truth_run(run: Path, folder: Path) -> Path:
    """Write the truth of the lab that a run surveyed as a run folder, and return that."""
    for table, record in TABLES.items():
        schema = pa.schema([_nullable(field) for field in arrow_schema(record)])
        truth = pq.read_table(run / "lab" / "truth" / f"{table}.parquet").to_pylist()
        found = {_key(table, row): row for row in _rows(run / table)}
        rows = [_row(table, flat, found, schema) for flat in truth]
        (folder / table).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows, schema), folder / table / "part-00000.parquet")
    document = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def _nullable(field: pa.Field) -> pa.Field:
    """Return a field that may be null, as may all in it: what is not declared stands for nothing."""
    kind = field.type
    if pa.types.is_struct(kind):
        kind = pa.struct([_nullable(member) for member in kind])
    elif pa.types.is_list(kind):
        kind = pa.list_(_nullable(kind.value_field))
    return pa.field(field.name, kind)


def _rows(folder: Path) -> Iterator[Row]:
    for part in sorted(folder.glob("*.parquet")):
        yield from pq.read_table(part).to_pylist()


def _key(table: str, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in TRUTH_KEYS[table])


def _row(table: str, flat: Row, found: dict[tuple[Any, ...], Row], schema: pa.Schema) -> Row:
    """Return a truth row as a row of its table."""
    undeclared = flat.pop(UNDECLARED)
    row = _nested({path: value for path, value in flat.items() if path not in undeclared}, schema)
    seen = found.get(_key(table, row), {})
    taken = [*_FROM_RUN[table], *(name for name in undeclared if name in schema.names)]
    return row | {name: seen.get(name) for name in taken}


def _nested(flat: Row, schema: pa.Schema) -> Row:
    """Return leaves by path ("tls.chain") as nested rows; a struct of which nothing is set is null."""
    row: Row = {}
    for path, value in flat.items():
        *parents, name = path.split(".")
        place = row
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = value
    return {name: _without_empty(value) for name, value in row.items() if name in schema.names}


def _without_empty(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    members = {name: _without_empty(member) for name, member in value.items()}
    return members if any(member is not None for member in members.values()) else None

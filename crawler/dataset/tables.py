"""The tables of a dataset: one Parquet file each, sorted, with every row and every fact of the run."""

import glob
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.dataset.conforming import conform
from crawler.dataset.encodings import write_smallest
from crawler.records import TABLE_KEYS, TABLES
from crawler.schema import arrow_schema, record_maker, to_table
from crawler.storing.run_database import RunDatabase, parts
from crawler.storing.run_folder import RunFolder

Rewrite = Callable[[Any], Any]
"""From a record of any table to the record that is published."""

_NAMES = ("domain", "mx_host")
"""Keys that are names: sorted as DNS sorts them (RFC 4034 s6.1), by the last label first, which brings the
hosts of a provider together."""


def part_name(table: str) -> str:
    """Return the path of a table's file in a dataset: that of a run of one shard, so that what reads a run
    folder reads a dataset.
    """
    return f"{table}/part-000000.parquet"


def order_of(table: str) -> str:
    """Return the order of a table's rows, in SQL."""
    return ", ".join(
        f"list_reverse(string_split({key}, '.'))" if key in _NAMES else key for key in TABLE_KEYS[table]
    )


def write_table(
    database: RunDatabase, run: RunFolder, dataset: Path, table: str, rewrite: Rewrite | None
) -> None:
    """Write one table of a run, sorted by its key. A rule is applied before: names sort as published."""
    schema = arrow_schema(TABLES[table])
    rewritten = dataset / f".{table}.rewritten"
    source = parts(run, table)
    if rewrite is not None:
        with (
            database.batches(_select(source)) as rows,
            pq.ParquetWriter(rewritten, schema, compression="zstd") as writer,
        ):
            for batch in rows:
                writer.write_table(_rewritten(table, batch, rewrite))
        source = glob.escape(str(rewritten))
    with database.batches(f"{_select(source)} ORDER BY {order_of(table)}") as rows:
        write_smallest(dataset / part_name(table), schema, (conform(batch, schema) for batch in rows))
    rewritten.unlink(missing_ok=True)


def _select(source: str) -> str:
    quoted = source.replace("'", "''")
    return f"SELECT * FROM read_parquet('{quoted}')"  # noqa: S608 - a path of our own, quoted


def _rewritten(table: str, batch: pa.RecordBatch, rewrite: Rewrite) -> pa.Table:
    record = TABLES[table]
    make_record = record_maker(record)
    return to_table(record, [rewrite(make_record(row)) for row in batch.to_pylist()])

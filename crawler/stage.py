"""What a stage of the survey is: rows of a work list in, records out."""

import contextlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.settings import Settings
from crawler.storing.parquet_files import open_parquet
from crawler.storing.run_folder import RunFolder

Row = Mapping[str, Any]
"""One row of a work list."""

QUEUES = 64
"""Shards that are equal modulo this are of one queue, and are done by one worker process."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What observing one row gave."""

    records: Mapping[str, Sequence[Any]]
    """By table."""
    failure: str | None
    """A word for the live display; None: nothing failed."""
    certificates: tuple[bytes, ...] = ()
    """DER of every certificate that was sent."""


class Glance(NamedTuple):
    """What a first look at many rows gave."""

    records: pa.Table
    """Of the stage's last table, for the rows of which all is said."""
    left: Sequence[Row]
    """The others, to be observed one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage. Its functions are module-level, so that a worker process finds them by name."""

    name: str
    tables: tuple[str, ...]
    """Tables written for every shard; the last one's part file says that the shard is done."""
    key: tuple[str, ...]
    """Columns that name a row, both in the work list and in the last table: each row has one record there."""
    open_tools: Callable[[Settings], contextlib.AbstractAsyncContextManager[Any]]
    """What a worker holds open for all rows: sockets, settings."""
    observe: Callable[[Row, Any], Awaitable[Observation]]
    in_flight: str
    """The setting that says how many rows a worker observes one by one at once."""
    glance: Callable[[pa.Table, Any], Awaitable[Glance]] | None = None
    """Observes the rows with nothing out of the ordinary about them, many together, at a fraction of the
    cost: it records what `observe` would. None: all are observed one by one."""
    is_paced: bool = False
    """Whether it holds sessions with mail hosts, which wait for their turn, and for a network that works."""


def work_list(run: RunFolder, stage: str) -> Path:
    """Return the path of a stage's work list: its rows with their `shard`, in order of the shard."""
    return run.work_path(f"{stage}.parquet")


def read_work(run: RunFolder, stage: str, shard: int) -> list[Row]:
    """Return the rows of one shard of a stage's work list."""
    rows: list[Row] = read_work_table(run, stage, shard).to_pylist()
    return rows


def read_work_table(run: RunFolder, stage: str, shard: int) -> pa.Table:
    """Return one shard of a stage's work list."""
    # `read_table` with a filter took half as long again, and 0.1 s to import what it filters with.
    with open_parquet(work_list(run, stage)) as file:
        metadata = file.metadata
        groups = [n for n in range(metadata.num_row_groups) if _may_hold(metadata.row_group(n), shard)]
        table = file.read_row_groups(groups)
    shards = table["shard"].to_pylist()
    start, end = bisect_left(shards, shard), bisect_right(shards, shard)
    return table.slice(start, end - start)


def _may_hold(group: pq.RowGroupMetaData, shard: int) -> bool:
    """Whether rows of a shard may stand in a row group, by what the file says of it."""
    # Not by the file's schema: that is one of a cycle of objects, and all that is known of the file, 180 KB
    # for a million rows, stays in memory until the cycle is found.
    columns = (group.column(index) for index in range(group.num_columns))
    known = next(column for column in columns if column.path_in_schema == "shard").statistics
    return known is None or not known.has_min_max or known.min <= shard <= known.max


def certificate_parts(run: RunFolder) -> Path:
    """Return the folder of the certificates of each shard, before they are made distinct."""
    return run.work_path("certificates")


def shard_sizes(run: RunFolder, stage: str) -> dict[int, int]:
    """Return how many rows each shard of a stage's work list has."""
    sizes: Counter[int] = Counter()
    with open_parquet(work_list(run, stage)) as file:
        for batch in file.iter_batches(columns=["shard"]):
            for entry in batch.column("shard").value_counts().to_pylist():
                sizes[entry["values"]] += entry["counts"]
    return dict(sizes)

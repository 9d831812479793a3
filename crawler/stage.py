"""What a stage of the survey is: rows of a work list in, records out."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from crawler.settings import Settings
from crawler.storage import RunFolder

Row = Mapping[str, Any]
"""One row of a work list."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What observing one row gave."""

    records: Mapping[str, Sequence[Any]]
    """By table."""
    failure: str | None
    """A word for the live display; None: nothing failed."""
    certificates: tuple[bytes, ...] = ()
    """DER of every certificate that was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage. Its functions are module-level, so that a worker process finds them by name.

    The rows of a shard are dealt into *strands*: rows of one strand are observed one after another,
    strands side by side.
    """

    name: str
    tables: tuple[str, ...]
    """Tables written for every shard; the last one's part file says that the shard is done."""
    open_tools: Callable[[Settings], contextlib.AbstractAsyncContextManager[Any]]
    """What a worker holds open for all rows: sockets, settings."""
    observe: Callable[[Row, Any], Awaitable[Observation]]
    strands: Callable[[Sequence[Row], Settings], list[Sequence[Row]]]
    in_flight: str
    """The setting that says how many strands a worker runs at once."""


def work_list(run: RunFolder, stage: str) -> Path:
    """Return the path of a stage's work list: its rows with their `shard`, in order of the shard."""
    return run.work_path(f"{stage}.parquet")


def read_work(run: RunFolder, stage: str, shard: int) -> list[Row]:
    """Return the rows of one shard of a stage's work list."""
    rows: list[Row] = pq.read_table(work_list(run, stage), filters=[("shard", "=", shard)]).to_pylist()
    return rows


def certificate_parts(run: RunFolder) -> Path:
    """Return the folder of the certificates of each shard, before they are made distinct."""
    return run.work_path("certificates")

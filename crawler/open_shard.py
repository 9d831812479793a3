"""A shard while its rows are done: what is finished is saved now and then, and all of it in the end.

A save is a *partial*: a file for each table of the stage, the last of which says that it is whole. The rows
in partials are not done again by who goes on with the run; the part files are made of them.
"""

import contextlib
import re
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from crawler.records import TABLES, Certificate
from crawler.schema import arrow_schema, to_table
from crawler.stage import Observation, Row, Stage, certificate_parts, read_work_table
from crawler.storing.parquet_files import count_rows, read_parquet, write_parquet
from crawler.storing.run_folder import RunFolder

_PARTIAL = re.compile(r"(?P<table>\w+)-(?P<shard>\d+)-(?P<number>\d+)\.parquet")


class OpenShard:
    """Collects what the rows of a shard gave. One thread adds, one other at a time writes."""

    def __init__(self, run: RunFolder, stage: Stage, shard: int) -> None:
        """Read the rows that are not done yet."""
        self._run = run
        self._stage = stage
        self._shard = shard
        self._partials = sorted(number for number, of in _whole_partials(run, stage) if of == shard)
        self._finished: deque[Observation] = deque()
        self._seen: deque[pa.Table] = deque()
        """Rows of the last table, recorded many together."""
        self._written_certificates: set[bytes] = set()
        self.work = self._without(self._done(), read_work_table(run, stage.name, shard))
        """The rows of the work list that are to be done."""
        self._missing = len(self.work)

    @property
    def is_complete(self) -> bool:
        """Tell whether the last row is done."""
        return self._missing == 0

    def add(self, observation: Observation) -> None:
        """Take what one row gave."""
        self._finished.append(observation)
        self._missing -= 1

    def add_seen(self, records: pa.Table) -> None:
        """Take the records of many rows, of the stage's last table."""
        self._seen.append(records)
        self._missing -= len(records)

    def save(self) -> None:
        """Write a partial of what is finished and not written yet."""
        tables, certificates = self._take()
        if not len(tables[self._stage.tables[-1]]):
            return
        number = self._partials[-1] + 1 if self._partials else 0
        self._write_certificates(certificates, f"-{number:04}")
        for table, rows in tables.items():
            path = partial_path(self._run, self._stage, table, self._shard, number)
            write_parquet(path, rows, digests=self._run.digests)
        self._partials.append(number)

    def write(self) -> None:
        """Write the part files of the shard, whose last row is done."""
        tables, certificates = self._take()
        self._write_certificates(certificates, "")
        for table, rows in tables.items():
            self._run.write_part_table(
                table, self._shard, pa.concat_tables([*self._read_partials(table), rows])
            )
        remove_partials(self._run, self._stage, self._shard)

    def _take(self) -> tuple[Mapping[str, pa.Table], list[bytes]]:
        """Take what is finished: its tables, and the certificates that are not written yet."""
        records: dict[str, list[Any]] = {table: [] for table in self._stage.tables}
        certificates: dict[bytes, bytes] = {}
        for _ in range(len(self._finished)):  # more may come meanwhile
            observation = self._finished.popleft()
            for table, observed in observation.records.items():
                records[table].extend(observed)
            certificates |= {sha256(der).digest(): der for der in observation.certificates}
        new = [der for digest, der in certificates.items() if digest not in self._written_certificates]
        self._written_certificates |= certificates.keys()
        tables = {table: to_table(TABLES[table], rows) for table, rows in records.items()}
        last = self._stage.tables[-1]
        seen = [self._seen.popleft() for _ in range(len(self._seen))]
        tables[last] = pa.concat_tables([*seen, tables[last]])
        return tables, new

    def _write_certificates(self, certificates: Sequence[bytes], suffix: str) -> None:
        if certificates:
            # A stage that meets none is spared cryptography's library.
            from crawler.protocol.certificate import read_certificate

            path = certificate_parts(self._run) / f"{self._stage.name}-{self._shard:06}{suffix}.parquet"
            rows = to_table(Certificate, [*map(read_certificate, certificates)])
            write_parquet(path, rows, digests=self._run.digests)

    def _read_partials(self, table: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        schema = arrow_schema(TABLES[table])
        for number in self._partials:
            path = partial_path(self._run, self._stage, table, self._shard, number)
            yield read_parquet(path, schema, columns)

    def _without(self, done: Collection[tuple[Any, ...]], work: pa.Table) -> pa.Table:
        if not done:
            return work
        return work.filter([self._key(row) not in done for row in work.to_pylist()])

    def _done(self) -> set[tuple[Any, ...]]:
        tables = self._read_partials(self._stage.tables[-1], self._stage.key)
        return {self._key(row) for rows in tables for row in rows.to_pylist()}

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[column] for column in self._stage.key)


def partials_folder(run: RunFolder, stage: Stage) -> Path:
    """Return the folder of a stage's partials."""
    return run.work_path("partial") / stage.name


def partial_path(run: RunFolder, stage: Stage, table: str, shard: int, number: int) -> Path:
    """Return the path of one file of a partial."""
    return partials_folder(run, stage) / f"{table}-{shard:06}-{number:04}.parquet"


def rows_in_partials(run: RunFolder, stage: Stage) -> Mapping[int, int]:
    """Return how many rows of each shard stand in partials."""
    rows: Counter[int] = Counter()
    for number, shard in _whole_partials(run, stage):
        path = partial_path(run, stage, stage.tables[-1], shard, number)
        with contextlib.suppress(FileNotFoundError):  # the part files have just been made of it
            rows[shard] += count_rows(path)
    return rows


def remove_partials(run: RunFolder, stage: Stage, shard: int) -> None:
    """Remove the partials of a shard."""
    for path in partials_folder(run, stage).glob(f"*-{shard:06}-*.parquet"):
        path.unlink()


def remove_partial(run: RunFolder, stage: Stage, path: Path) -> None:
    """Remove the partial that a file belongs to, beginning with what says that it is whole."""
    match = _PARTIAL.fullmatch(path.name)
    assert match is not None, path
    for table in reversed(stage.tables):
        partial_path(run, stage, table, int(match["shard"]), int(match["number"])).unlink(missing_ok=True)


def _whole_partials(run: RunFolder, stage: Stage) -> Iterator[tuple[int, int]]:
    """Give number and shard of each whole partial."""
    for path in partials_folder(run, stage).glob("*.parquet"):
        match = _PARTIAL.fullmatch(path.name)
        if match is not None and match["table"] == stage.tables[-1]:
            yield int(match["number"]), int(match["shard"])

"""The run folder: run.json, work lists and part files, each written aside and then renamed into place."""

import contextlib
import csv
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from crawler.listed import RejectedLine
from crawler.records import TABLES
from crawler.schema import arrow_schema, record_maker, to_table
from crawler.storing.digests import Digests
from crawler.storing.object_store import ObjectPath
from crawler.storing.parquet_files import count_rows, read_parquet, write_parquet
from crawler.storing.run_lock import LockedError, holder, locked
from crawler.storing.whole_file import WholeFile, wanted_name

_LOCK = ".lock"
_MADE_FIRST = {_LOCK, "rejected.csv", "work", "run.json"}
"""What may stand in a folder of an object store that is to be a run, or have been left there half-written."""


class RunFolderError(ValueError):
    """A run folder that cannot be used; the message names it and says why."""


class RunFolder:
    """One run on disk. A part file appears whole or not at all; its presence says that its shard is done."""

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is read or made yet."""
        self.path = path

    # --- run.json

    @property
    def manifest_path(self) -> Path:
        """Return the path of run.json."""
        return self.path / "run.json"

    def exists(self) -> bool:
        """Tell whether there is a run here. Raises RunFolderError for a path that is something else."""
        if self.manifest_path.is_file():
            return True
        if self.path.exists() and (not self.path.is_dir() or self._has_other_files()):
            raise RunFolderError(f"{self.path}: exists and is no run folder (it has no run.json)")
        return False

    def _has_other_files(self) -> bool:
        if isinstance(self.path, ObjectPath):  # it is made where it stands, perhaps at this moment
            names = (entry.name for entry in self.path.iterdir())
            return any((wanted_name(name) or name) not in _MADE_FIRST for name in names)
        return any(self.path.iterdir())

    def read_manifest(self) -> dict[str, Any]:
        """Return run.json. Raises RunFolderError if there is none, or it cannot be read."""
        try:
            manifest = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path}: no readable run.json: {error}") from error
        if not isinstance(manifest, dict):
            raise RunFolderError(f"{self.path}: run.json holds no object")
        return manifest

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Write run.json, making the folder if need be."""
        self.path.mkdir(parents=True, exist_ok=True)
        with WholeFile(self.manifest_path) as aside:
            aside.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def write_rejected(self, rejected: Iterable[RejectedLine]) -> None:
        """Write rejected.csv: line, text, reason."""
        with (
            WholeFile(self.path / "rejected.csv") as aside,
            aside.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(("line", "text", "reason"))
            writer.writerows((entry.line, entry.text, entry.reason) for entry in rejected)

    @contextlib.contextmanager
    def made_aside(self) -> Iterator["RunFolder"]:
        """Give a folder beside this one to be filled, which then takes its name: a run appears whole.

        In an object store it is this one, under its lock: what is filled without run.json is no run yet.
        """
        if isinstance(self.path, ObjectPath):
            with self._locked():
                if self.exists():
                    raise RunFolderError(f"{self.path}: another process has just made this run")
                yield self
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            yield RunFolder(aside)
            try:
                aside.replace(self.path)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                raise RunFolderError(f"{self.path}: another process has just made this run") from None
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    @property
    def root_store_path(self) -> Path:
        """Return the path of the trust anchors that the verdicts stand on."""
        return self.path / "root_store.pem"

    def write_root_store(self, pem: bytes) -> None:
        """Write the trust anchors."""
        with WholeFile(self.root_store_path) as aside:
            aside.write_bytes(pem)

    def keep_opt_out(self, octets: bytes) -> Path:
        """Write the opt-out file where every worker sees it, in place of an earlier one; return its path.

        Its name has its digest: a worker that has not got this very file has none, and asks nobody.
        """
        path = self.work_path(f"opt_out-{hashlib.sha256(octets).hexdigest()}.txt")
        with WholeFile(path) as aside:
            aside.write_bytes(octets)
        for earlier in path.parent.glob("opt_out-*.txt"):
            if earlier.name != path.name:
                earlier.unlink()
        return path

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from working on this run for the time of the block.

        Raises RunFolderError if one is at it, or there is no run.
        """
        if not self.manifest_path.is_file():
            raise RunFolderError(f"{self.path}: no run folder (it has no run.json)")
        with self._locked():
            yield

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with locked(self._lock_path):
                yield
        except LockedError as error:
            raise RunFolderError(f"{self.path}: {error}") from None

    @property
    def _lock_path(self) -> Path:
        return self.path / _LOCK

    def process(self) -> int | None:
        """Return the number of the process that works on this run; None: none does. Needs no lock."""
        return holder(self._lock_path)

    # --- tables

    def table_folder(self, table: str) -> Path:
        """Return the folder of a table's part files."""
        return self.path / table

    def part_path(self, table: str, shard: int) -> Path:
        """Return the path of one part file."""
        return self.table_folder(table) / f"part-{shard:06}.parquet"

    def has_part(self, table: str, shard: int) -> bool:
        """Tell whether a shard's part file stands."""
        return self.part_path(table, shard).is_file()

    def write_part(self, table: str, shard: int, records: Sequence[Any]) -> None:
        """Write the records of one shard."""
        self.write_part_table(table, shard, to_table(TABLES[table], records))

    def write_part_table(self, table: str, shard: int, rows: pa.Table) -> None:
        """Write the rows of one shard, which have the table's schema."""
        write_parquet(self.part_path(table, shard), rows, digests=self.digests)

    def shards(self, table: str) -> list[int]:
        """Return the numbers of the shards whose part files stand."""
        parts = self.table_folder(table).glob("part-*.parquet")
        return sorted(map(shard_of, parts))

    def read_part(self, table: str, shard: int) -> Iterator[Any]:
        """Return the records of one shard."""
        record = TABLES[table]
        rows = read_parquet(self.part_path(table, shard), arrow_schema(record))
        return map(record_maker(record), rows.to_pylist())

    def remove_parts(self, table: str) -> None:
        """Remove the part files of a table."""
        for shard in self.shards(table):
            self.part_path(table, shard).unlink()

    def count(self, table: str) -> int:
        """Return how many rows a table has so far."""
        return sum(count_rows(self.part_path(table, shard)) for shard in self.shards(table))

    # --- work

    @property
    def digests(self) -> Digests:
        """Return what was noted of the run's files when they were written."""
        return Digests(self.path)

    def work_path(self, name: str) -> Path:
        """Return the path of a file that only the survey itself reads."""
        return self.path / "work" / name

    def write_work_text(self, name: str, text: str) -> None:
        """Write such a file so that it appears whole or not at all."""
        with WholeFile(self.work_path(name)) as aside:
            aside.write_text(text, encoding="utf-8")

    @contextlib.contextmanager
    def local_folder(self, path: Path) -> Iterator[Path]:
        """Give a folder of this machine: a path of the run, or for a run in a store one that goes again."""
        if isinstance(path, ObjectPath):
            with tempfile.TemporaryDirectory(prefix="starttls-survey-") as folder:
                yield Path(folder)
        else:
            yield path


def shard_of(part: Path) -> int:
    """Return the number of the shard that a part file is of."""
    return int(part.stem.removeprefix("part-"))

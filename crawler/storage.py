"""The run folder: run.json, work lists and part files, each written aside and then renamed into place."""

import contextlib
import csv
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.digests import Digests
from crawler.domain_list import RejectedLine
from crawler.records import TABLES
from crawler.schema import arrow_schema, record_maker, to_table


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
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RunFolderError(f"{self.path}: exists and is no run folder (it has no run.json)")
        return False

    def read_manifest(self) -> dict[str, Any]:
        """Return run.json. Raises RunFolderError if there is none, or it cannot be read."""
        try:
            manifest = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path}: no readable run.json: {error}") from None
        if not isinstance(manifest, dict):
            raise RunFolderError(f"{self.path}: run.json holds no object")
        return manifest

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Write run.json, making the folder if need be."""
        self.path.mkdir(parents=True, exist_ok=True)
        with _Aside(self.manifest_path) as aside:
            aside.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def write_rejected(self, rejected: Iterable[RejectedLine]) -> None:
        """Write rejected.csv: line, text, reason."""
        with (
            _Aside(self.path / "rejected.csv") as aside,
            aside.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(("line", "text", "reason"))
            writer.writerows((entry.line, entry.text, entry.reason) for entry in rejected)

    @contextlib.contextmanager
    def made_aside(self) -> Iterator["RunFolder"]:
        """Give a folder beside this one to be filled, which then takes its name: a run appears whole."""
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
        with _Aside(self.root_store_path) as aside:
            aside.write_bytes(pem)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from working on this run for the time of the block.

        Raises RunFolderError if one is at it, or there is no run.
        """
        if not self.manifest_path.is_file():
            raise RunFolderError(f"{self.path}: no run folder (it has no run.json)")
        with self._lock_path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunFolderError(f"{self.path}: another process is working on this run") from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield
            file.truncate(0)

    @property
    def _lock_path(self) -> Path:
        return self.path / ".lock"

    def process(self) -> int | None:
        """Return the number of the process that works on this run; None: none does. Needs no lock."""
        try:
            number = int(self._lock_path.read_text())
        except (OSError, ValueError):
            return None
        return number if is_alive(number) else None  # one that was killed has left its number

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
        return sorted(int(part.stem.removeprefix("part-")) for part in parts)

    def read_part(self, table: str, shard: int) -> Iterator[Any]:
        """Return the records of one shard."""
        record = TABLES[table]
        rows = pq.read_table(self.part_path(table, shard), schema=arrow_schema(record))
        return map(record_maker(record), rows.to_pylist())

    def remove_parts(self, table: str) -> None:
        """Remove the part files of a table."""
        for shard in self.shards(table):
            self.part_path(table, shard).unlink()

    def count(self, table: str) -> int:
        """Return how many rows a table has so far."""
        paths = (self.part_path(table, shard) for shard in self.shards(table))
        return sum(pq.read_metadata(path).num_rows for path in paths)

    # --- work

    @property
    def digests(self) -> Digests:
        """Return what was noted of the run's files when they were written."""
        return Digests(self.path)

    def work_path(self, name: str) -> Path:
        """Return the path of a file that only the survey itself reads."""
        return self.path / "work" / name


def is_alive(process: int) -> bool:
    """Tell whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def write_parquet(path: Path, rows: pa.Table, *, digests: Digests | None = None) -> None:
    """Write a Parquet file so that it appears whole or not at all; its digest, if wanted, is noted before."""
    with _Aside(path, digests) as aside:
        pq.write_table(rows, aside, compression="zstd")


def write_parquet_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a Parquet file, each batch a row group, so that it appears whole or not at all."""
    with _Aside(path) as aside, pq.ParquetWriter(aside, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


class _Aside:
    """Gives a path beside the wanted one; renames it into place at the end, or removes it after an error."""

    def __init__(self, path: Path, digests: Digests | None = None) -> None:
        self._path = path
        self._aside = path.with_name(f".{path.name}.{os.getpid()}")
        self._digests = digests

    def __enter__(self) -> Path:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._aside

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._put_in_place()
            except OSError as late:  # what a file system with its own idea of when to write says last
                error = late
        if error is None:
            return
        self._aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            # Arrow names neither the file nor the reason in the system's words.
            raise OSError(error.errno, os.strerror(error.errno), str(self._path)) from None

    def _put_in_place(self) -> None:
        with self._aside.open("rb") as file:
            os.fsync(file.fileno())
        if self._digests is not None:
            self._digests.note(self._path, self._aside)
        self._aside.replace(self._path)
        # What is removed because this stands must not be gone when the power goes, and this not there.
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

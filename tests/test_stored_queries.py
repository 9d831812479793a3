"""Queries over the tables of a run in an object store: read by many threads, and when the store fails."""

import threading
from random import Random

import pyarrow as pa
import pytest

from crawler.storing.object_queries import ObjectFiles
from crawler.storing.parquet_files import write_parquet_batches
from crawler.storing.run_database import RunDatabase, parts, run_database
from crawler.storing.run_folder import RunFolder
from tests.servers.object_store import new_bucket, store_address  # noqa: F401 (a fixture)

ROWS = 20_000


@pytest.fixture
def run(address: str) -> RunFolder:
    """Return a run folder with a table of many row groups, which do not compress to nothing."""
    run = RunFolder(new_bucket(address) / "run")
    draw = Random(1)
    table = pa.table({"n": range(ROWS), "text": [draw.randbytes(200).hex() for _ in range(ROWS)]})
    for shard in range(2):
        batches = table.slice(shard * ROWS // 2, ROWS // 2).to_batches(max_chunksize=1000)
        write_parquet_batches(run.part_path("domains", shard), table.schema, batches)
    return run


def count(database: RunDatabase) -> int:
    rows = database.batches("SELECT n, text FROM read_parquet(getvariable('domains'))").read_all()
    assert set(rows["n"].to_pylist()) == set(range(ROWS))
    return len(rows)


def test_threads_read_one_file_at_places_of_their_own(run: RunFolder) -> None:
    path = run.path / "digits"
    path.write_bytes(b"0123456789")
    file, found = ObjectFiles().open(str(path)), []
    has_sought, other_has_sought = threading.Event(), threading.Event()

    def read_the_end() -> None:
        file.seek(8)
        has_sought.set()
        other_has_sought.wait(10)
        found.append(file.read(2))

    thread = threading.Thread(target=read_the_end)
    thread.start()
    has_sought.wait(10)
    file.seek(0)
    other_has_sought.set()
    thread.join()
    assert (file.read(2), found) == (b"01", [b"89"])


def test_a_query_that_reads_a_file_by_many_threads_gives_every_row_once(run: RunFolder) -> None:
    for _ in range(3):
        with run_database(run, domains=parts(run, "domains")) as database:
            assert count(database) == ROWS

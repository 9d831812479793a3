"""The run folder: files that appear whole or not at all, and folders that are no runs."""

import errno
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from crawler.listed import RejectedLine
from crawler.outcomes import Failure, Rejection
from crawler.storing.parquet_files import write_parquet
from crawler.storing.run_database import run_database
from crawler.storing.run_folder import RunFolder, RunFolderError
from tests.session_rows import session


def test_a_part_file_that_fails_while_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_rows: object, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("crawler.storing.parquet_files.pq.write_table", fail)
    with pytest.raises(OSError, match="No space left"):
        write_parquet(tmp_path / "part.parquet", pa.table({"a": [1]}))
    assert list(tmp_path.iterdir()) == []


def test_parts_are_found_by_their_shard(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_part("certificates", 12, [])
    assert run.has_part("certificates", 12)
    assert not run.has_part("certificates", 1)
    assert run.shards("certificates") == [12]
    assert run.count("certificates") == 0


def test_a_folder_of_something_else_is_no_run_folder(tmp_path: Path) -> None:
    assert not RunFolder(tmp_path / "new").exists()
    assert not RunFolder(tmp_path).exists()
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunFolderError, match="is no run folder"):
        RunFolder(tmp_path).exists()
    with pytest.raises(RunFolderError, match="is no run folder"):
        RunFolder(tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_an_unreadable_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunFolderError, match=r"run\.json"):
        RunFolder(tmp_path).read_manifest()


def test_rejected_lines_are_listed_with_their_reason(tmp_path: Path) -> None:
    RunFolder(tmp_path).write_rejected([RejectedLine(3, 'a "quoted", line', Rejection.NOT_A_DOMAIN)])
    assert (
        tmp_path / "rejected.csv"
    ).read_text() == 'line,text,reason\n3,"a ""quoted"", line",not_a_domain\n'


def test_nulls_beside_one_text_are_nulls_to_duckdb(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    sessions = [session(f"mx{n}.example", "192.0.2.1", failure=Failure.TIMEOUT) for n in range(9)]
    run.write_part("sessions", 0, [*sessions, session("well.example", "192.0.2.1")])
    with duckdb.connect() as connection:
        for condition in ("failure IS NULL", "failure IS DISTINCT FROM 'timeout'"):
            found = connection.sql(f"SELECT mx_host FROM '{run.part_path('sessions', 0)}' WHERE {condition}")
            assert found.fetchall() == [("well.example",)]


def test_what_a_query_has_no_room_for_is_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught, run_database(RunFolder(tmp_path)):
        raise duckdb.IOException("IO Error: could not write all bytes: No space left on device")
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(duckdb.IOException, match="else"), run_database(RunFolder(tmp_path)):
        raise duckdb.IOException("something else")

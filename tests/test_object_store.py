"""Objects of a store as paths, against a real server on loopback; runs in one are in test_stored_run.py."""

import os
import pickle
from collections.abc import Iterator
from io import UnsupportedOperation
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from analysis.whole_file import whole_file
from crawler.storing.object_store import ObjectPath, place, written_since
from crawler.storing.parquet_files import count_rows, open_parquet, write_parquet, write_parquet_batches
from crawler.storing.whole_file import WholeFile, remove_folder
from tests.servers.object_store import new_bucket, store_address  # noqa: F401 (a fixture)


@pytest.fixture
def bucket(address: str) -> ObjectPath:
    """Return a bucket with nothing in it."""
    return new_bucket(address)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_path_keeps_its_location_wherever_it_goes() -> None:
    run = ObjectPath("/bucket/runs/one")
    part = run / "domains" / "part-000001.parquet"
    assert str(part) == "s3://bucket/runs/one/domains/part-000001.parquet"
    assert str(pickle.loads(pickle.dumps(part))) == str(part)
    assert (part.name, part.stem, str(part.parent)) == (
        "part-000001.parquet",
        "part-000001",
        "s3://bucket/runs/one/domains",
    )
    assert str(part.relative_to(run)) == part.relative_to(run).as_posix() == "domains/part-000001.parquet"
    assert run.resolve() == run


def test_nothing_of_this_machine_is_taken_for_an_object() -> None:
    path = ObjectPath("/tmp/part.parquet")
    for use in (os.fspath, open, os.stat, Path.touch):
        with pytest.raises(OSError, match=r"is no file of this machine: 's3://tmp/part\.parquet'"):
            use(path)
    assert not Path("/tmp/part.parquet").exists()


def test_a_location_without_a_scheme_is_a_folder_of_this_machine() -> None:
    assert place("runs/s3:") == Path("runs/s3:")
    assert type(place("runs")) is type(Path("runs"))


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("gs://bucket/run", "only s3:// is known"),
        ("https://bucket/run", "only s3:// is known"),
        ("s3:///run", "write s3://BUCKET/FOLDER"),
        ("s3://KEY:SECRET@bucket/run", "the environment tells where the store is, and its keys"),
        ("s3://bucket/run?secret_key=SECRET", "the environment tells where the store is, and its keys"),
    ],
)
def test_a_location_that_cannot_be_is_refused_and_its_secret_not_repeated(location: str, reason: str) -> None:
    with pytest.raises(OSError, match=reason) as caught:
        place(location)
    assert "SECRET" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_named(address: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no such bucket: 's3://nobodys'"):
        place("s3://nobodys/run")


def test_a_store_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.storing.object_store._ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(OSError, match=r"network connection: .*: 's3://far-away/run'"):
        place("s3://far-away/run")


def test_objects_are_written_read_listed_and_removed(bucket: ObjectPath) -> None:
    run = bucket / "run"
    assert not run.exists()
    (run / "work").mkdir(parents=True)
    assert (run / "work" / "a.txt").write_text("ä\n", encoding="utf-8") == 3
    (run / "run.json").write_bytes(b"{}")
    assert (run / "work" / "a.txt").read_text(encoding="utf-8") == "ä\n"
    assert (run / "work" / "a.txt").stat().st_size == 3
    assert (run.is_dir(), run.is_file(), (run / "run.json").is_file()) == (True, False, True)
    assert sorted(path.name for path in run.iterdir()) == ["run.json", "work"]
    assert [path.name for path in run.glob("*")] == ["run.json"]
    assert [path.name for path in run.glob("*/*.txt")] == ["a.txt"]
    assert list((run / "nothing").glob("*")) == []
    assert names(run) == ["run.json", "work/a.txt"]
    (run / "run.json").unlink()
    (run / "run.json").unlink(missing_ok=True)
    for gone in ((run / "run.json").unlink, (run / "run.json").read_bytes, (run / "run.json").stat):
        with pytest.raises(FileNotFoundError, match=r"s3://.*/run/run\.json"):
            gone()
    remove_folder(run)
    remove_folder(run)
    assert not run.exists()


def test_what_was_written_lately_is_found(bucket: ObjectPath, tmp_path: Path) -> None:
    for folder in (bucket / "run", tmp_path):
        (folder / "part-1").write_bytes(b"1")
        (folder / "other").write_bytes(b"1")
        written = (folder / "part-1").stat().st_mtime
        assert [path.name for path in written_since(folder, "part-*", written)] == ["part-1"]
        assert list(written_since(folder, "part-*", written + 2)) == []


def write_half_a_manifest(run: Path) -> None:
    with WholeFile(run / "run.json") as aside:
        aside.write_text("half")
        raise ValueError("half")


def write_half_a_report(run: Path) -> None:
    with whole_file(run / "report.html") as file:
        file.write("half")
        raise ValueError("half")


def test_what_fails_while_written_leaves_nothing(bucket: ObjectPath) -> None:
    table = pa.table({"a": [1]})

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches()
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_parquet_batches(bucket / "list.parquet", table.schema, batches())
    for write in (write_half_a_manifest, write_half_a_report):
        with pytest.raises(ValueError, match="half"):
            write(bucket)
    assert names(bucket) == []


def test_a_store_that_refuses_a_file_says_why(bucket: ObjectPath) -> None:
    gone = ObjectPath("/nobodys/run/part.parquet")
    with pytest.raises(OSError, match=r"no such bucket: .*: 's3://nobodys/run/.*part\.parquet") as caught:
        write_parquet(gone, pa.table({"a": [1]}))
    assert caught.value.strerror is not None


def read_what_goes_meanwhile(path: Path) -> None:
    with open_parquet(path) as file:
        path.unlink()
        file.read()


def test_an_object_that_goes_while_it_is_read_is_one_that_is_not_there(bucket: ObjectPath) -> None:
    write_parquet(bucket / "part.parquet", pa.table({"a": [1]}))
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: 's3://.*/part\.parquet'"):
        read_what_goes_meanwhile(bucket / "part.parquet")


def test_an_object_has_no_descriptor_and_is_not_added_to(bucket: ObjectPath) -> None:
    with (bucket / "a").open("wb") as file, pytest.raises(UnsupportedOperation):
        file.fileno()
    with pytest.raises(OSError, match="not opened as 'a'"):
        (bucket / "a").open("a")


def test_queries_read_objects_by_pattern_and_by_name(bucket: ObjectPath) -> None:
    folder = bucket / "odd [name]" / "domains"
    for number in range(2):
        write_parquet(folder / f"part-{number}.parquet", pa.table({"n": [number, number + 10]}))
    assert count_rows(folder / "part-1.parquet") == 2
    with duckdb.connect() as connection, bucket.queried_by(connection):
        pattern = str(folder).replace("[", "[[]") + "/part-*.parquet"
        assert connection.execute("SELECT sum(n) FROM read_parquet($1)", [pattern]).fetchall() == [(22,)]
        files = [pattern.replace("*", "1")]
        assert connection.execute("SELECT sum(n) FROM read_parquet($1)", [files]).fetchall() == [(12,)]
        with pytest.raises(duckdb.IOException, match="No files found"):
            connection.execute("FROM read_parquet($1)", [pattern.replace("part", "none")])

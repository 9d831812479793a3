"""An object store that fails while it is needed: one line that names the object, and a true status."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import certifi
import duckdb
import pyarrow as pa
import pytest

from analysis.database import open_database
from analysis.figures import compute_figures
from analysis.whole_file import whole_file
from crawler.cli import STOPPED, USAGE, main
from crawler.commands.ending import ending_of, resumable
from crawler.engine import Interruption
from crawler.judging import judge
from crawler.preparing import prepare
from crawler.storing import hold
from crawler.storing.hold import HELD_SECONDS, boot_seconds
from crawler.storing.parquet_files import write_parquet_batches
from crawler.storing.run_database import parts, run_database
from crawler.storing.run_folder import RunFolder
from crawler.storing.whole_file import remove_folder
from crawler.survey import adopt_root_store, finish, observe
from tests.servers.object_store import KEY, SECRET, new_bucket, object_store
from tests.test_engine import Counts, engine_for
from tests.test_mending import LIST, SETTINGS, open_shards

GONE = r"\[Errno 5\] network connection: .*: 's3://runs-\d+/run/{}'"
LINE = r"starttls-survey: s3://runs-\d+/run{}: {}.*{}\n"
GOES_ON = "; what is complete is kept, the same command goes on"

Command = Callable[..., tuple[object, str]]


class Stored(NamedTuple):
    """A finished run, and what ends its store."""

    run: RunFolder
    end_store: Callable[[], None]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, RunFolder]]:
    """Return the address of a store that is not there now, and a finished run in it.

    It is asked once when it does not answer.
    """
    run = RunFolder(tmp_path_factory.mktemp("runs") / "run")
    prepare(run, LIST, SETTINGS, None)
    for shard in open_shards(run):
        shard.write()
    with engine_for(Counts(), Interruption()) as engine:
        observe(run, SETTINGS, engine)
    adopt_root_store(run, certifi.where())
    finish(run, Counts(), Interruption())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crawler.storing.object_store._ATTEMPTS", 1)
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        with object_store() as address:
            stored = new_bucket(address) / "run"
            for path in run.path.rglob("*"):
                if path.is_file():
                    (stored / path.relative_to(run.path)).write_bytes(path.read_bytes())
        yield address, RunFolder(stored)


@pytest.fixture
def stored(finished: tuple[str, RunFolder]) -> Iterator[Stored]:
    """Return a finished run whose store is there until the test ends it."""
    address, run = finished
    with contextlib.ExitStack() as store:
        store.enter_context(object_store(address))
        remove_folder(run.path / ".lock")  # the claim of a test before, which could not be given up
        yield Stored(run, store.close)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> tuple[object, str]:
        monkeypatch.setattr("sys.argv", ["starttls-survey", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().err

    return run


@pytest.fixture
def ends_as_figures_begin(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the store end when the database for the figures has been opened."""

    @contextlib.contextmanager
    def opened(folder: Path, listed: int) -> Iterator[duckdb.DuckDBPyConnection]:
        with open_database(folder, listed) as connection:
            stored.end_store()
            yield connection

    monkeypatch.setattr("analysis.figures.open_database", opened)


# --- what is said --------------------------------------------------------------------------------------


def test_a_query_says_what_the_store_said(stored: Stored) -> None:
    def query() -> None:
        with run_database(stored.run, domains=parts(stored.run, "domains")) as database:
            stored.end_store()
            database.execute("CREATE TABLE t AS FROM read_parquet(getvariable('domains'))")

    with pytest.raises(OSError, match=GONE.format("domains")):
        query()


def test_a_query_whose_rows_are_read_says_what_the_store_said(stored: Stored, tmp_path: Path) -> None:
    path, draw = stored.run.work_path("long.parquet"), Random(1)
    rows = pa.table({"text": [draw.randbytes(200).hex() for _ in range(20_000)]})
    write_parquet_batches(path, rows.schema, rows.to_batches(max_chunksize=1000))

    def query() -> None:
        with run_database(stored.run, long=str(path)) as database:
            batches = database.batches("FROM read_parquet(getvariable('long'))")
            stored.end_store()
            write_parquet_batches(tmp_path / "rows.parquet", rows.schema, batches)

    with pytest.raises(OSError, match=GONE.format(r"work/long\.parquet")):
        query()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("ends_as_figures_begin")
def test_figures_say_what_the_store_said(stored: Stored) -> None:
    with pytest.raises(OSError, match=GONE.format("domains")):
        compute_figures(stored.run.path)


def test_a_file_says_what_the_store_said_while_it_is_read_and_written(stored: Stored) -> None:
    path = stored.run.path / "text"
    path.write_bytes(bytes(20_000_000))
    with path.open("rb") as file:
        file.read(1)
        stored.end_store()
        with pytest.raises(OSError, match=GONE.format("text")):
            file.read()
    with pytest.raises(OSError, match=GONE.format(r"\.text\.aside")), whole_file(path) as text:
        text.write("x")


# --- how a command ends --------------------------------------------------------------------------------


@pytest.mark.usefixtures("ends_as_figures_begin")
def test_a_report_ends_in_one_line(stored: Stored, command: Command) -> None:
    status, said = command("report", str(stored.run.path))
    assert status == USAGE
    assert re.fullmatch(LINE.format("/domains", "network connection", ""), said)


def test_a_run_that_stands_is_stopped_and_resumable(
    stored: Stored, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(*arguments: Any, **more: Any) -> None:
        stored.end_store()
        judge(*arguments, **more)

    monkeypatch.setattr("crawler.survey.judge", judged)
    status, said = command("judge", str(stored.run.path))
    assert status == STOPPED, said
    assert re.fullmatch(LINE.format(r"/\S+", "network connection", GOES_ON), said)


def test_a_run_whose_claim_was_lost_is_stopped_and_resumable(
    stored: Stored, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(hold, "boot_seconds", lambda: boot_seconds() + HELD_SECONDS)
        judge(*arguments, **more)

    monkeypatch.setattr("crawler.survey.judge", judged)
    status, said = command("judge", str(stored.run.path))
    assert status == STOPPED, said
    assert re.fullmatch(LINE.format("", "the claim on the run was not renewed for 60 seconds", GOES_ON), said)


def test_a_file_of_this_machine_that_cannot_be_read_is_bad_input_all_the_while(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, resumable():
        (tmp_path / "settings.toml").read_bytes()
    assert ending_of(caught.value) == (USAGE, f"{tmp_path}/settings.toml: No such file or directory")

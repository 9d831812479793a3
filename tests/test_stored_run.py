"""Runs in an object store: made, locked, broken off, mended, gone on with, judged, reported."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analysis.report import make_report
from crawler.dataset.publishing import DatasetError, Options, check_publishable, publish
from crawler.engine import Interruption
from crawler.mending import check_finished
from crawler.open_shard import rows_in_partials
from crawler.preparing import prepare, read_manifest
from crawler.stages import RESOLVE
from crawler.status import read_status
from crawler.storing import run_lock
from crawler.storing.run_database import run_database
from crawler.storing.run_folder import RunFolder, RunFolderError
from crawler.survey import finish
from tests.servers.object_store import KEY, SECRET, new_bucket, store_address  # noqa: F401 (a fixture)
from tests.surviving import Surveyed, differences, observed, surveyed_lab
from tests.test_engine import Counts
from tests.test_lab_run import finished as completed
from tests.test_lab_run import wait_for
from tests.test_mending import (
    DEAD_PROCESS,
    LIST,
    NAMES,
    SETTINGS,
    cut,
    damage_and_mend,
    flip,
    mended,
    open_shards,
)

SURVEYED = 16
"""Names in the list of the run that the lab is surveyed by."""


@pytest.fixture
def run(address: str) -> RunFolder:
    """Return a run whose domains are resolved."""
    run = RunFolder(new_bucket(address) / "run")
    prepare(run, LIST, SETTINGS, None)
    for shard in open_shards(run):
        shard.write()
    return run


def claims(run: RunFolder) -> list[Path]:
    return list((run.path / ".lock").glob("*"))


# --- made ----------------------------------------------------------------------------------------------


def test_a_run_that_was_not_made_to_its_end_is_made_again(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(new_bucket(address) / "run")
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_manifest", _fail)
        with pytest.raises(OSError, match="gone"):
            prepare(run, LIST, SETTINGS, None)
    assert not run.exists()
    prepare(run, LIST, SETTINGS, None)
    assert run.exists()
    assert claims(run) == []


def _fail(*_: object) -> None:
    raise OSError(5, "gone")


@pytest.mark.parametrize("written_last", [".rejected.csv.{}", "work/.resolve.parquet.{}", ".run.json.{}"])
def test_what_who_made_a_run_left_half_written_blocks_nobody(address: str, written_last: str) -> None:
    run = RunFolder(new_bucket(address) / "run")
    left = run.path / written_last.format(DEAD_PROCESS)
    left.write_text("half")
    run.write_rejected([])
    claim_of(run, process=DEAD_PROCESS, machine=run_lock._processes())
    prepare(run, LIST, SETTINGS, None)
    assert mended(run) == []
    assert (run.exists(), left.exists(), claims(run)) == (True, False, [])


@pytest.mark.parametrize("name", ["thesis.tex", ".thesis.tex.1", ".profile"])
def test_a_folder_of_something_else_is_no_run(address: str, name: str) -> None:
    bucket = new_bucket(address)
    (bucket / "thesis" / name).write_text("x")
    with pytest.raises(RunFolderError, match=r"s3://.*/thesis: exists and is no run folder"):
        RunFolder(bucket / "thesis").exists()


# --- one process at a time -----------------------------------------------------------------------------


def test_a_second_process_is_refused_and_changes_nothing(run: RunFolder) -> None:
    with run.lock():
        (claim,) = claims(run)
        with (
            pytest.raises(RunFolderError, match="another process is working"),
            run.lock(),
        ):
            pass
        assert claims(run) == [claim]
        assert read_status(run).state == "running"
    assert claims(run) == []
    assert read_status(run).state == "stopped"


def test_of_many_that_want_a_run_at_once_at_most_one_gets_it(run: RunFolder) -> None:
    have_it: list[bool] = []
    begin, all_have_tried = threading.Barrier(6), threading.Barrier(6)

    def want() -> None:
        begin.wait(30)
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(run.lock())
                have_it.append(True)
            except RunFolderError:
                have_it.append(False)
            all_have_tried.wait(30)

    threads = [threading.Thread(target=want) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(have_it), have_it.count(True) <= 1) == (6, True)


def claim_of(run: RunFolder, *, process: int, machine: str) -> Path:
    path = run.path / ".lock" / "0123"
    path.write_text(json.dumps({"process": process, "processes_of": machine}))
    return path


def test_the_claim_of_a_process_that_was_killed_holds_nobody_up(run: RunFolder) -> None:
    claim_of(run, process=DEAD_PROCESS, machine=run_lock._processes())
    assert read_status(run).process is None
    with run.lock():
        assert len(claims(run)) == 1


def test_the_claim_of_another_machine_holds_until_it_was_not_renewed_for_long(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = claim_of(run, process=DEAD_PROCESS, machine="another")
    with pytest.raises(RunFolderError, match=f"number {DEAD_PROCESS} of another machine"), run.lock():
        pass
    assert read_status(run).process == DEAD_PROCESS
    monkeypatch.setattr(run_lock, "VOID_SECONDS", -1.0)
    with run.lock():
        assert not claim.exists()


# --- broken off ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("damage", "place"), [(flip, 0.2), (flip, 1.0), (cut, 0.5)])
def test_a_damaged_object_is_named_and_its_shard_done_again(
    run: RunFolder, damage: Callable[[Path, float], None], place: float
) -> None:
    damage_and_mend(run, run.part_path("domains", 1), damage, place)


def test_what_was_saved_of_open_shards_is_not_done_again(address: str) -> None:
    run = RunFolder(new_bucket(address) / "run")
    prepare(run, LIST, SETTINGS, None)
    for shard in open_shards(run):
        shard.save()
    assert rows_in_partials(run, RESOLVE) == {0: 2, 1: 2, 2: 1}
    left = run.table_folder("domains") / f".part-000001.parquet.{DEAD_PROCESS}"
    left.write_bytes(b"half")
    assert mended(run) == []
    assert not left.exists()
    for shard in open_shards(run):
        assert shard.work.to_pylist() == []
        shard.write()
    assert run.count("domains") == len(NAMES)
    assert rows_in_partials(run, RESOLVE) == {}


def test_queries_spill_into_a_folder_of_this_machine_that_goes_again(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with run_database(run) as database:
        database.execute("SET memory_limit = '20MB'")
        database.execute("CREATE TABLE t AS SELECT md5(n::VARCHAR) AS m FROM range(2_000_000) AS r(n)")
        assert any(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert list(tmp_path.iterdir()) == []


# --- from list to report -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def surveyed(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surveyed]:
    """Run the lab for a short list."""
    with surveyed_lab(tmp_path_factory.mktemp("lab"), SURVEYED) as surveyed:
        # The store has the same cores: each save is some requests.
        text = surveyed.settings.read_text()
        for setting, other in (("save_seconds = 0.2", "save_seconds = 1.0"), ("workers = 2", "workers = 1")):
            assert setting in text
            text = text.replace(setting, other)
        surveyed.settings.write_text(text)
        yield surveyed


@pytest.fixture(scope="module")
def stored(address: str, surveyed: Surveyed) -> RunFolder:
    """Return a run in a store that was killed and gone on with, up to its report."""
    run = RunFolder(new_bucket(address) / "runs" / "one")
    with surveyed.begin(run.path) as first:
        wait_for(run.path, "work/partial/resolve/domains-*.parquet")
        with pytest.raises(RunFolderError, match=f"number {first.pid} of this machine"), run.lock():
            pass
        assert read_status(run).process == first.pid
        first.kill()
    temporary = surveyed.folder / "tmp"
    temporary.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        said = surveyed.finish(run.path, "--until", "report")
    assert f"report: {run.path}/report.html" in said
    assert list(temporary.iterdir()) == []
    return run


@pytest.fixture(scope="module")
def copied(stored: RunFolder, surveyed: Surveyed) -> Path:
    """Return a copy of that run on this machine."""
    copy = surveyed.folder / "copy"
    for path in stored.path.rglob("*"):
        file = copy / path.relative_to(stored.path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(path.read_bytes())
    return copy


@pytest.mark.lab
def test_a_stored_run_that_was_killed_finds_what_one_on_this_machine_finds(
    surveyed: Surveyed, copied: Path
) -> None:
    surveyed.finish(surveyed.folder / "run")
    assert differences(observed(copied), observed(surveyed.folder / "run")) == []


@pytest.mark.lab
def test_figures_and_report_in_the_store_are_those_of_a_copy(stored: RunFolder, copied: Path) -> None:
    patterns = ("figures/*.csv", "report.*", "headline.tex", "checks.csv")
    found = {
        path.relative_to(stored.path).as_posix() for pattern in patterns for path in stored.path.glob(pattern)
    }
    for path in (*found, "figures/made.json"):
        (copied / path).unlink()
    make_report(copied)
    assert found == {
        path.relative_to(copied).as_posix() for pattern in patterns for path in copied.glob(pattern)
    }
    assert {"report.html", "report.md", "headline.tex", "figures/populations.csv"} < found
    for path in found:
        assert (stored.path / path).read_bytes() == (copied / path).read_bytes(), path


@pytest.mark.lab
def test_damaged_verdicts_of_a_stored_run_are_named_and_made_again(stored: RunFolder) -> None:
    manifest = read_manifest(stored)
    check_finished(stored, manifest)
    flip(stored.part_path("domain_verdicts", 0), 0.5)
    with pytest.raises(RunFolderError, match=r"s3://.*/domain_verdicts/part-000000\.parquet: damaged"):
        check_finished(stored, manifest)
    finish(stored, Counts(), Interruption())
    assert read_manifest(stored)["parts"] == manifest["parts"]
    assert read_status(stored).state == "finished"


@pytest.mark.lab
def test_a_stored_run_is_published_on_this_machine(stored: RunFolder, surveyed: Surveyed) -> None:
    published = publish(stored, surveyed.folder / "dataset", Options())
    assert published.rows["domains"] == SURVEYED
    with pytest.raises(DatasetError, match=r"s3://.*: a dataset is made on this machine"):
        check_publishable(stored, stored.path / "dataset")


@pytest.mark.lab
def test_no_key_is_written_down(stored: RunFolder) -> None:
    for path in stored.path.rglob("*"):
        octets = path.read_bytes()
        assert KEY.encode() not in octets, path
        assert SECRET.encode() not in octets, path


def test_a_bucket_that_is_not_there_is_one_line(address: str, tmp_path: Path) -> None:
    status, _, err = completed("status", "s3://nobodys/run", folder=tmp_path)
    assert (status, err) == (2, "starttls-survey: s3://nobodys: there is no such bucket\n")

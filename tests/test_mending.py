"""Runs that were broken off, and files that are not as they were written: named, removed, done again."""

import os
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest

from crawler.engine import Interruption
from crawler.listed import DomainList
from crawler.mending import check_finished, mend, sweep_beside
from crawler.open_shard import OpenShard, partials_folder, rows_in_partials
from crawler.outcomes import MxKind
from crawler.preparing import prepare, read_manifest
from crawler.settings import Settings
from crawler.stage import Observation, certificate_parts, work_list
from crawler.stages import HOSTS, RESOLVE
from crawler.storing.run_folder import RunFolder, RunFolderError
from crawler.survey import STAGES, adopt_root_store, finish, is_complete, observe
from crawler.work_lists import list_hosts
from tests.listing import listed_domains
from tests.test_engine import Counts, engine_for
from tests.test_work_lists import domain

SETTINGS = Settings(hello_name="scan.example", resolver="127.0.0.1:53", shard_size=2, control_hosts=())
NAMES = [f"d{n}.example" for n in range(5)]
LIST = DomainList("list.csv", "ab" * 32, listed_domains(NAMES), [])
DEAD_PROCESS = 4_194_305
"""Above the greatest number that a process can have."""


def flip(path: Path, place: float) -> None:
    """Flip a bit at a place, from 0 (the first octet) to 1 (the last)."""
    octets = bytearray(path.read_bytes())
    octets[round(place * (len(octets) - 1))] ^= 0x10
    path.write_bytes(octets)


def cut(path: Path, place: float) -> None:
    octets = path.read_bytes()
    path.write_bytes(octets[: round(place * (len(octets) - 1))])


DAMAGES = [
    *((flip, place) for place in (0.0, 0.2, 0.5, 0.7, 0.9, 1.0)),
    *((cut, place) for place in (0.0, 0.5, 1.0)),
]


def open_shards(run: RunFolder) -> list[OpenShard]:
    """Return the shards of the resolve stage, all of whose rows are finished: domains without mail."""
    shards = [OpenShard(run, RESOLVE, number) for number in range(3)]
    for shard in shards:
        for row in shard.work.to_pylist():
            observed = domain(row["domain"], MxKind.NULL_MX)
            shard.add(Observation({"domains": [observed]}, None, (row["domain"].encode(),)))
    return shards


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return a run whose domains are resolved."""
    run = RunFolder(tmp_path / "run")
    prepare(run, LIST, SETTINGS, None)
    for shard in open_shards(run):
        shard.write()
    return run


@pytest.fixture
def finished(run: RunFolder) -> RunFolder:
    """Return a finished run."""
    go_on(run)
    adopt_root_store(run, certifi.where())
    finish(run, Counts(), Interruption())
    return run


def go_on(run: RunFolder) -> list[str]:
    """Observe what is left, which needs no network; return what was said."""
    counts = Counts()
    with engine_for(counts, Interruption()) as engine:
        observe(run, SETTINGS, engine)
    return counts.notes


def mended(run: RunFolder) -> list[str]:
    counts = Counts()
    mend(run, STAGES, counts)
    return counts.notes


def damage_and_mend(run: RunFolder, path: Path, damage: Callable[[Path, float], None], place: float) -> None:
    """Damage a file of shard 1 of the resolve stage: it is named, and that shard alone is done again."""
    damage(path, place)
    (note,) = mended(run)
    assert note == f"{path}: damaged, and removed; shard 1 of stage resolve is done again (paused=False)"
    assert run.shards("domains") == run.shards("sts_policies") == [0, 2]
    for shard in open_shards(run):
        if len(shard.work):
            shard.write()
    assert mended(run) == []
    assert run.count("domains") == len(NAMES)


@pytest.mark.parametrize(("damage", "place"), DAMAGES)
@pytest.mark.parametrize("table", ["domains", "sts_policies"])
def test_a_damaged_part_file_is_named_and_its_shard_done_again(
    run: RunFolder, damage: Callable[[Path, float], None], place: float, table: str
) -> None:
    damage_and_mend(run, run.part_path(table, 1), damage, place)


def test_a_damaged_file_of_certificates_has_its_shard_done_again(run: RunFolder) -> None:
    (path,) = certificate_parts(run).glob("resolve-000002*")
    flip(path, 0.5)
    (note,) = mended(run)
    assert note.startswith(f"{path}: damaged")
    assert run.shards("domains") == [0, 1]
    assert not path.exists()


def test_a_damaged_partial_loses_its_own_rows_alone(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    prepare(run, LIST, SETTINGS, None)
    for shard in open_shards(run):
        shard.save()
    flip(partials_folder(run, RESOLVE) / "sts_policies-000001-0000.parquet", 0.5)
    (note,) = mended(run)
    assert "sts_policies-000001-0000.parquet: damaged, and removed; its rows are done again" in note
    assert rows_in_partials(run, RESOLVE) == {0: 2, 2: 1}


def test_what_is_as_it_was_written_stays(run: RunFolder) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*.parquet")}
    assert mended(run) == []
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*.parquet")} == before


def test_lists_made_of_what_is_damaged_are_made_again_unless_their_stage_has_begun(run: RunFolder) -> None:
    list_hosts(run, SETTINGS)
    flip(run.part_path("domains", 0), 0.5)
    mended(run)
    assert not work_list(run, HOSTS.name).exists()
    assert work_list(run, RESOLVE.name).exists()


def test_a_damaged_work_list_is_made_again_before_its_stage_begins(run: RunFolder) -> None:
    list_hosts(run, SETTINGS)
    run.digests.note(work_list(run, HOSTS.name))
    cut(work_list(run, HOSTS.name), 0.5)
    (note,) = mended(run)
    assert note.startswith(f"{work_list(run, HOSTS.name)}: damaged, and removed; it is made again")
    assert go_on(run) == []
    assert is_complete(HOSTS, run)


def test_a_damaged_work_list_of_a_stage_that_has_begun_ends_the_run(run: RunFolder) -> None:
    cut(work_list(run, RESOLVE.name), 0.5)
    with pytest.raises(RunFolderError, match=r"work/resolve\.parquet: damaged, and its stage has begun"):
        mended(run)


def test_the_leftovers_of_killed_processes_are_removed(run: RunFolder) -> None:
    left = [
        run.path / f".run.json.{DEAD_PROCESS}",
        run.table_folder("domains") / f".part-000001.parquet.{DEAD_PROCESS}",
        certificate_parts(run) / f".resolve-000001.parquet.{DEAD_PROCESS}",
    ]
    for path in left:
        path.write_bytes(b"half")
    (run.work_path(".spilled")).mkdir()
    (run.path / "lab").mkdir()
    (run.path / "lab" / ".of.the.lab.1").touch()
    with run.lock():
        assert mended(run) == []
        assert (run.path / ".lock").exists()
    assert not any(path.exists() for path in left)
    assert not run.work_path(".spilled").exists()
    assert (run.path / "lab" / ".of.the.lab.1").exists()


def test_the_leftovers_of_who_judged_a_finished_run_are_removed_when_it_is_judged_again(
    finished: RunFolder,
) -> None:
    left = [
        finished.path / f".run.json.{DEAD_PROCESS}",
        finished.table_folder("domain_verdicts") / f".part-000001.parquet.{DEAD_PROCESS}",
    ]
    for path in left:
        path.write_bytes(b"half")
    finish(finished, Counts(), Interruption())
    assert not any(path.exists() for path in left)


def test_runs_that_were_never_made_are_removed_once_their_process_is_gone(tmp_path: Path) -> None:
    dead, living = (tmp_path / f".run.{number}" for number in (DEAD_PROCESS, os.getpid()))
    other = tmp_path / ".run.toml"
    for folder in (dead, living, other):
        folder.mkdir()
    sweep_beside(RunFolder(tmp_path / "run"))
    assert [folder.exists() for folder in (dead, living, other)] == [False, True, True]


# --- finished runs -------------------------------------------------------------------------------------


def test_a_finished_run_names_the_digest_of_each_part_file(finished: RunFolder) -> None:
    manifest = read_manifest(finished)
    assert set(manifest["parts"]) == {
        path.relative_to(finished.path).as_posix() for path in finished.path.glob("*/part-*.parquet")
    }
    check_finished(finished, manifest)


@pytest.mark.parametrize("table", ["domains", "certificates", "domain_verdicts"])
def test_a_damaged_finished_run_is_neither_reported_nor_gone_on_with(finished: RunFolder, table: str) -> None:
    path = finished.part_path(table, 0)
    flip(path, 0.5)
    with pytest.raises(RunFolderError, match=rf"{path}: damaged"):
        check_finished(finished, read_manifest(finished))
    if table != "domain_verdicts":
        with pytest.raises(RunFolderError, match=rf"{path}: damaged"):
            finish(finished, Counts(), Interruption())
        with pytest.raises(RunFolderError, match=rf"{path}: damaged"):
            go_on(finished)


def test_damaged_verdicts_are_made_again(finished: RunFolder) -> None:
    flip(finished.part_path("domain_verdicts", 0), 0.5)
    finish(finished, Counts(), Interruption())
    check_finished(finished, read_manifest(finished))


def test_a_missing_or_an_odd_part_of_a_finished_run_is_named(finished: RunFolder) -> None:
    finished.write_part("mx_hosts", 9, [])
    with pytest.raises(RunFolderError, match=r"mx_hosts/part-000009\.parquet: damaged"):
        check_finished(finished, read_manifest(finished))
    finished.part_path("mx_hosts", 9).unlink()
    finished.part_path("domains", 1).unlink()
    with pytest.raises(RunFolderError, match=r"domains/part-000001\.parquet: missing"):
        check_finished(finished, read_manifest(finished))


def test_a_judging_that_was_broken_off_is_named_and_made_again(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "remove_parts", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            finish(finished, Counts(), Interruption())
    with pytest.raises(RunFolderError, match=r"its judging was broken off; .*: starttls-survey judge "):
        check_finished(finished, read_manifest(finished))
    finish(finished, Counts(), Interruption())
    check_finished(finished, read_manifest(finished))


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_is_damaged_while_the_run_ends_is_named_and_the_run_not_finished(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on(run)
    adopt_root_store(run, certifi.where())
    path = run.part_path("sts_policies", 2)
    monkeypatch.setattr("crawler.survey.judge", lambda *_, **__: flip(path, 0.5))
    with pytest.raises(RunFolderError, match=f"{path}: damaged: not as it was written"):
        finish(run, Counts(), Interruption())
    assert read_manifest(run)["finished_at"] is None

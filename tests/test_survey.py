"""Preparing a run folder: made once, accepted again, never mixed."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import certifi
import pytest

from crawler.engine import Interruption
from crawler.listed import DomainList, RejectedLine
from crawler.outcomes import Rejection
from crawler.preparing import prepare, read_manifest
from crawler.settings import Settings, settings_from
from crawler.stage import read_work, work_list
from crawler.storing.run_folder import RunFolder, RunFolderError
from crawler.survey import adopt_root_store, finish, record_start
from crawler.verdicts.pkix import RootStoreError
from crawler.watching.feedback import Feedback
from tests.listing import listed_domains

SETTINGS = Settings(hello_name="scan.example", resolver="127.0.0.1:53")
LIST = DomainList(
    "list.csv",
    "ab" * 32,
    listed_domains(["example.com"]),
    [RejectedLine(2, "x", Rejection.SINGLE_LABEL)],
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    prepare(run, LIST, SETTINGS, None)
    return run


def test_a_new_run_folder_names_list_settings_and_versions(run: RunFolder) -> None:
    manifest = read_manifest(run)
    assert manifest["list"] == {"name": "list.csv", "sha256": "ab" * 32, "listed": 1, "rejected": 1}
    assert settings_from(manifest["settings"]) == SETTINGS
    assert manifest["finished_at"] is None
    assert {"starttls-survey", "python", "trio", "cryptography"} <= manifest["versions"].keys()
    assert [row["domain"] for row in read_work(run, "resolve", 0)] == ["example.com"]
    assert (run.path / "rejected.csv").read_text().splitlines()[1] == "2,x,single_label"


def test_the_same_list_and_settings_go_on_in_the_same_folder(run: RunFolder) -> None:
    before = run.manifest_path.read_bytes()
    prepare(run, LIST, SETTINGS, None)
    prepare(run, LIST, dataclasses.replace(SETTINGS, workers=7, sessions_in_flight=9), None)
    gentler = dataclasses.replace(
        SETTINGS, address_gap_seconds=60.0, sessions_per_second=1.0, opt_out="opt-out.txt", control_hosts=()
    )
    prepare(run, LIST, gentler, None)
    assert run.manifest_path.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        {"sample_size": 0},
        {"address_cap": 7},
        {"provider_cap": 7},
        {"mx_hosts_per_domain": 7},
        {"retry_delay_seconds": 7.0},
        {"greeting_timeout_seconds": 7.0},
        {"patient_timeout_seconds": 7.0},
    ],
)
def test_what_decides_who_is_asked_or_how_long_stays_as_it_was(
    run: RunFolder, change: dict[str, Any]
) -> None:
    (name,) = change
    with pytest.raises(RunFolderError, match=f"a run with {name} = "):
        prepare(run, LIST, dataclasses.replace(SETTINGS, **change), None)


def test_each_start_records_the_opt_out_file_that_it_works_with(run: RunFolder, tmp_path: Path) -> None:
    record_start(run, SETTINGS)
    assert read_manifest(run)["opt_out"] is None
    listed = tmp_path / "opt-out.txt"
    listed.write_text("example.com\n")
    record_start(run, dataclasses.replace(SETTINGS, opt_out=str(listed)))
    assert read_manifest(run)["opt_out"] == hashlib.sha256(b"example.com\n").hexdigest()


def test_another_list_other_settings_or_another_internet_are_refused(run: RunFolder) -> None:
    with pytest.raises(RunFolderError, match=r"a run of another list \(list.csv\)"):
        prepare(run, dataclasses.replace(LIST, sha256="cd" * 32), SETTINGS, None)
    with pytest.raises(RunFolderError, match="a run with seed = 1, not 2"):
        prepare(run, LIST, dataclasses.replace(SETTINGS, seed=2), None)
    with pytest.raises(RunFolderError, match="a run of another internet"):
        prepare(run, LIST, SETTINGS, {"profile": "dotgov", "profile_sha256": "ef" * 32, "seed": 1})


def test_a_dataset_is_no_run_that_could_go_on(run: RunFolder) -> None:
    work_list(run, "resolve").unlink()
    with pytest.raises(RunFolderError, match="holds no work lists"):
        prepare(run, LIST, SETTINGS, None)


def test_a_run_folder_of_another_format_is_refused(run: RunFolder) -> None:
    manifest = json.loads(run.manifest_path.read_text())
    run.manifest_path.write_text(json.dumps(manifest | {"format_version": 99}))
    with pytest.raises(RunFolderError, match="format version 99"):
        prepare(run, LIST, SETTINGS, None)


def test_the_root_store_is_kept_in_the_run_folder(run: RunFolder, tmp_path: Path) -> None:
    adopt_root_store(run, certifi.where())
    assert run.root_store_path.read_bytes() == Path(certifi.where()).read_bytes()
    facts = read_manifest(run)["root_store"]
    assert facts["source"] == "cacert.pem"
    assert facts["anchors"] > 100


def test_a_root_store_that_holds_none_changes_nothing(run: RunFolder, tmp_path: Path) -> None:
    adopt_root_store(run, certifi.where())
    before = (run.root_store_path.read_bytes(), run.manifest_path.read_bytes())
    junk = tmp_path / "junk.pem"
    junk.write_text("root:x:0:0\n")
    for path in (junk, tmp_path / "none.pem", tmp_path):
        with pytest.raises(RootStoreError, match=path.name):
            adopt_root_store(run, str(path))
    assert (run.root_store_path.read_bytes(), run.manifest_path.read_bytes()) == before


def test_a_run_folder_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("crawler.preparing.list_domains", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(RunFolder(tmp_path / "run"), LIST, SETTINGS, None)
    assert list(tmp_path.iterdir()) == []


def test_an_incomplete_run_is_not_judged(run: RunFolder) -> None:
    adopt_root_store(run, certifi.where())
    with pytest.raises(RunFolderError, match="stage resolve is not complete"):
        finish(run, Feedback(), Interruption())


def test_a_run_is_locked_by_one_process(run: RunFolder) -> None:
    with run.lock(), pytest.raises(RunFolderError, match="another process"), RunFolder(run.path).lock():
        pass


def test_a_manifest_without_its_entries_is_named(run: RunFolder) -> None:
    manifest = read_manifest(run)
    del manifest["settings"]
    run.write_manifest(manifest)
    with pytest.raises(RunFolderError, match=r"run\.json lacks settings"):
        read_manifest(run)

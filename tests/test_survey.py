"""Preparing a run folder: made once, accepted again, never mixed."""

import dataclasses
import json
from pathlib import Path

import pytest

from crawler.domain_list import DomainList, ListedDomain, RejectedLine
from crawler.outcomes import Rejection
from crawler.settings import Settings, settings_from
from crawler.stage import read_work
from crawler.storage import RunFolder, RunFolderError
from crawler.survey import adopt_root_store, prepare, read_manifest

SETTINGS = Settings(hello_name="scan.example", resolver="127.0.0.1:53")
LIST = DomainList(
    "list.csv",
    "ab" * 32,
    [ListedDomain("example.com", 1, None)],
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
    assert run.manifest_path.read_bytes() == before


def test_another_list_other_settings_or_another_internet_are_refused(run: RunFolder) -> None:
    with pytest.raises(RunFolderError, match=r"a run of another list \(list.csv\)"):
        prepare(run, dataclasses.replace(LIST, sha256="cd" * 32), SETTINGS, None)
    with pytest.raises(RunFolderError, match="a run with seed = 1, not 2"):
        prepare(run, LIST, dataclasses.replace(SETTINGS, seed=2), None)
    with pytest.raises(RunFolderError, match="a run of another internet"):
        prepare(run, LIST, SETTINGS, {"profile": "dotgov", "seed": 1})


def test_a_run_folder_of_another_format_is_refused(run: RunFolder) -> None:
    manifest = json.loads(run.manifest_path.read_text())
    run.manifest_path.write_text(json.dumps(manifest | {"format_version": 99}))
    with pytest.raises(RunFolderError, match="format version 99"):
        prepare(run, LIST, SETTINGS, None)


def test_the_root_store_is_kept_in_the_run_folder(run: RunFolder, tmp_path: Path) -> None:
    pem = tmp_path / "roots.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" * 2)
    adopt_root_store(run, str(pem))
    assert run.root_store_path.read_bytes() == pem.read_bytes()
    assert read_manifest(run)["root_store"]["anchors"] == 2
    assert read_manifest(run)["root_store"]["source"] == "roots.pem"

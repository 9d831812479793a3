"""The published sample is what lab and program make of its list today, but for what no two runs share."""

import csv
import dataclasses
import hashlib
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, get_origin

import pytest

from crawler.dataset.content import CONTENTS, Content
from crawler.dictionary import dictionary
from crawler.records import TABLES
from crawler.schema import columns
from crawler.storing.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "datasets" / "sample"
LIST = ROOT / "datasets" / "lists" / "dotgov.csv"

NEVER_TWICE = {"port", "attempts", "root_store_sha256"}
"""The lab listens where there is room, and is its own authority; a lost question is asked again."""
MADE_ANEW = {Content.FINGERPRINT, Content.CERTIFICATE}
"""The lab makes keys and certificates of its own on every machine."""


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sample made anew, by the commands of `make sample`."""
    folder = tmp_path_factory.mktemp("sample")
    lines = LIST.read_text().splitlines(keepends=True)
    (folder / "sample.csv").write_text("".join(lines[::149]))
    for arguments in (
        ("run", "sample.csv", "--out", "run", "--lab"),
        ("dataset", "run", "--out", "sample"),
    ):
        subprocess.run(
            [sys.executable, "-m", "crawler", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")},
            check=True,
            capture_output=True,
            timeout=300,
        )
    return folder / "sample"


def comparable(value: Any, *, name: str = "") -> Any:
    """Return what is the same in every run: no times, no ports, no digests of keys."""
    if dataclasses.is_dataclass(value):
        record: type = type(value)
        members = {column.name: column for column in columns(record)}
        return {
            member: comparable(getattr(value, member), name=member)
            for member, column in members.items()
            if member not in NEVER_TWICE and not is_time(column.annotation)
        }
    if isinstance(value, tuple):
        return [comparable(element, name=name) for element in value]
    if value is not None and CONTENTS.get(name) in MADE_ANEW:
        return "made anew"
    return value


def is_time(annotation: Any) -> bool:
    return get_origin(annotation) is None and annotation in (datetime, float)


@pytest.mark.lab
@pytest.mark.parametrize("table", TABLES)
def test_the_sample_is_what_its_commands_make(table: str, rebuilt: Path) -> None:
    kept, made = ([comparable(row) for row in RunFolder(f).read_part(table, 0)] for f in (SAMPLE, rebuilt))
    if table == "certificates":  # sorted by digest
        kept, made = (sorted(rows, key=repr) for rows in (kept, made))
    assert made == kept


@pytest.mark.lab
def test_the_sample_holds_the_files_and_figures_that_its_commands_make(rebuilt: Path) -> None:
    kept, made = ({str(p.relative_to(f)) for p in f.rglob("*")} for f in (SAMPLE, rebuilt))
    assert made == kept
    for name in sorted(kept):
        if name.startswith("figures/"):
            assert figure(rebuilt / name) == figure(SAMPLE / name), name


def figure(path: Path) -> list[dict[str, str]]:
    """Return the rows of a figure, but for the name of the run and what is told by the hour."""
    with path.open(newline="") as file:
        return [row | {"run": ""} for row in csv.DictReader(file) if not row["stratum"].startswith("hour:")]


def test_the_sample_is_whole_small_and_described_as_the_code_has_it() -> None:
    lines = (SAMPLE / "SHA256SUMS").read_text().splitlines()
    for digest, name in (line.split("  ") for line in lines):
        assert hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest() == digest, name
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 340_000
    assert (SAMPLE / "dictionary.md").read_text() == dictionary()

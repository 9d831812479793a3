"""Labs with the numbers of published studies: crawl and figures give those numbers, to the unit."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
Share = tuple[int, int, int]
"""Numerator, denominator, unknown."""

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which one lab leaves its keys for the next."""
    return tmp_path_factory.mktemp("cache")


def surveyed(profile: str, names: int, folder: Path, cache: Path) -> Path:
    """Return a finished run of a lab with a profile, over so many names."""
    lines = ["domain", *[f"d{n:05}.example" for n in range(names)]]
    (folder / "names.csv").write_text("\n".join(lines) + "\n")
    subprocess.run(
        [sys.executable, "-m", "crawler", "run", "names.csv", "--out", "run", "--lab", "--profile", profile],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache)},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return folder / "run"


def share(run: Path, figure: str, stratum: str, unit: str) -> Share:
    """Return one row of a figure; the unit by how it begins."""
    with (run / "figures" / f"{figure}.csv").open(newline="") as file:
        (row,) = [r for r in csv.DictReader(file) if r["stratum"] == stratum and r["unit"].startswith(unit)]
    return int(row["numerator"]), int(row["denominator"]), int(row["unknown"])


def test_the_mail_hosts_of_2018(tmp_path: Path, cache: Path) -> None:
    run = surveyed("top-1000-2018", 1000, tmp_path, cache)
    assert share(run, "starttls_by_host", "TLS handshake completed", "MX host") == (336, 421, 0)
    assert share(run, "starttls_by_host", "STARTTLS offered", "MX host") == (336, 421, 0)
    valid = share(run, "certificate_ladder", "+ name of the MX host", "MX host")
    assert valid == (336 - 121, 336, 0)
    assert 100 * (1 - valid[0] / valid[1]) == pytest.approx(36.01, abs=0.005)
    assert share(run, "certificate_failures", "reason: none", "MX host") == valid
    assert share(run, "certificate_failures", "self-signed", "MX host") == (60, 336, 0)
    assert share(run, "populations", "H reached", "MX host") == (421, 421, 0)


def test_a_tenth_of_the_tlsa_records_of_2019(tmp_path: Path, cache: Path) -> None:
    run = surveyed("dane-2019", 837, tmp_path, cache)
    assert share(run, "dane_mismatch", "mismatched", "TLSA RRset") == (30, 837, 0)
    assert share(run, "dane_mismatch", "mismatched", "TLSA record") == (133, 940, 0)
    assert share(run, "dane_mismatch", "mismatched", "mail domain") == (30, 837, 0)
    assert share(run, "dane_correct", "DANE correct", "mail-capable") == (807, 837, 0)

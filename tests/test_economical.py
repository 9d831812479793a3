"""What a survey that leaves names to samples finds, beside one that asks them all."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parent.parent
NAMES = 250
# One provider treats all its customers alike, one does not, by chance; nobody is silent.
PROFILE = """
signed = 0.2

[[providers]]
domain = "alike.test"
share = 0.50
per_customer = true
labels = ["in"]
preferences = [0]
addresses = 2
ipv6 = true
tls = "classic"

[[providers]]
domain = "mixed.test"
share = 0.15
per_customer = true
odd = 0.4
labels = ["in"]
preferences = [0]
tls = "modern"

[[providers]]
domain = "shared.test"
share = 0.10
labels = ["mx1", "mx2"]
preferences = [10, 20]

[small_hosters]
share = 0.10

[rates.mail]
null_mx = 0.05
implicit_mx = 0.05
host_no_address = 0.02

[rates.sessions]
no_starttls = 0.10
connect_refused = 0.10
passing_421 = 0.05
greeting_554 = 0.05
"""
SAMPLE_SIZE = 10

pytestmark = pytest.mark.lab


def survey(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "COLUMNS": "120"}
    finished = subprocess.run(
        [sys.executable, "-m", "crawler", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (finished.returncode, finished.stderr) == (0, ""), finished.stdout
    return finished.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two runs over one list: with samples, and exhaustive."""
    folder = tmp_path_factory.mktemp("economical")
    (folder / "names.txt").write_text("".join(f"name{n}.test\n" for n in range(NAMES)))
    (folder / "profile.toml").write_text(PROFILE)
    (folder / "settings.toml").write_text(f"sample_size = {SAMPLE_SIZE}\n")
    for run, flags in (("sampled", ()), ("exhaustive", ("--exhaustive",))):
        survey(
            folder,
            *("run", str(folder / "names.txt"), "--out", str(folder / run), "--until", "judge", *flags),
            *("--lab", "--profile", str(folder / "profile.toml")),
            *("--settings", str(folder / "settings.toml")),
        )
    return folder


def query(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.sql(sql.replace("AT", str(folder))).fetchall()


def test_every_verdict_is_that_of_an_exhaustive_survey(folder: Path) -> None:
    columns = """
        SELECT mx_host, address, outcome, path_ok, time_ok, name_mx_ok, pkix_ok, cn_only_match, self_signed,
               reason, verify_code, tlsa_present, tlsa_dnssec_status
    """
    sampled, exhaustive = (
        f"{columns} FROM 'AT/{r}/session_verdicts/*.parquet'" for r in ("sampled", "exhaustive")
    )
    assert query(folder, f"({sampled}) EXCEPT ALL ({exhaustive})") == []
    assert query(folder, f"({exhaustive}) EXCEPT ALL ({sampled})") == []
    domains = "SELECT * EXCLUDE (root_store_sha256) FROM 'AT/{}/domain_verdicts/*.parquet'"
    sampled, exhaustive = (domains.format(run) for run in ("sampled", "exhaustive"))
    assert query(folder, f"({sampled}) EXCEPT ALL ({exhaustive})") == []


def test_less_than_half_of_the_sessions_are_held(folder: Path) -> None:
    asked = "SELECT count(*) FROM 'AT/{}/sessions/*.parquet' WHERE stage <> 'not_attempted'"
    ((sampled,),), ((exhaustive,),) = (query(folder, asked.format(r)) for r in ("sampled", "exhaustive"))
    assert isinstance(sampled, int)
    assert isinstance(exhaustive, int)
    assert sampled < exhaustive / 2


def test_the_names_of_a_provider_whose_sample_disagrees_are_all_asked(folder: Path) -> None:
    bases = """
        SELECT provider, basis, count(*) > 0 FROM 'AT/sampled/session_verdicts/*.parquet'
        JOIN 'AT/sampled/mx_hosts/*.parquet' USING (mx_host)
        WHERE provider IN ('alike.test', 'mixed.test') GROUP BY ALL ORDER BY ALL
    """
    assert query(folder, bases) == [
        ("alike.test", "direct", True),
        ("alike.test", "inferred", True),
        ("mixed.test", "direct", True),
    ]


@pytest.mark.parametrize("run", ["sampled", "exhaustive"])
def test_both_agree_with_the_truth_of_the_lab(folder: Path, run: str) -> None:
    assert survey(folder, "lab", "truth", str(folder / run)).splitlines()[-1].startswith("0 disagreements (")

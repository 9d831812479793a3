"""Two surveys of a lab whose world was changed by a known amount: that is found, and nothing else."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from analysis.compare import compare_runs
from analysis.compare_result import Change, Comparison

ROOT = Path(__file__).parent.parent.parent
NAMES, REPLACED = 160, 10
PROFILE = """
signed = 0.2

[[providers]]
domain = "bigmail.test"
share = 0.35
per_customer = true
labels = ["mail.protection"]
preferences = [0]
addresses = 2

[[providers]]
domain = "countymail.example"
share = 0.15
labels = ["mx"]
preferences = [10]
signed = true
session = "{session}"
tlsa = "{tlsa}"

[small_hosters]
share = 0.20

[rates.mail]
nxdomain = 0.03
null_mx = 0.05
implicit_mx = 0.03
servfail = 0.02

[rates.sessions]
no_starttls = 0.10
connect_refused = 0.05

[rates.tlsrpt]
valid = {tlsrpt}
"""
BEFORE = PROFILE.format(session="no_starttls", tlsa="none", tlsrpt=0.05)
AFTER = PROFILE.format(session="good", tlsa="ee", tlsrpt=0.20)
"""One provider switches STARTTLS on, with DANE, and more domains ask for TLS reports."""
SETTINGS = """
dns_timeout_seconds = 0.5
retry_delay_seconds = 0.1
shard_size = 80
sample_size = 5
"""

pytestmark = pytest.mark.lab


def write_world(folder: Path, name: str, profile: str, names: list[tuple[str, str]]) -> None:
    lines = [f"{domain},{signed}\n" for domain, signed in names]
    (folder / f"{name}.csv").write_text("domain,signed\n" + "".join(lines))
    (folder / f"{name}.toml").write_text(profile)


def survey(folder: Path, name: str) -> None:
    command = [sys.executable, "-m", "crawler", "run", f"{folder}/{name}.csv", "--out", f"{folder}/{name}"]
    command += ["--lab", "--profile", f"{folder}/{name}.toml", "--settings", f"{folder}/settings.toml"]
    command += ["--until", "judge", "--workers", "1"]
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two runs, `before` and `after`."""
    folder = tmp_path_factory.mktemp("worlds")
    with (ROOT / "datasets" / "lists" / "dotgov.csv").open() as file:
        rows = [(row["domain"], row["signed"]) for row in csv.DictReader(file)]
    old = rows[::80][:NAMES]
    new = list(old)
    for n, (domain, _) in enumerate(rows[1::80][:REPLACED]):
        new[n * 15] = (domain, old[n * 15][1])
    write_world(folder, "before", BEFORE, old)
    write_world(folder, "after", AFTER, new)
    (folder / "settings.toml").write_text(SETTINGS)
    survey(folder, "before")
    survey(folder, "after")
    return folder


@pytest.fixture(scope="module")
def comparison(worlds: Path) -> Comparison:
    return compare_runs([worlds / "before", worlds / "after"])


def truth(worlds: Path, sql: str) -> tuple[int, ...]:
    """Ask what the labs declare: tables `before` and `after` of their mail-capable domains."""
    with duckdb.connect() as connection:
        for name in ("before", "after"):
            folder = worlds / name / "lab" / "truth"
            connection.execute(
                f"""
                CREATE TABLE {name} AS
                SELECT domain, tlsrpt = 'valid' AS has_tlsrpt, "mx.dnssec_status" = 'secure' AS is_secure,
                       list_contains(list_transform("mx.records", lambda r: r.exchange),
                                     'mx.countymail.example') AS is_county
                FROM '{folder}/domains.parquet' JOIN '{folder}/domain_verdicts.parquet' USING (domain)
                WHERE mx_kind IN ('explicit', 'no_mx')
                """
            )
        row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def change_of(comparison: Comparison, figure: str) -> Change:
    return next(change for change in comparison.pairs[0].changes if change.measure.figure == figure)


def test_the_parts_add_up(comparison: Comparison) -> None:
    assert comparison.violations == []
    for change in comparison.pairs[0].changes:
        assert sum(row.effect or 0 for row in change.classes) == change.difference


def test_a_provider_that_switched_starttls_on_is_all_that_changed(
    comparison: Comparison, worlds: Path
) -> None:
    (customers,) = truth(
        worlds, "SELECT count(*) FROM before JOIN after USING (domain) WHERE before.is_county"
    )
    assert customers > 10
    change = change_of(comparison, "starttls_by_domain")
    real, moves, undetermined, population, _ = change.classes
    assert (real.gains, real.losses) == (customers, 0)
    assert [(row.of, row.members, row.gains) for row in change.providers] == [
        (("countymail.example",), customers, customers)
    ]
    assert (moves.members, undetermined.members, population.members) == (0, 0, 0)
    assert (change.test.clusters, change.test.p) == (1, 1.0)


def test_customers_with_dnssec_gained_dane_with_it(comparison: Comparison, worlds: Path) -> None:
    (customers,) = truth(
        worlds,
        "SELECT count_if(is_secure) FROM before JOIN after USING (domain, is_secure) WHERE before.is_county",
    )
    assert customers > 0
    for figure in ("dane_correct", "authenticated_transport"):
        real = change_of(comparison, figure).classes[0]
        assert (real.gains, real.losses) == (customers, 0)


def test_domains_that_began_to_ask_for_reports_are_counted_and_names_replaced_are_churn(
    comparison: Comparison, worlds: Path
) -> None:
    gains, losses = truth(
        worlds,
        """
        SELECT count(*) FILTER (after.has_tlsrpt AND NOT before.has_tlsrpt),
               count(*) FILTER (before.has_tlsrpt AND NOT after.has_tlsrpt)
        FROM before JOIN after USING (domain)
        """,
    )
    assert gains > 10
    real, _, _, _, churn = change_of(comparison, "tlsrpt").classes
    assert (real.gains, real.losses) == (gains, losses)
    left = truth(worlds, "SELECT count(*), count_if(has_tlsrpt) FROM before ANTI JOIN after USING (domain)")
    joined = truth(worlds, "SELECT count(*), count_if(has_tlsrpt) FROM after ANTI JOIN before USING (domain)")
    assert churn.members == left[0] + joined[0]
    assert 0 < churn.members <= 2 * REPLACED
    assert (churn.old_yes, churn.new_yes) == (left[1], joined[1])
    for figure in ("dnssec_mx", "mta_sts_record"):
        change = change_of(comparison, figure)
        assert (change.classes[0].gains, change.classes[0].losses) == (0, 0)

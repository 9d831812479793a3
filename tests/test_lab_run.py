"""The whole survey against the lab: nothing missing, twice or wrong; stopped, and gone on with."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import duckdb
import pytest

from analysis.figures import compute_figures, run_checks
from crawler.cli import STOPPED, USAGE
from tests.analysis.recount import Recount
from tests.analysis.truth_run import write_truth_run
from tests.test_metrics import read

ROOT = Path(__file__).parent.parent
NAMES = 700
RANKS_FROM = (1, 1_001, 10_001, 100_001)
"""Every fourth name is of each class of ranks."""
# The lab is near, and the list is short: what is silent need not be waited for long.
SETTINGS = """
dns_timeout_seconds = 0.5
connect_timeout_seconds = 1.5
reply_timeout_seconds = 2.0
handshake_timeout_seconds = 2.0
session_timeout_seconds = 12.0
patient_timeout_seconds = 7.0
patient_session_timeout_seconds = 12.0
policy_timeout_seconds = 3.0
shard_size = 100
sample_size = 10
"""
JUNK = ["http://example.gov/", "", "192.0.2.1", "a" * 5000, "postmaster@example.gov"]

pytestmark = pytest.mark.lab


def survey(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "COLUMNS": "120"}
    return subprocess.Popen(
        [sys.executable, "-m", "crawler", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(*arguments: str, folder: Path, seconds: float = 120) -> tuple[int, str, str]:
    with survey(*arguments, folder=folder) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            raise
    return process.returncode, out, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a list that has junk in it, and settings."""
    folder = tmp_path_factory.mktemp("lab")
    with (ROOT / "datasets" / "lists" / "dotgov.csv").open() as file:
        rows = list(csv.DictReader(file))[::23][:NAMES]
    ranks = [RANKS_FROM[place % len(RANKS_FROM)] + place for place in range(NAMES)]
    lines = [f"{row['domain']},{row['signed']},{rank}" for row, rank in zip(rows, ranks, strict=True)]
    written = ["domain,signed,rank", *lines[:300], *JUNK, *lines[299:]]
    (folder / "names.csv").write_text("\n".join(written) + "\n")
    (folder / "settings.toml").write_text(SETTINGS)
    return folder


@pytest.fixture(scope="module")
def command(folder: Path) -> tuple[str, ...]:
    return (
        *("run", str(folder / "names.csv"), "--out", str(folder / "run"), "--lab"),
        *("--settings", str(folder / "settings.toml"), "--log-json", str(folder / "log"), "--metrics", "0"),
    )


@pytest.fixture(scope="module")
def run(folder: Path, command: tuple[str, ...]) -> Path:
    """Return a run that was interrupted, and finished by the same command; `scraped` is of while it ran."""
    with survey(*command, folder=folder) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("metrics: ").strip()
        wait_for(folder / "run" / "domains", "part-*.parquet")
        with urlopen(url) as response:
            (folder / "scraped").write_bytes(response.read())
        process.send_signal(signal.SIGINT)
        stopped_at = time.monotonic()
        _, err = process.communicate(timeout=20)
        assert time.monotonic() - stopped_at < 5
    assert process.returncode == STOPPED
    assert err == "starttls-survey: interrupted; what is complete is kept, the same command goes on\n"
    status, _, err = finished(*command, folder=folder)
    assert (status, err) == (0, "")
    return folder / "run"


def wait_for(folder: Path, pattern: str) -> None:
    for _ in range(600):
        if any(folder.glob(pattern)):
            return
        time.sleep(0.05)
    pytest.fail(f"no {pattern} in {folder}")


def query(run: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        table = connection.sql(sql.replace("RUN", str(run))).to_arrow_table()
    return [tuple(row.values()) for row in table.to_pylist()]


def test_the_run_agrees_with_the_truth_of_the_lab_in_every_column(run: Path, folder: Path) -> None:
    status, out, err = finished("lab", "truth", str(run), folder=folder)
    assert out.splitlines()[-1].startswith("0 disagreements ("), out
    assert (status, err) == (0, "")


def test_every_figure_is_that_of_the_truth_of_the_lab(run: Path, tmp_path: Path) -> None:
    found, true = (
        {
            (row.figure, row.stratum, row.unit): (row.numerator, row.denominator, row.unknown, row.never)
            for row in compute_figures(folder)
        }
        for folder in (run, write_truth_run(run, tmp_path / "truth"))
    )
    differing = {key for key in found.keys() | true.keys() if found.get(key) != true.get(key)}
    # These count who was asked; in the truth, nobody is left to a sample.
    asked = {"inferred_share", "pushed_back"}
    assert {key for key in differing if key[0] not in asked and not key[1].startswith("hour: ")} == set()
    assert run_checks(tmp_path / "truth") == []


def test_what_the_figures_count_is_what_plain_loops_count_in_the_truth(run: Path, folder: Path) -> None:
    with (folder / "names.csv").open(newline="") as file:
        ranks = {row["domain"]: int(row["rank"]) for row in csv.DictReader(file) if row["rank"]}
    counted = Recount(run).figures(ranks)
    found = {
        (row.figure, row.stratum, row.unit): (row.numerator, row.denominator) for row in compute_figures(run)
    }
    assert {key: found.get(key) for key in counted} == counted
    classes = [denominator for (figure, _, _), (_, denominator) in counted.items() if figure == "by_rank"]
    assert len(classes) == len(RANKS_FROM)
    assert min(classes) > 100


def test_every_listed_name_and_every_endpoint_stands_exactly_once(run: Path) -> None:
    assert query(run, "SELECT count(*), count(DISTINCT domain) FROM 'RUN/domains/*.parquet'") == [
        (NAMES, NAMES)
    ]
    endpoints = """
        SELECT mx_host, unnest(list_concat(a.addresses, aaaa.addresses)) AS address
        FROM 'RUN/mx_hosts/*.parquet'
    """
    sessions = "SELECT mx_host, address FROM 'RUN/sessions/*.parquet' WHERE attempt = 1"
    assert query(run, f"({endpoints}) EXCEPT ALL ({sessions})") == []
    assert query(run, f"({sessions}) EXCEPT ALL ({endpoints})") == []


def test_the_names_of_a_large_provider_are_left_to_a_sample(run: Path) -> None:
    ((names, large),) = query(
        run,
        """
        SELECT count(*), count(*) FILTER (provider IN ('bigmail.test', 'proofing.example'))
        FROM 'RUN/session_verdicts/*.parquet' JOIN 'RUN/mx_hosts/*.parquet' USING (mx_host)
        WHERE basis = 'inferred'
        """,
    )
    assert isinstance(names, int)
    assert names == large
    assert names > 20


def test_junk_in_the_list_is_in_rejected_csv_and_the_rest_was_surveyed(run: Path) -> None:
    with (run / "rejected.csv").open(newline="") as file:
        rejected = [(row["line"], row["reason"]) for row in csv.DictReader(file)]
    assert rejected == [
        ("302", "url"),
        ("303", "blank"),
        ("304", "ip_address"),
        ("305", "line_too_long"),
        ("306", "email_address"),
        ("307", "duplicate"),
    ]


def test_metrics_were_served_while_the_run_was_at_work(run: Path, folder: Path) -> None:
    found = read((folder / "scraped").read_text())
    assert found["starttls_survey_rows", "resolve"] == NAMES
    assert 0 <= found["starttls_survey_rows_done_total", "resolve"] <= NAMES


def test_the_log_tells_of_the_stop_and_of_each_stage_that_was_gone_on_with(run: Path, folder: Path) -> None:
    told = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    ends = [place for place, line in enumerate(told) if line["event"] == "run_ended"][:2]
    stopped, finished = told[: ends[0] + 1], told[ends[0] + 1 : ends[1] + 1]
    assert [stopped[0]["event"], finished[0]["event"]] == ["run_started"] * 2
    assert (stopped[-1]["exit_status"], stopped[-1]["summary"]) == (STOPPED, None)
    assert stopped[-1]["message"] == "interrupted; what is complete is kept, the same command goes on"
    ended = [line for line in finished if line["event"] == "stage_ended"]
    assert [line["stage"] for line in ended] == [
        *("resolve", "hosts", "probe", "remainder", "retry", "settle", "judge")
    ]
    assert all(line["done"] == line["total"] for line in ended)
    assert finished[-1]["exit_status"] == 0
    manifest = json.loads((run / "run.json").read_text())
    assert {name: finished[-1]["summary"][name] for name in ("counts", "stages")} == {
        name: manifest[name] for name in ("counts", "stages")
    }


def test_the_manifest_counts_what_stands_in_the_tables(run: Path) -> None:
    manifest = json.loads((run / "run.json").read_text())
    stages, counts = manifest["stages"], manifest["counts"]
    held = ("probe", "remainder", "retry", "settle")
    assert sum(stages[stage]["rows"] for stage in held) == counts["sessions"]
    assert (stages["resolve"]["rows"], stages["hosts"]["rows"]) == (counts["domains"], counts["mx_hosts"])
    failures = "SELECT failure, count(*) FROM 'RUN/sessions/*.parquet' WHERE failure IS NOT NULL GROUP BY ALL"
    counted = sum((Counter(stages[stage]["failures"]) for stage in held), Counter())
    assert sorted(counted.items()) == sorted(query(run, failures))
    assert manifest["control_totals"]["made"] >= 1


def test_the_report_is_the_same_octet_for_octet(run: Path, folder: Path) -> None:
    before = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    status, _, err = finished("report", str(run), folder=folder)
    assert (status, err) == (0, "")
    assert (run / "report.html").read_bytes() == before


def test_a_run_is_not_held_against_itself(run: Path, folder: Path) -> None:
    status, _, err = finished("report", str(run), "--since", str(run), folder=folder)
    assert (status, "the same run" in err) == (2, True)


def test_judging_again_gives_the_same_verdicts(run: Path, folder: Path) -> None:
    verdicts = "SELECT * FROM 'RUN/{}/*.parquet' ORDER BY ALL"
    before = [query(run, verdicts.format(table)) for table in ("session_verdicts", "domain_verdicts")]
    status, _, _ = finished("judge", str(run), folder=folder)
    assert status == 0
    assert [query(run, verdicts.format(t)) for t in ("session_verdicts", "domain_verdicts")] == before


def test_a_finished_run_is_not_done_again(run: Path, folder: Path, command: tuple[str, ...]) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.glob("sessions/*.parquet")}
    status, _, _ = finished(*command, folder=folder)
    assert status == 0
    assert {path: path.stat().st_mtime_ns for path in run.glob("sessions/*.parquet")} == before


def test_a_run_of_another_seed_is_refused(run: Path, folder: Path, command: tuple[str, ...]) -> None:
    status, _, err = finished(*command, "--seed", "2", folder=folder)
    assert status == USAGE
    assert err == (f"starttls-survey: {run}: holds a run of another internet (lab profile dotgov, seed 1)\n")


@pytest.fixture
def lab(folder: Path) -> Iterator[Path]:
    """Run the lab by itself, and return its settings file."""
    state = folder / "served"
    with survey("lab", "serve", str(folder / "names.csv"), "--out", str(state), folder=folder) as process:
        wait_for(state, "settings.toml")
        yield state / "settings.toml"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_check_explains_a_domain_host_by_host(lab: Path, folder: Path, run: Path) -> None:
    (domain,) = query(
        run,
        """
        SELECT domain FROM 'RUN/domains/*.parquet' AS d
        JOIN 'RUN/session_verdicts/*.parquet' AS v ON v.mx_host = d.mx.records[1].exchange
        WHERE v.pkix_ok AND len(d.mx.records) = 1 ORDER BY domain LIMIT 1
        """,
    )[0]
    status, out, err = finished("check", str(domain), "--settings", str(lab), folder=folder)
    assert (status, err) == (0, "")
    assert out.startswith(f"{domain}: ")
    assert "reachable primary addresses complete STARTTLS" in out
    assert "certificate: valid until" in out
    status, out, _ = finished(
        "check", str(domain), "no-such-name.gov", "--json", "--settings", str(lab), folder=folder
    )
    assert status == 0
    found, missing = (json.loads(line) for line in out.splitlines())
    assert found["domain"]["domain"] == domain
    assert found["mx_hosts"][0]["sessions"][0]["verdict"]["pkix_ok"] is True
    assert missing["domain"]["mx_kind"] == "no_domain"

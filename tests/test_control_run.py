"""A run whose network fails: it waits, records nothing, and goes on when the control hosts answer."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from crawler.cli import STOPPED
from tests.test_lab_run import ROOT, finished, query, survey, wait_for

NAMES = 120
# The lab is near; and it is the control hosts that are looked at, not the pace.
SETTINGS = """
dns_timeout_seconds = 0.5
connect_timeout_seconds = 1.0
greeting_timeout_seconds = 3.0
reply_timeout_seconds = 2.0
handshake_timeout_seconds = 2.0
session_timeout_seconds = 5.0
policy_timeout_seconds = 2.0
address_gap_seconds = 0
sessions_per_second_per_network = 0
sessions_per_second_per_provider = 0
sessions_per_second = 0
"""

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("control")
    lines = (ROOT / "datasets" / "lists" / "dotgov.csv").read_text().splitlines()
    (folder / "names.csv").write_text("\n".join(lines[: NAMES + 1]) + "\n")
    return folder


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[Path]:
    """Run the lab by itself, and return its folder."""
    state = folder / "lab"
    with survey("lab", "serve", str(folder / "names.csv"), "--out", str(state), folder=folder) as process:
        wait_for(state, "settings.toml")
        yield state
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def settings_with(lab: Path, control_hosts: list[str] | None) -> Path:
    """Return a settings file for the lab, with these control hosts, or the lab's own."""
    ours = [line.partition(" = ")[0] for line in SETTINGS.splitlines()]
    if control_hosts is not None:
        ours.append("control_hosts")
    theirs = (lab / "settings.toml").read_text().splitlines()
    kept = [line for line in theirs if line.partition(" = ")[0] not in ours]
    if control_hosts is not None:
        kept.append(f"control_hosts = {json.dumps(control_hosts)}")
    path = lab.parent / ("own.toml" if control_hosts is None else "other.toml")
    path.write_text("\n".join([*kept, SETTINGS]))
    return path


def hosts_that_refuse(lab: Path) -> list[str]:
    """Return mail hosts of the lab that take no connection at any address."""
    with duckdb.connect() as connection:
        rows = connection.sql(
            f"""
            SELECT mx_host FROM '{lab}/truth/sessions.parquet'
            GROUP BY mx_host HAVING bool_and(failure = 'refused') ORDER BY mx_host LIMIT 3
            """
        ).fetchall()
    return [host for (host,) in rows]


def control_checks(run: Path) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = json.loads((run / "run.json").read_text()).get("control_checks", [])
    return checks


def test_a_run_whose_control_hosts_fail_waits_and_goes_on_when_they_answer(lab: Path, folder: Path) -> None:
    run, refusing = folder / "run", hosts_that_refuse(lab)
    assert refusing
    shut, well = settings_with(lab, refusing), settings_with(lab, None)
    command = ("run", str(folder / "names.csv"), "--out", str(run), "--settings")

    # What asks no mail host needs no control hosts.
    status, _, err = finished(*command, str(shut), "--until", "hosts", folder=folder)
    assert (status, err, control_checks(run)) == (0, "", [])

    with survey(*command, str(shut), "--until", "probe", folder=folder) as process:
        assert process.stdout is not None
        said = next((line for line in process.stdout if "this network cannot survey" in line), "")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert "port 25 seems blocked" in said
    assert all(f"{host} at" in said for host in refusing)
    assert process.returncode == STOPPED
    assert err == "starttls-survey: interrupted; what is complete is kept, the same command goes on\n"
    assert not list(run.glob("sessions/*.parquet"))
    assert {check["diagnosis"] for check in control_checks(run)} == {"port_blocked"}

    status, _, err = finished(*command, str(well), "--until", "probe", folder=folder)
    assert (status, err) == (0, "")
    assert query(run, "SELECT count(*) > 0 FROM 'RUN/sessions/*.parquet' WHERE stage = 'hello_tls'") == [
        (True,)
    ]
    assert [check["diagnosis"] for check in control_checks(run)][-1] == "all_well"

    # All sessions are held: nobody is asked.
    before = control_checks(run)
    status, _, err = finished(*command, str(shut), "--until", "probe", folder=folder)
    assert (status, err, control_checks(run)) == (0, "", before)


def test_the_doctor_finds_the_lab_well(lab: Path, folder: Path) -> None:
    status, out, _ = finished("doctor", "--settings", str(settings_with(lab, None)), folder=folder)
    assert "ok       reaches control hosts: TLS with control-1.lab.test and control-2.lab.test" in out
    assert "ok       its name leads here" in out
    assert "ok       its address leads back" in out
    assert status == 0, out
    status, out, _ = finished(
        "doctor", "--settings", str(settings_with(lab, hosts_that_refuse(lab))), folder=folder
    )
    assert "failed   reaches control hosts: port 25 seems blocked" in out
    assert status == 1

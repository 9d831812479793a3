"""What each stage of a run came to, read off its tables."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from crawler.outcomes import Failure, LookupStatus, MxKind, Outcome, PkixReason, SessionStage
from crawler.preparing import list_domains
from crawler.records import Domain, MxHost
from crawler.storing.parquet_files import write_parquet
from crawler.storing.run_folder import RunFolder
from crawler.survey import STAGES
from crawler.watching.stage_summaries import summarize_judging, summarize_stages
from crawler.work_lists import list_hosts
from tests.listing import listed_domains
from tests.session_rows import NOW, host
from tests.test_endpoint_lists import SETTINGS, listed, observe, rows_of
from tests.test_work_lists import domain

REFUSED = {"stage": SessionStage.CONNECT, "failure": Failure.REFUSED}
TIMEOUT = {"stage": SessionStage.GREETING, "failure": Failure.TIMEOUT}


def resolved(name: str, seconds: float, status: LookupStatus = LookupStatus.NODATA) -> Domain:
    """Return a domain that was resolved so many seconds after the start, in one second."""
    found = domain(name, MxKind.NO_MX)
    mx = replace(found.mx, status=status, elapsed_seconds=1.0)
    return replace(found, mx=mx, resolved_at=NOW + timedelta(seconds=seconds))


def lost(found: MxHost) -> MxHost:
    """Return an MX host of which the look-up of one address family failed."""
    return replace(found, aaaa=replace(found.aaaa, status=LookupStatus.SERVFAIL))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return a run whose resolve stage was stopped for an hour, and that needed no stage after the probe."""
    run = RunFolder(tmp_path)
    run.write_manifest({"run_id": "1"})
    list_domains(run, listed_domains([]), SETTINGS)
    run.write_part("sts_policies", 0, [])
    run.write_part("domains", 0, [resolved("a.example", 0), resolved("b.example", 20)])
    later = resolved("c.example", 3600, LookupStatus.SERVFAIL)
    run.write_part("domains", 1, [later, resolved("d.example", 3630, LookupStatus.TIMEOUT)])
    list_hosts(run, SETTINGS)
    hosts = [host(f"{letter}.example", f"192.0.2.{n}") for n, letter in enumerate("abcdef", 1)]
    run.write_part("mx_hosts", 0, [*map(lost, hosts[:2]), *hosts[2:]])
    listed(run, "probe")
    observe(run, "probe", {"a.example": TIMEOUT, "b.example": TIMEOUT, "c.example": REFUSED})
    for stage in ("remainder", "retry"):
        listed(run, stage)
    return run


def finish_retries(run: RunFolder) -> None:
    """Write the second attempts where their stage has them: in shards of its own."""
    observe(run, "retry", {"a.example": TIMEOUT})
    first = min(row["shard"] for row in rows_of(run, "retry"))
    run.part_path("sessions", 2).rename(run.part_path("sessions", first))
    listed(run, "settle")


def test_rows_and_failures_are_those_of_the_stage_that_made_them(run: RunFolder) -> None:
    finish_retries(run)
    found = summarize_stages(run, STAGES)
    assert [*found] == [stage.name for stage in STAGES]
    assert {name: (stage["rows"], stage["failures"]) for name, stage in found.items()} == {
        "resolve": (4, {"servfail": 1, "timeout": 1}),
        "hosts": (6, {"servfail": 2}),
        "probe": (6, {"timeout": 2, "refused": 1}),
        "remainder": (0, {}),
        "retry": (2, {"timeout": 1}),
        "settle": (0, {}),
    }


def test_the_time_in_which_a_run_was_stopped_is_no_work(run: RunFolder) -> None:
    finish_retries(run)
    found = summarize_stages(run, STAGES)
    assert found["resolve"] == {
        "rows": 4,
        "failures": {"servfail": 1, "timeout": 1},
        "begun_at": "2026-11-22T00:00:00.000+00:00",
        "ended_at": "2026-11-22T01:00:31.000+00:00",
        "seconds": 21 + 60 + 31,
    }
    assert (found["probe"]["seconds"], found["settle"]["seconds"]) == (1.0, 0.0)
    assert found["settle"]["begun_at"] is None


def test_verdicts_count_what_is_wrong_with_a_session_or_else_with_its_certificate(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    verdicts = [
        *[(Outcome.TLS_OK, None)] * 3,
        *[(Outcome.TLS_OK, PkixReason.EXPIRED)] * 2,
        (Outcome.NO_STARTTLS, None),
    ]
    columns = {"outcome": [outcome for outcome, _ in verdicts], "reason": [reason for _, reason in verdicts]}
    write_parquet(run.part_path("session_verdicts", 0), pa.table(columns))
    run.write_part("domain_verdicts", 0, [])
    assert summarize_judging(run, 1.26) == {
        "rows": 6,
        "failures": {"expired": 2, "no_starttls": 1},
        "seconds": 1.3,
    }

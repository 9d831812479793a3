"""What is said at the end of a run."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from crawler.storing.run_folder import RunFolder
from crawler.watching.summary import show_summary, summarize_run

STAGES = {
    "resolve": {"rows": 12_345, "failures": {"servfail": 5}, "seconds": 100.0},
    "probe": {
        "rows": 2345,
        "failures": {"timeout": 400, "refused": 30, "closed": 20, "reset": 10, "tls_alert": 1},
        "seconds": 7000.0,
    },
    "settle": {"rows": 0, "failures": {}, "seconds": 0.0},
}
MANIFEST: dict[str, Any] = {
    "run_id": "20261122T000000Z-abababab",
    "started_at": "2026-11-22T00:00:00+00:00",
    "finished_at": "2026-11-22T02:30:00+00:00",
    "counts": {"domains": 12_345},
    "parts": {"domains/part-000000.parquet": "ab" * 32},
    "stages": STAGES,
}
FIGURE = """\
figure,stratum,numerator,denominator,unknown,never,inferred,inference_bound,unit,estimate,low,high,interval,run,list
starttls_by_domain,explicit MX,1,2,0,0,0,0,domain,0.5,0.5,0.5,nonresponse,r,l
starttls_by_domain,all,10506,12345,300,10,0,0,domain,0.851,0.81,0.872,nonresponse,r,l
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path)
    run.write_manifest(MANIFEST)
    return run


def shown(run: RunFolder, *, is_terminal: bool) -> list[str]:
    output = io.StringIO()
    console = Console(file=output, force_terminal=is_terminal, width=80, color_system=None, soft_wrap=True)
    show_summary(summarize_run(run, has_figures=True), console)
    return [line.rstrip() for line in output.getvalue().splitlines()]


def test_elsewhere_than_on_a_terminal_it_is_lines_that_are_not_cut(run: RunFolder) -> None:
    assert shown(run, is_terminal=False) == [
        "stage      rows     time    rate  failures",
        "resolve  12,345  0:01:40   123/s  servfail 5",
        "probe     2,345  1:56:40  0.34/s  timeout 400, refused 30, closed 20, reset 10, …",
        "settle        0",
        "control hosts: none were asked",
        "20261122T000000Z-abababab: 12,345 domains, begun 2026-11-22T00:00:00+00:00, finished 2:30:00 later",
        f"manifest: {run.path}/run.json (versions, settings, counts, SHA-256 of 1 part files)",
    ]


def test_on_a_narrow_terminal_the_table_is_no_wider_and_cuts_failures_alone(run: RunFolder) -> None:
    lines = shown(run, is_terminal=True)
    table = lines[: lines.index("control hosts: none were asked")]
    assert max(map(len, table)) <= 80
    (probe,) = (line for line in table if "probe" in line)
    assert "2,345   1:56:40   0.34/s   timeout 400, refused 30," in probe
    assert probe.endswith("…")


def test_the_headline_is_that_of_all_domains_with_its_bounds(run: RunFolder) -> None:
    (run.path / "figures").mkdir()
    (run.path / "figures" / "starttls_by_domain.csv").write_text(FIGURE)
    assert "STARTTLS (every reachable primary MX): 85 % of 12,345 domains (81 to 87 %)" in shown(
        run, is_terminal=False
    )


def test_control_checks_and_outages_are_counted(run: RunFolder) -> None:
    checks = [
        {"checked_at": f"2026-11-22T01:{minute:02}:00+00:00", "is_well": is_well}
        for minute, is_well in ((0, True), (5, False), (10, True))
    ]
    run.write_manifest(MANIFEST | {"control_totals": {"made": 29, "failed": 3}, "control_checks": checks})
    assert "control hosts: 29 checks, 3 failed, outages: 1 (0:10:00 in all)" in shown(run, is_terminal=False)
    run.write_manifest(MANIFEST | {"control_totals": {"made": 1, "failed": 0}})
    assert "control hosts: 1 check, 0 failed, no outage" in shown(run, is_terminal=False)

"""A network that is gone for a while in the midst of a run: nothing is counted as a fact about others."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers.namespace import cannot_run, missing_programs, program
from tests.surviving import SETTINGS, Surveyed, differences, observed, write_names
from tests.test_lab_run import ROOT

DOWN_SECONDS = 6
# The sessions take longer than it takes to find out that the network is gone.
PACE = """
control_interval_seconds = 1.0
sessions_per_second = 20.0
"""

pytestmark = [pytest.mark.lab, pytest.mark.needs_network_namespace]


def networking() -> list[str]:
    """Return the command that runs another in a network of its own, or say that there is none."""
    if missing := missing_programs({"ip": "iproute2"}):
        return cannot_run(missing)
    refusals = []
    for options in (("--net",), ("--user", "--map-root-user", "--net")):
        command = [program("unshare"), *options]
        trial = [*command, program("ip"), "link", "set", "lo", "up"]
        refused = subprocess.run(trial, capture_output=True, text=True, check=False)
        if refused.returncode == 0:
            return command
        refusals.append(refused.stderr.strip())
    return cannot_run([f"no network namespace ({'; '.join(refusals)})"])


def script(surveyed: Surveyed) -> str:
    """Return what runs in the network: the lab, an undisturbed run, and one whose link goes down twice."""
    python = f"{shlex.quote(sys.executable)} -m crawler"
    ip, lab, folder = program("ip"), surveyed.lab, surveyed.folder
    saved = folder / "disturbed" / "work" / "partial"
    ours = "|".join(line.partition(" = ")[0] for line in (SETTINGS + PACE).split("\n") if line)
    undisturbed, disturbed = (
        shlex.join(surveyed.command(folder / name)) for name in ("undisturbed", "disturbed")
    )
    return f"""
        set -eu
        {ip} link set lo up
        {python} lab serve {surveyed.names} --out {lab} > {folder}/lab.out 2>&1 &
        lab=$!
        trap 'kill $lab; wait $lab' EXIT
        until [ -s {lab}/settings.toml ]; do kill -0 $lab; sleep 0.1; done
        grep -vE '^({ours}) = ' {lab}/settings.toml > {surveyed.settings}
        cat {folder}/ours.toml >> {surveyed.settings}
        {python} {undisturbed} > {folder}/undisturbed.out
        {python} {disturbed} > {folder}/disturbed.out &
        run=$!
        for begun in resolve/domains probe/sessions; do
            until ls {saved}/$begun-* > /dev/null 2>&1; do kill -0 $run; sleep 0.02; done
            {ip} link set lo down
            sleep {DOWN_SECONDS}
            {ip} link set lo up
        done
        wait $run
    """


def without_attempts(tables: dict[str, dict[tuple[Any, ...], Any]]) -> dict[str, dict[tuple[Any, ...], Any]]:
    """Return the rows of a run without saying which attempt they are of."""
    verdicts = {key: row | {"attempt": None} for key, row in tables["session_verdicts"].items()}
    return tables | {"session_verdicts": verdicts, "sessions": {}}


def test_a_link_that_was_down_leaves_no_trace_but_second_attempts(tmp_path: Path) -> None:
    unshared, surveyed = networking(), Surveyed(tmp_path)
    write_names(surveyed)
    (tmp_path / "ours.toml").write_text(SETTINGS + PACE)
    command = [*unshared, "sh", "-c", script(surveyed)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    ours, undisturbed = observed(tmp_path / "disturbed"), observed(tmp_path / "undisturbed")
    said = (tmp_path / "disturbed.out").read_text()
    assert said.count("paused: ") > 1
    assert said.count("goes on: ") > 1
    assert {key[:2] for key in ours["sessions"]} == {key[:2] for key in undisturbed["sessions"]}
    assert differences(without_attempts(ours), without_attempts(undisturbed)) == []

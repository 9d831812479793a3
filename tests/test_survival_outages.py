"""Runs that meet a full disk, a resolver that restarts, another coordinator, damaged files."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crawler.cli import STOPPED, USAGE
from crawler.settings import load_settings, resolver_endpoint
from tests.dns_relay import dns_relay
from tests.servers.namespace import cannot_run, program
from tests.surviving import (
    Surveyed,
    differences,
    lab_of_a_module,  # noqa: F401 - the fixture `lab`
    observed,
    undisturbed_run,  # noqa: F401 - the fixture `undisturbed`
)
from tests.test_lab_run import ROOT, finished, wait_for

SIZES = ("120k", "300k", "700k", "1200k")
"""Of the disk, one after another: the first is full soon, the last late."""

pytestmark = pytest.mark.lab


def mounting() -> list[str]:
    """Return the command that runs another where it may mount, or say that there is none."""
    refusals = []
    for options in (("--mount",), ("--user", "--map-root-user", "--mount")):
        command = [program("unshare"), *options]
        trial = [*command, "mount", "-t", "tmpfs", "none", "/mnt"]
        refused = subprocess.run(trial, capture_output=True, text=True, check=False)
        if refused.returncode == 0:
            return command
        refusals.append(refused.stderr.strip())
    return cannot_run([f"no mount namespace ({'; '.join(refusals)})"])


def test_a_full_disk_ends_in_one_line_and_with_room_the_same_command_goes_on(
    lab: Surveyed, undisturbed: Path
) -> None:
    unshared, disk, out = mounting(), lab.folder / "disk", lab.folder / "full"
    for folder in (disk, out):
        folder.mkdir()
    command = shlex.join([sys.executable, "-m", "crawler", *lab.command(disk / "run")])
    lines = [f"mount -t tmpfs -o size={SIZES[0]} none {disk}"]
    for size in (*SIZES, "1g"):
        lines += [
            f"mount -o remount,size={size} {disk}",
            f"{command} > {out}/{size}.out 2> {out}/{size}.err; echo $? > {out}/{size}.status",
            f"find {disk} -name '.*.*' > {out}/{size}.left",
        ]
    lines.append(f"cp -r {disk}/run {out}/run")
    subprocess.run([*unshared, "sh", "-c", "\n".join(lines)], cwd=ROOT, check=True, timeout=300)
    for size in SIZES:
        err = (out / f"{size}.err").read_text()
        assert (out / f"{size}.status").read_text() == f"{STOPPED}\n", err
        assert err.endswith(": No space left on device\n"), err
        assert err.count("\n") == 1, err
        assert (out / f"{size}.left").read_text() == ""
    assert (out / "1g.status").read_text() == "0\n", (out / "1g.err").read_text()
    assert differences(observed(out / "run"), observed(undisturbed)) == []


def test_while_the_resolver_is_gone_the_run_waits_and_records_nothing(
    lab: Surveyed, undisturbed: Path
) -> None:
    run = lab.folder / "restarted"
    resolver = resolver_endpoint(load_settings(lab.settings, {}).resolver)
    with dns_relay(resolver) as relay:
        with lab.begin(run, "--resolver", f"127.0.0.1:{relay.port}") as process:
            wait_for(run / "work" / "partial" / "resolve", "domains-*.parquet")
            relay.stop()
            time.sleep(6)
            assert process.poll() is None
            relay.start()
            out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
    gone = f"paused: the resolver 127.0.0.1 port {relay.port} does not answer"
    assert out.count(gone) == 1
    assert "goes on: the resolver answers" in out
    assert differences(observed(run), observed(undisturbed)) == []


def test_while_the_network_of_the_resolver_is_gone_the_run_waits_and_records_nothing(
    lab: Surveyed, undisturbed: Path
) -> None:
    run = lab.folder / "cut-off"
    resolver = resolver_endpoint(load_settings(lab.settings, {}).resolver)
    with dns_relay(resolver) as relay:
        # One worker: another might begin just before the end of the outage, and see too little of it.
        one = ("--resolver", f"127.0.0.1:{relay.port}", "--workers", "1")
        with lab.begin(run, *one) as process:
            assert process.stdout is not None
            for stage in ("resolve", "hosts"):
                wait_for(run / "work", f"{stage}.parquet")
                relay.is_cut_off.set()
                said = next((line for line in process.stdout if "paused" in line), "")
                assert "paused: the resolver answers nothing about the control hosts" in said
                relay.is_cut_off.clear()
                said = next((line for line in process.stdout if "goes on" in line), "")
                assert "goes on: the resolver answers" in said
            _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
    assert differences(observed(run), observed(undisturbed)) == []


def test_a_second_coordinator_is_refused_and_status_looks_on(lab: Surveyed) -> None:
    run = lab.folder / "two"
    with lab.begin(run) as process:
        wait_for(run / "domains", "part-*.parquet")
        process.send_signal(signal.SIGSTOP)  # it holds the lock for as long as the others look
        status, _, err = finished(*lab.command(run), folder=lab.folder)
        assert (status, err) == (USAGE, f"starttls-survey: {run}: another process is working on this run\n")
        status, out, err = finished("status", str(run), "--json", folder=lab.folder)
        assert (status, err) == (0, "")
        found = json.loads(out)
        assert found["process"] == process.pid
        assert found["state"] == "running"
        process.send_signal(signal.SIGCONT)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
    status, out, _ = finished("status", str(run), folder=lab.folder)
    assert status == 0
    assert sum(line.endswith(", done") for line in out.splitlines()) == 7


def test_a_part_file_damaged_between_two_starts_is_named_and_done_again(
    lab: Surveyed, undisturbed: Path
) -> None:
    run = lab.folder / "damaged"
    status, _, err = finished(*lab.command(run, "--until", "probe"), folder=lab.folder)
    assert (status, err) == (0, "")
    cut, flipped = run / "domains" / "part-000002.parquet", min(run.glob("sessions/*.parquet"))
    cut.write_bytes(cut.read_bytes()[:-100])
    octets = bytearray(flipped.read_bytes())
    octets[len(octets) // 3] ^= 1
    flipped.write_bytes(octets)
    out = lab.finish(run)
    for path in (cut, flipped):
        assert f"{path}: damaged, and removed; shard" in out
    assert differences(observed(run), observed(undisturbed)) == []


def test_a_damaged_finished_run_is_refused_in_one_line(lab: Surveyed, undisturbed: Path) -> None:
    run = lab.folder / "finished"
    shutil.copytree(undisturbed, run)
    path = min(run.glob("sessions/*.parquet"))
    path.write_bytes(path.read_bytes()[:-7])
    line = f"starttls-survey: {path}: damaged: its SHA-256 is not that in run.json\n"
    for command in (
        ("report", str(run)),
        ("judge", str(run)),
        ("compare", str(undisturbed), str(run), "--out", str(lab.folder / "compared")),
        ("dataset", str(run), "--out", str(lab.folder / "dataset")),
        lab.command(run),
    ):
        status, _, err = finished(*command, folder=lab.folder)
        assert (status, err) == (USAGE, line)

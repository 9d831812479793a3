"""What `bench-survey` does inside its network namespace: the lab at port 25, and the contestants."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from crawler.commands.lab_commands import LAB_PROVIDES, LAB_SETTINGS
from crawler.lab.launch import profile_path
from tests.benchmarks.measuring import Usage, run_measured
from tests.servers.namespace import program

_kept: list[object] = []
"""Processes that live as long as the namespace."""


def open_world(folder: Path, names: Path, profile: str) -> None:
    """Start the lab, populated from a file of names, as the machine's resolver and at the usual ports.

    Writes settings.toml for a survey of it into the folder.
    """
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    mount = [program("mount"), "--bind", str(folder / "resolv.conf"), "/etc/resolv.conf"]
    subprocess.run(mount, check=True)
    domains = folder / "domains.csv"
    domains.write_text("".join(f"{name},\n" for name in names.read_text().split()))
    with (folder / "lab.log").open("wb") as log:
        lab = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.benchmarks.survey_lab", "--domains", str(domains)),
                *("--profile", str(profile_path(profile)), "--seed", "1", "--state", str(folder / "lab")),
                *("--cache", str(folder / "cache")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    _kept.append(lab)
    assert lab.stdout is not None
    ready = json.loads(lab.stdout.readline() or "null")
    if ready is None:
        raise RuntimeError((folder / "lab.log").read_text()[-1000:])
    settings = LAB_SETTINGS | {name: ready[name] for name in LAB_PROVIDES}
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
    (folder / "settings.toml").write_text("".join(lines))


def measure(command: Sequence[str], output: Path) -> Usage:
    """Run a contestant; return what it and its children used. Raises FailedError."""
    return run_measured(command, output)


def moved(command: Sequence[str], output: Path) -> tuple[int, int]:
    """Run a command inside the namespace; return the octets and packets that it made move."""
    octets, packets = _loopback()
    with output.open("ab") as file:
        subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=True)
    more_octets, more_packets = _loopback()
    return more_octets - octets, more_packets - packets


def _loopback() -> tuple[int, int]:
    lines = Path("/proc/self/net/dev").read_text().splitlines()
    octets, packets = next(line for line in lines if line.strip().startswith("lo:")).split()[1:3]
    return int(octets), int(packets)

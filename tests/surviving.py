"""A short survey of a lab that stands by itself, to be killed and gone on with."""

import csv
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from crawler.records import TABLES
from tests.test_lab_run import ROOT, finished, survey, wait_for

NAMES = 240
# The lab is near: what is silent need not be waited for long. Shards and times between saves are short, so
# that a run of seconds has as many of them as one of hours.
SETTINGS = """
dns_timeout_seconds = 1.0
connect_timeout_seconds = 1.5
greeting_timeout_seconds = 2.0
reply_timeout_seconds = 2.0
handshake_timeout_seconds = 2.0
session_timeout_seconds = 5.0
patient_timeout_seconds = 5.0
patient_session_timeout_seconds = 6.0
policy_timeout_seconds = 1.5
shard_size = 40
sample_size = 10
save_seconds = 0.2
workers = 2
"""
_KEYS = {
    "domains": ("domain",),
    "mx_hosts": ("mx_host",),
    "sts_policies": ("domain",),
    "sessions": ("mx_host", "address", "attempt"),
    "certificates": ("sha256",),
    "session_verdicts": ("mx_host", "address"),
    "domain_verdicts": ("domain",),
}
_ASIDE_FROM_TIMES = ("attempts", "time_used")


class Surveyed:
    """A list, a lab that serves it, and the command that surveys it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = folder / "names.csv"
        self.lab = folder / "lab"
        self.settings = folder / "settings.toml"

    def command(self, run: Path, *more: str) -> tuple[str, ...]:
        """Return the arguments that survey the list into a run folder, up to the verdicts."""
        names, settings = str(self.names), str(self.settings)
        return ("run", names, "--out", str(run), "--settings", settings, "--until", "judge", *more)

    def begin(self, run: Path, *more: str) -> subprocess.Popen[str]:
        return survey(*self.command(run, *more), folder=self.folder)

    def finish(self, run: Path, *more: str) -> str:
        """Survey to the end; return what was said."""
        status, out, err = finished(*self.command(run, *more), folder=self.folder)
        assert (status, err) == (0, ""), f"{out}\n{err}"
        return out

    def disagreements(self, run: Path) -> str:
        """Return the last line of the comparison with the lab's truth."""
        truth = str(self.lab / "truth")
        _, out, _ = finished("lab", "truth", str(run), "--truth", truth, folder=self.folder)
        return out.splitlines()[-1]


def write_names(surveyed: Surveyed, names: int = NAMES) -> None:
    """Write a short list."""
    with (ROOT / "datasets" / "lists" / "dotgov.csv").open() as file:
        rows = list(csv.DictReader(file))[59::60][:names]
    lines = [f"{row['domain']},{row['signed']}" for row in rows]
    surveyed.names.write_text("\n".join(["domain,signed", *lines]) + "\n")


@contextmanager
def surveyed_lab(folder: Path, names: int = NAMES) -> Iterator[Surveyed]:
    """Run the lab by itself for a short list."""
    surveyed = Surveyed(folder)
    write_names(surveyed, names)
    with survey("lab", "serve", str(surveyed.names), "--out", str(surveyed.lab), folder=folder) as process:
        wait_for(surveyed.lab, "settings.toml")
        ours = [line.partition(" = ")[0] for line in SETTINGS.splitlines()]
        theirs = (surveyed.lab / "settings.toml").read_text().splitlines()
        kept = [line for line in theirs if line.partition(" = ")[0] not in ours]
        surveyed.settings.write_text("\n".join([*kept, SETTINGS]))
        try:
            yield surveyed
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


@pytest.fixture(scope="module", name="lab")
def lab_of_a_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surveyed]:
    """Run a lab for the tests of one module."""
    with surveyed_lab(tmp_path_factory.mktemp("surveyed")) as surveyed:
        yield surveyed


@pytest.fixture(scope="module", name="undisturbed")
def undisturbed_run(lab: Surveyed) -> Path:
    """Return a run that nothing disturbed, and that agrees with the lab's truth."""
    run = lab.folder / "undisturbed"
    lab.finish(run)
    assert lab.disagreements(run).startswith("0 disagreements")
    return run


def observed(run: Path) -> dict[str, dict[tuple[Any, ...], Any]]:
    """Return the rows of all tables by their key, without times. Fails if a key is there twice."""
    tables = {}
    for table in TABLES:
        rows = [
            row for path in (run / table).glob("part-*.parquet") for row in pq.read_table(path).to_pylist()
        ]
        tables[table] = {tuple(row[column] for column in _KEYS[table]): _without_times(row) for row in rows}
        assert len(tables[table]) == len(rows), f"{table}: a key twice"
    return tables


def _without_times(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_times(member) for member in value]
    if isinstance(value, dict):
        return {
            name: _without_times(member)
            for name, member in value.items()
            if not name.endswith(("_seconds", "_at")) and name not in _ASIDE_FROM_TIMES
        }
    return value


def differences(ours: Mapping[str, Mapping[Any, Any]], theirs: Mapping[str, Mapping[Any, Any]]) -> list[str]:
    """Return a line for each row that two runs do not have alike."""
    return [
        f"{table} {key}: {ours[table].get(key)} / {theirs[table].get(key)}"
        for table in TABLES
        for key in ours[table].keys() | theirs[table].keys()
        if ours[table].get(key) != theirs[table].get(key)
    ]


def children(process: int) -> list[int]:
    """Return the processes that one has started and that are there."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:
        return []
    return [int(number) for number in text.split()]


def workers(process: int) -> list[int]:
    """Return the worker processes of a coordinator."""
    return [child for child in children(process) if "spawn_main" in _command_line(child)]


def _command_line(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


def all_end(processes: list[int], seconds: float) -> bool:
    """Tell whether processes end within a time."""
    until = time.monotonic() + seconds
    while any(_is_running(process) for process in processes):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"

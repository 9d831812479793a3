"""Who holds sessions in the session benchmarks: the command of each, and how what it saw is read."""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from crawler.storing.run_folder import RunFolder
from tests.benchmarks.endpoints import address_of, leaf_of, number_of
from tests.benchmarks.target import Target

Seen = tuple[str, str | None, tuple[str, ...]]
"""The address, the TLS version that was agreed on, and the names in the certificate."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to hold a session with each of a list of targets."""

    name: str
    command: Callable[[Path, Path, Target], list[str]]
    """From the list, an empty folder for what is written, and the target."""
    read: Callable[[Path], Iterator[Seen]]
    """From that folder."""


def on_path() -> tuple[list[Contestant], list[str]]:
    """Return the contestants that are here, ours first, and the names of those that are missing."""
    here = shutil.which(ZGRAB2.name) is not None
    return [OURS, BARE, *([ZGRAB2] if here else [])], [] if here else [ZGRAB2.name]


# --- ours ----------------------------------------------------------------------------------------------


def lane_command(targets: Path, folder: Path, port: int, *, in_flight: int) -> list[str]:
    """Return the command of one lane of our probe stage, which writes its part files below the folder."""
    program = [sys.executable, "-m", "tests.benchmarks.probe_lane"]
    return [*program, str(targets), str(folder / "run"), "--port", str(port), "--in-flight", str(in_flight)]


def _our_command(targets: Path, folder: Path, target: Target) -> list[str]:
    return lane_command(targets, folder, target.ports["smtp"], in_flight=500)


def _read_ours(folder: Path) -> Iterator[Seen]:
    run = RunFolder(folder / "run")
    names: dict[str, tuple[str, ...]] = {}
    for path in run.work_path("certificates").glob("*.parquet"):
        for row in pq.read_table(path, columns=["sha256", "dns_names"]).to_pylist():
            names[row["sha256"]] = tuple(row["dns_names"])
    for shard in run.shards("sessions"):
        for row in pq.read_table(run.part_path("sessions", shard)).to_pylist():
            is_whole = row["stage"] == "hello_tls" and row["failure"] is None and row["quit_code"] == 221
            tls = row["tls"]
            yield row["address"], tls["version"] if is_whole else None, names[tls["chain"][0]] if tls else ()


OURS = Contestant("ours", _our_command, _read_ours)


# --- the handshake alone -------------------------------------------------------------------------------


def _bare_command(targets: Path, folder: Path, target: Target) -> list[str]:
    program = [sys.executable, "-m", "tests.benchmarks.bare_handshakes"]
    return [*program, str(targets), str(folder / "bare.jsonl"), "--port", str(target.ports["tls"])]


def _read_bare(folder: Path) -> Iterator[Seen]:
    (line,) = _json_lines(folder / "bare.jsonl")
    # It reads no certificate: the address stands for the name in it.
    for address in line["addresses"]:
        yield address, line["version"], (leaf_of(number_of(address)),)


BARE = Contestant("bare handshakes", _bare_command, _read_bare)


# --- zgrab2 --------------------------------------------------------------------------------------------


def _zgrab2_command(targets: Path, folder: Path, target: Target) -> list[str]:
    blocklist = folder / "blocklist"
    blocklist.touch()  # its own holds 127/8
    # It says STARTTLS by itself to a greeting with "ESMTP" in it; no second EHLO and no QUIT.
    return [
        *("zgrab2", "smtp", "--port", str(target.ports["smtp"])),
        *("--blocklist-file", str(blocklist), "-s", "1000", "-f", str(targets)),
        *("-o", str(folder / "zgrab2.jsonl"), "-m", str(folder / "zgrab2.meta")),
    ]


def _read_zgrab2(folder: Path) -> Iterator[Seen]:
    for line in _json_lines(folder / "zgrab2.jsonl"):
        smtp = line["data"]["smtp"]
        log = ((smtp.get("result") or {}).get("tls") or {}).get("handshake_log") or {}
        version = (log.get("server_hello") or {}).get("version") or {}
        certificate = ((log.get("server_certificates") or {}).get("certificate") or {}).get("parsed") or {}
        names = (certificate.get("extensions") or {}).get("subject_alt_name") or {}
        is_whole = smtp["status"] == "success"
        yield line["ip"], version.get("name") if is_whole else None, tuple(names.get("dns_names") or ())


ZGRAB2 = Contestant("zgrab2", _zgrab2_command, _read_zgrab2)


def _json_lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


# --- the truth -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Completeness:
    """How many sessions were whole, and showed the certificate of their endpoint."""

    sessions: int
    whole: int

    @property
    def is_whole(self) -> bool:
        """Tell whether all were."""
        return self.whole == self.sessions

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.whole:,} of {self.sessions:,} sessions whole, with the certificate of their endpoint"


def compare(seen: Iterable[Seen], sessions: int) -> Completeness:
    """Compare what was seen with what the target does at the first endpoints."""
    whole = {
        address
        for address, version, names in seen
        if version is not None and names == (leaf_of(number_of(address)),)
    }
    return Completeness(sessions, sum(address_of(number) in whole for number in range(sessions)))

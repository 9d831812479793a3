"""Starts the lab as a process of its own, and waits until everything in it answers."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawler.lab.profile import PROFILES

START_SECONDS = 120.0
"""The first start makes and signs thousands of certificates."""
_NAMES_PER_LIMIT = 100_000
"""A longer list has so many times the limit."""
_STOP_SECONDS = 5.0
_LONGEST_READY_OCTETS = 1 << 16


class LabError(Exception):
    """The lab did not start; the message is one line, and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabEndpoints:
    """A lab that answers."""

    resolver: str
    """Address and port; its AD bit can be believed."""
    smtp_port: int
    https_port: int
    root_store: str
    """PEM file of the trust anchors."""
    control_hosts: tuple[str, ...]
    """Names of well-behaved mail hosts that no listed domain uses."""
    truth: str
    """What a correct survey must find (`crawler.lab.truth`)."""
    counts: dict[str, int]
    """How much of what there is."""
    pid: int


@contextmanager
def start_lab(
    domains: Iterable[tuple[str, bool | None]],
    profile: str,
    seed: int,
    state: Path,
    cache: Path,
    *,
    start_seconds: float = START_SECONDS,
) -> Iterator[LabEndpoints]:
    """Run a loopback internet while the context lasts.

    domains: names, each with whether its zone is signed (None: not known). profile: the name of one that
    comes with the lab, or a TOML file. state: folder for this lab's root store, truth and log. cache: folder
    that keeps certificates between starts. Raises LabError.

    The lab does not hear Ctrl-C, and ends when this process does, however that ends.
    """
    log = state / "lab.log"
    try:
        state.mkdir(parents=True, exist_ok=True)
        count = _write_domains(domains, state / "domains.csv")
        with log.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603  this interpreter and this package
                [
                    *(sys.executable, "-m", "crawler.lab.serve"),
                    *("--domains", str(state / "domains.csv")),
                    *("--profile", str(profile_path(profile))),
                    *("--seed", str(seed)),
                    *("--state", str(state)),
                    *("--cache", str(cache)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
    except OSError as error:
        raise LabError(f"lab: {error.filename}: {error.strerror}") from None
    try:
        ready = _wait_until_ready(process, log, start_seconds * max(1.0, count / _NAMES_PER_LIMIT))
        yield LabEndpoints(**ready | {"control_hosts": tuple(ready["control_hosts"])})
    finally:
        _stop(process)


def profile_path(profile: str) -> Path:
    """Return the file of a profile given by name or by path. Raises LabError when there is none."""
    known = sorted(path.stem for path in PROFILES.glob("*.toml"))
    if profile in known:
        return PROFILES / f"{profile}.toml"
    path = Path(profile)
    if not path.is_file():
        raise LabError(f"lab profile {profile!r}: no such file, and not one of {', '.join(known)}")
    return path.absolute()


def _write_domains(domains: Iterable[tuple[str, bool | None]], path: Path) -> int:
    """Write the names; return how many."""
    words, count = {True: "1", False: "0", None: ""}, 0
    with path.open("w", encoding="ascii") as file:
        for count, (domain, signed) in enumerate(domains, start=1):  # noqa: B007 - the last is the count
            file.write(f"{domain},{words[signed]}\n")
    return count


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path, limit_seconds: float) -> dict[str, Any]:
    assert process.stdout is not None
    give_up_at = time.monotonic() + limit_seconds
    line = b""
    while not line.endswith(b"\n"):
        remaining = give_up_at - time.monotonic()
        if remaining <= 0 or not select.select([process.stdout], [], [], remaining)[0]:
            raise LabError(f"lab: not ready within {limit_seconds:g} seconds (log: {log})")
        octets = os.read(process.stdout.fileno(), _LONGEST_READY_OCTETS)
        if not octets:
            process.wait()
            reason = _last_line(log) or f"ended with status {process.returncode}"
            raise LabError(f"lab: {reason} (log: {log})")
        line += octets
    ready: dict[str, Any] = json.loads(line)
    return ready


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process: politely by SIGTERM, then not."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()

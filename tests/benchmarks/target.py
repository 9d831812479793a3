"""Starts the target of the session benchmarks, which is known to be ours before it gets any load."""

import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.measuring import group_cpu_seconds

ADDRESS = "127.0.0.1"

_READY_SECONDS = 60.0
_POLL_SECONDS = 0.1
_ANSWER_SECONDS = 10.0
_END_SECONDS = 10.0


class TargetError(Exception):
    """The target cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A running server."""

    ports: Mapping[str, int]
    """By what is done there (`smtp_target`)."""
    token: str
    group: int
    """Its process group."""

    def cpu_seconds(self) -> float:
        """Return the CPU that the server has used so far."""
        return group_cpu_seconds(self.group)

    def check_ours(self) -> None:
        """Raise TargetError unless the server has the token of this very run."""
        greeting = self._said("smtp")
        if greeting.split()[1:2] != [self.token.encode()]:
            port = self.ports["smtp"]
            raise TargetError(f"{ADDRESS}:{port} is not the server of this run: it gets no load")

    def count(self) -> dict[str, int]:
        """Return how many sessions wait for their release, by kind."""
        counted: dict[str, int] = json.loads(self._said("count"))
        return counted

    def release(self) -> None:
        """Close the sessions that wait."""
        socket.create_connection((ADDRESS, self.ports["release"]), _ANSWER_SECONDS).close()

    def _said(self, port: str) -> bytes:
        with socket.create_connection((ADDRESS, self.ports[port]), _ANSWER_SECONDS) as connection:
            return connection.recv(4096)


@contextmanager
def open_target(folder: Path) -> Iterator[Target]:
    """Start the target in a process group of its own, which is ended with the block.

    Raises TargetError if it does not start, or another server answers in its place.
    """
    folder.mkdir()
    token, ports_file, log = secrets.token_hex(16), folder / "ports.json", folder / "target.log"
    command = [sys.executable, "-m", "tests.benchmarks.smtp_target", token, str(ports_file)]
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=file, process_group=0)
    try:
        _wait_for(ports_file, server, log)
        target = Target(json.loads(ports_file.read_text()), token, server.pid)
        target.check_ours()
        yield target
    finally:
        _end(server)


def _wait_for(ports_file: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not ports_file.exists():
        if server.poll() is not None:
            raise TargetError(f"the target ended with status {server.returncode}: {log.read_text()[-1000:]}")
        if time.monotonic() > deadline:
            raise TargetError("the target did not begin to serve")
        time.sleep(_POLL_SECONDS)


def _end(server: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        server.terminate()
    try:
        server.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()

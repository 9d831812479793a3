"""The target: one NSD on loopback with the generated zone, known to be ours before it gets any load."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.benchmarks.mail_names import TOKEN_NAME, ZONE, write_zone
from tests.benchmarks.measuring import group_cpu_seconds

ADDRESS = "127.0.0.1"

_SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
_READY_SECONDS = 120.0
"""Reading a zone of a million names takes some ten seconds."""
_POLL_SECONDS = 0.2
_END_SECONDS = 10.0


class AuthorityError(Exception):
    """The target cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A running server."""

    port: int
    token: str
    group: int
    """Its process group: NSD is several processes."""
    version: str

    @property
    def endpoint(self) -> str:
        """Return address:port."""
        return f"{ADDRESS}:{self.port}"

    def cpu_seconds(self) -> float:
        """Return the CPU that the server has used so far."""
        return group_cpu_seconds(self.group)

    def check_ours(self) -> None:
        """Raise AuthorityError unless the server at the endpoint has the token of this very run."""
        if _token_at(self.port) != self.token:
            raise AuthorityError(f"{self.endpoint} is not the server of this run: it gets no load")


@contextmanager
def open_authority(folder: Path, count: int) -> Iterator[Authority]:
    """Start NSD with the zone of so many names, in a process group of its own, which is ended with the block.

    Raises AuthorityError if NSD is not installed, does not start, or another server answers in its place.
    """
    program = shutil.which("nsd", path=_SEARCH_PATH)
    if program is None:
        raise AuthorityError("nsd is not installed; on Debian and Ubuntu: apt install nsd")
    folder.mkdir()
    token = secrets.token_hex(16)
    write_zone(folder / "bench.zone", count, token)
    port = _free_port()
    (folder / "nsd.conf").write_text(configuration(folder, [f"{ADDRESS}@{port}"], ZONE))
    log = folder / "nsd.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            [program, "-d", "-c", str(folder / "nsd.conf")],
            stderr=file,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
    authority = Authority(port, token, server.pid, _version(program))
    try:
        _wait_until_ready(server, authority, log)
        yield authority
    finally:
        _end(server)


def configuration(folder: Path, endpoints: Sequence[str], zone: str) -> str:
    """Return the configuration of one NSD for a zone in `bench.zone`; an endpoint is address@port."""
    return "\n".join(
        (
            "server:",
            *(f"ip-address: {endpoint}" for endpoint in endpoints),
            "server-count: 1",
            "minimal-responses: yes",
            'username: ""',
            'chroot: ""',
            'database: ""',
            f'zonesdir: "{folder}"',
            f'pidfile: "{folder}/nsd.pid"',
            f'xfrdfile: "{folder}/xfrd.state"',
            f'xfrdir: "{folder}"',
            f'zonelistfile: "{folder}/zone.list"',
            "rrl-ratelimit: 0",
            "remote-control:",
            "control-enable: no",
            "zone:",
            f'name: "{zone}"',
            'zonefile: "bench.zone"',
            "",
        )
    )


def _version(program: str) -> str:
    shown = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    return (shown.stdout + shown.stderr).splitlines()[0]


def _free_port() -> int:
    """Return a port that is free for UDP and TCP now. Who takes it meanwhile does not know the token."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        stream.bind((ADDRESS, 0))
        port: int = stream.getsockname()[1]
        datagrams.bind((ADDRESS, port))
    return port


def _wait_until_ready(server: subprocess.Popen[bytes], authority: Authority, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise AuthorityError(f"nsd ended with status {server.returncode}: {log.read_text()[-1000:]}")
        with suppress(dns.exception.Timeout):
            authority.check_ours()
            return
    raise AuthorityError(f"nsd did not answer at {authority.endpoint}")


def _token_at(port: int) -> str | None:
    query = dns.message.make_query(TOKEN_NAME, dns.rdatatype.TXT)
    answers = dns.query.udp(query, ADDRESS, port=port, timeout=_POLL_SECONDS).answer
    return answers[0][0].to_text().strip('"') if answers else None


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server's process group; the group's id is ours for as long as its leader is not waited for."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()

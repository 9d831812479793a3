"""NSD and Unbound, as processes inside a namespace. Everything here is called there."""

import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query
import trio

from crawler.doctor.examination import RESOLVER_CHECKS, examine
from crawler.doctor.subject import Finding, ReferenceNames
from crawler.probes.resolver import Resolver, open_resolver
from crawler.records import Lookup
from crawler.settings import settings_from
from crawler.unbound import DEFAULT_PORT, READ_STANDARD_INPUT, compose, find_unbound
from tests.servers.dns_zones import LEAF_ADDRESS, ROOT_ADDRESS, SILENT_ADDRESSES, TLD_ADDRESS, Zones
from tests.servers.namespace import program

UNBOUND = {"unbound": "unbound", "unbound-checkconf": "unbound"}
PACKAGES = {"nsd": "nsd", **UNBOUND}
"""What must be installed: Debian package by program."""

RESOLVER = f"127.0.0.1:{DEFAULT_PORT}"

_DNS_PORT = 53
_READY_SECONDS = 10.0
_POLL_SECONDS = 0.05

_LAB_ONLY = f"""
# The whole internet of the lab is on loopback, and its root is not the world's.
server:
do-not-query-localhost: no
stub-zone:
name: "."
stub-addr: {ROOT_ADDRESS}
stub-prime: yes
"""

_kept: list[object] = []
"""Sockets and processes that live as long as the namespace."""


def start_dns(folder: Path, zones: Zones, *, port: int = DEFAULT_PORT) -> None:
    """Start the authorities and the resolver, and return when each answers."""
    for address in SILENT_ADDRESSES:
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind((address, _DNS_PORT))
        _kept.append(silent)
    for name, address, served in (
        ("root", ROOT_ADDRESS, zones.root),
        ("tld", TLD_ADDRESS, zones.tld),
        ("leaf", LEAF_ADDRESS, zones.leaf),
    ):
        _start_nsd(folder / name, address, served)
    unbound = find_unbound()
    configuration = compose(port=port, trust_anchors=[zones.trust_anchor], more=_LAB_ONLY)
    server = subprocess.Popen([unbound, *READ_STANDARD_INPUT], stdin=subprocess.PIPE)
    assert server.stdin is not None
    with server.stdin as stream:
        stream.write(configuration.encode())
    _kept.append(server)
    _wait_for(server, "127.0.0.1", port)


def start_shipped_resolver() -> str:
    """Start the resolver as `make resolver` does; return what it says when it answers."""
    server = subprocess.Popen([sys.executable, "-m", "crawler.unbound"], stdout=subprocess.PIPE)
    _kept.append(server)
    _wait_for(server, "127.0.0.1", DEFAULT_PORT)
    assert server.stdout is not None
    return server.stdout.readline().decode()


def look_up(questions: Sequence[tuple[str, str]], settings: Mapping[str, Any]) -> list[Lookup]:
    """Ask (method of the resolver, name) all at once, with one resolver; return answers in that order."""

    async def ask_all() -> list[Lookup]:
        answers: dict[int, Lookup] = {}

        async def ask(number: int, resolver: Resolver, method: str, name: str) -> None:
            extra = (25,) if method == "tlsa" else ()
            answers[number] = await getattr(resolver, method)(name, *extra)

        async with (
            open_resolver(settings_from({"resolver": RESOLVER, **settings})) as resolver,
            trio.open_nursery() as nursery,
        ):
            for number, question in enumerate(questions):
                nursery.start_soon(ask, number, resolver, *question)
        return [answers[number] for number in range(len(questions))]

    return trio.run(ask_all)


def examine_resolver(names: ReferenceNames) -> list[Finding]:
    """Have the doctor examine the resolver; return what it found."""
    return trio.run(examine, settings_from({"resolver": RESOLVER}), names, None, RESOLVER_CHECKS)


def _start_nsd(folder: Path, address: str, zones: Mapping[str, str]) -> None:
    """Start an authority. Each level needs its own: one with all zones would never refer to the next."""
    folder.mkdir()
    configuration = folder / "nsd.conf"
    lines = [
        "server:",
        f"ip-address: {address}@{_DNS_PORT}",
        "server-count: 1",
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
    ]
    for number, (zone, text) in enumerate(zones.items()):
        (folder / f"{number}.zone").write_text(text)
        lines += ["zone:", f'name: "{zone}"', f'zonefile: "{number}.zone"']
    configuration.write_text("\n".join([*lines, ""]))
    server = subprocess.Popen([program("nsd"), "-d", "-c", str(configuration)])
    _kept.append(server)
    _wait_for(server, address, _DNS_PORT)


def _wait_for(server: subprocess.Popen[bytes], address: str, port: int) -> None:
    """Return when a server answers. Raises TimeoutError, or ChildProcessError when it ended."""
    query = dns.message.make_query(".", "SOA")
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise ChildProcessError(f"{server.args!r} ended with status {server.returncode}")
        with suppress(dns.exception.Timeout):
            dns.query.udp(query, address, port=port, timeout=_POLL_SECONDS)
            return
    raise TimeoutError(f"{server.args!r} did not answer at {address}:{port}")

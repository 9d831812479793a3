"""Thousands of mail servers behind one socket, each at an address of its own in the far network.

Who they are follows from their number alone: the process that serves and the tests both know.
"""

import asyncio
import random
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from crawler.lab.authority_cache import keep_authority, open_authority
from crawler.lab.connections import ConnectionPool
from crawler.lab.internet import CertificateOrder, MailServer
from crawler.lab.listening import Listeners, allow_descriptors
from crawler.lab.smtp_server import SmtpDialogue
from crawler.lab.tls import TlsServers
from tests.servers.far_network import FAR_NETWORK

PORT = 25
PROVIDERS = 500
ROOT_STORE_FILE = "root_store.pem"
GREETING_DELAYS_SECONDS = (4.0, 12.0)
"""Many real servers let a client wait for their greeting; here this keeps thousands of sessions open."""

_BACKLOG = 4096
_CONNECTIONS = 8000
"""Open at once, at most."""

_AT_ONCE = {"greeting_delay_seconds": 0.0}
"""Of those that are asked a second time."""

_BEHAVIOURS: Sequence[tuple[int, Mapping[str, Any]]] = (
    (4, {"starttls": "absent"}),
    (1, {"starttls": "454", **_AT_ONCE}),
    (2, {"greeting": "554"}),
    (1, {"greeting": "450", **_AT_ONCE}),
    (2, {"handshake": "alert"}),
    (1, {"handshake": "garbage"}),
    (1, {"hello": "helo_only"}),
    (3, {"default_certificate": "self-signed"}),
    (2, {"default_certificate": "expired"}),
    (1, {"default_certificate": "another's"}),
    (3, {"tls_max": "TLSv1.2"}),
)
"""How many in a hundred do something else than complete TLS 1.3 with a good certificate."""

_ODD_ONES = [behaviour for count, behaviour in _BEHAVIOURS for _ in range(count)]


@dataclass(frozen=True)
class FarHost:
    """An MX host with one address, and what answers there."""

    mx_host: str
    server: MailServer


def far_hosts(count: int) -> list[FarHost]:
    """Return hosts of many providers, their addresses spread over the whole far network."""
    randomly = random.Random("far hosts")
    network = IPv4Network(FAR_NETWORK)
    numbers = randomly.sample(range(1, network.num_addresses - 1), count)
    return [_far_host(index, str(network[number]), randomly) for index, number in enumerate(numbers)]


def _far_host(index: int, address: str, randomly: random.Random) -> FarHost:
    provider = f"provider{index % PROVIDERS}.test"
    mx_host = f"mx{index}.{provider}"
    kind = randomly.randrange(100)
    odd: Mapping[str, Any] = _ODD_ONES[kind] if kind < len(_ODD_ONES) else {}
    usual: Mapping[str, Any] = {
        "default_certificate": provider,
        "greeting_delay_seconds": randomly.uniform(*GREETING_DELAYS_SECONDS),
    }
    return FarHost(mx_host, MailServer(address=address, server_name=mx_host, **{**usual, **odd}))


def _certificate_orders() -> dict[str, CertificateOrder]:
    orders = {
        "self-signed": CertificateOrder(common_name="a.test", dns_names=(), issuer="self", chain_sent="leaf"),
        "expired": CertificateOrder(common_name="b.test", dns_names=("b.test",), validity="expired"),
        "another's": CertificateOrder(common_name="c.test", dns_names=("c.test",)),
    }
    for number in range(PROVIDERS):
        name = f"provider{number}.test"
        orders[name] = CertificateOrder(common_name=name, dns_names=(f"*.{name}",))
    return orders


async def serve(count: int, folder: Path) -> None:
    """Serve for ever. The certificates stay in the folder: what serves there next shows the same."""
    now = datetime.now(UTC)
    authority = open_authority(folder, now)
    orders = _certificate_orders()
    issued = authority.issue(orders, now)
    keep_authority(authority, folder)
    authority.write_root_store(folder / ROOT_STORE_FILE)
    servers = {host.server.address: host.server for host in far_hosts(count)}
    tls = TlsServers(authority, orders, issued)
    pool = ConnectionPool()

    def answer(_any: str, accepted: socket.socket) -> None:
        server = servers[accepted.getsockname()[0]]
        pool.accept(accepted, partial(SmtpDialogue, server, tls, pool))

    allow_descriptors(_CONNECTIONS)
    listener = socket.create_server(("0.0.0.0", PORT), backlog=_BACKLOG)
    listener.setblocking(False)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
    Listeners({"0.0.0.0": listener}, PORT).serve(answer)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def server_command(count: int, folder: Path) -> list[str]:
    """Return the command that serves, for `far_network`."""
    return [sys.executable, "-m", "tests.servers.far_mail_servers", str(count), str(folder)]


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))

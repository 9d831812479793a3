"""The authorities that a resolver asks in `dns_recursion`: far away, at addresses of their own, some silent.

The root is signed, and says that what is below it is not. Every name that exists is a delegation of its own.
"""

import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from crawler.unbound import DEFAULT_PORT, READ_STANDARD_INPUT, compose, find_unbound
from tests.benchmarks.authority import configuration
from tests.benchmarks.mail_names import ZONE, Answer, name_of, truth_of, write_zone
from tests.servers.far_network import Distance, far_network
from tests.servers.namespace import program
from tests.servers.signing import around, make_key, read_zone, sign

RESOLVER = f"127.0.0.1:{DEFAULT_PORT}"

_ROOT, _PARENT = "10.1.0.1", "10.2.0.1"
_LIVE = [f"10.3.{number}.1" for number in range(100)]
_SILENT = [f"10.4.{number}.1" for number in range(20)]
_DNS_PORT = 53
_PERIOD, _DEAD = 100, 9
"""Of so many names one is delegated to a server that never answers."""
_DISTANCE = Distance(20, 200, loss=0.005)
_READY_SECONDS = 30.0

_OTHER_ROOT = f"""
stub-zone:
name: "."
stub-addr: {_ROOT}
stub-prime: yes
"""

_network = ExitStack()
_resolvers: list[subprocess.Popen[bytes]] = []
_sockets: list[socket.socket] = []
"""All live as long as the namespace."""


def expected(number: int) -> Answer:
    """Return what a lookup of a name's MX records must give."""
    return ("servfail", ()) if number % _PERIOD == _DEAD else truth_of(number)


# --- called in the namespace ---------------------------------------------------------------------------


def start_network(folder: Path, count: int) -> str:
    """Start the authorities, far away; return the trust anchor of their root."""
    # Processes are known by the numbers that they have in here.
    subprocess.run([program("mount"), "-t", "proc", "proc", "/proc"], check=True)
    key = make_key()
    folders = {address: folder / address for address in (_ROOT, _PARENT, _LIVE[0])}
    for below in folders.values():
        below.mkdir()
    apex = "SOA ns.root. hostmaster.root. 1 3600 600 86400 300\n"
    root = read_zone(".", f"@ {apex}@ NS ns.root.\nns.root. A {_ROOT}\n{_delegation(ZONE, 'ns', _PARENT)}")
    sign(root, key, around(datetime.now(UTC)))
    (folders[_ROOT] / "bench.zone").write_text(root.to_text(relativize=False))
    _write_parent(folders[_PARENT] / "bench.zone", count, apex)
    write_zone(folders[_LIVE[0]] / "bench.zone", count, "")
    server = [sys.executable, "-m", "tests.benchmarks.far_authorities", str(folder)]
    _network.enter_context(far_network(_DISTANCE, server))
    return f". DS {key.ds('.')}"


def start_resolver(trust_anchor: str) -> None:
    """Start the shipped Unbound with empty caches, in place of the one before."""
    while _resolvers:
        before = _resolvers.pop()
        before.terminate()
        before.wait()
    text = compose(port=DEFAULT_PORT, trust_anchors=[trust_anchor], more=_OTHER_ROOT)
    server = subprocess.Popen([find_unbound(), *READ_STANDARD_INPUT], stdin=subprocess.PIPE)
    _resolvers.append(server)
    assert server.stdin is not None
    with server.stdin as stream:
        stream.write(text.encode())
    _wait_for("127.0.0.1", DEFAULT_PORT)


def _delegation(zone: str, server: str, address: str) -> str:
    return f"{zone}. NS {server}.{zone}.\n{server}.{zone}. A {address}\n"


def _write_parent(path: Path, count: int, apex: str) -> None:
    servers = {f"live{number}": address for number, address in enumerate(_LIVE)}
    servers |= {f"silent{number}": address for number, address in enumerate(_SILENT)}
    with path.open("w") as file:
        file.write(f"$ORIGIN {ZONE}.\n$TTL 3600\n@ {apex}@ NS ns\nns A {_PARENT}\n")
        file.writelines(f"{server} A {address}\n" for server, address in servers.items())
        for number in range(count):
            owner, status = name_of(number).partition(".")[0], expected(number)[0]
            if status == "noerror":
                file.write(f"{owner} NS live{number % len(_LIVE)}\n")
            elif status == "servfail":
                file.write(f"{owner} NS silent{number // _PERIOD % len(_SILENT)}\n")
            elif status == "nodata":
                file.write(f"{owner} A 192.0.2.1\n")


def _wait_for(address: str, port: int) -> None:
    query = dns.message.make_query(".", "SOA")
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        with suppress(dns.exception.Timeout):
            dns.query.udp(query, address, port=port, timeout=0.2)
            return
    raise TimeoutError(f"no answer at {address}:{port}")


# --- far away ------------------------------------------------------------------------------------------


def main(folder: Path) -> None:
    """Serve until ended; say so when all authorities answer."""
    for address in _SILENT:
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind((address, _DNS_PORT))
        _sockets.append(silent)
    servers = []
    for zone, addresses in ((".", [_ROOT]), (ZONE, [_PARENT]), (ZONE, _LIVE)):
        own = folder / addresses[0]
        endpoints = [f"{address}@{_DNS_PORT}" for address in addresses]
        (own / "nsd.conf").write_text(configuration(own, endpoints, zone))
        servers.append(subprocess.Popen([program("nsd"), "-d", "-c", str(own / "nsd.conf")]))
        _wait_for(addresses[-1], _DNS_PORT)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for server in servers:
        server.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

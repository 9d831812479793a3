"""Start Unbound for a survey: on loopback, on a high port, as an ordinary user (`make resolver`).

The whole configuration goes to Unbound's standard input: it reads no file of ours, which Debian's AppArmor
profile would not let it, and leaves none behind.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

CONFIGURATION = Path(__file__).with_name("unbound.conf")
DEFAULT_PORT = 5335

ROOT_KEY_FILES = (
    Path("/usr/share/dns/root.key"),  # Debian and Ubuntu: dns-root-data
    Path("/usr/share/dnssec-root/trusted-key.key"),  # Alpine
    Path("/etc/trusted-key.key"),  # Arch: dnssec-anchors
)
"""Where distributions install the root's trust anchor, which they keep up to date."""

LIMITS_ON_CLIENTS = ("discard-timeout", "wait-limit")
"""Options of Unbound 1.20, and of Debian's 1.17: by default a reply that took longer than 1.9 seconds is
never sent, and one client may await no more than 1,000. Set to 0 they limit nothing. An Unbound that does not
know them has no such limits."""

READ_STANDARD_INPUT = ("-d", "-p", "-c", "/dev/stdin")
"""Arguments of Unbound: in the foreground, without a PID file, its configuration from standard input."""

_SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
_IPV6_ROOT_SERVER = ("2001:7fd::1", 53)
_INSTALL = "on Debian and Ubuntu: apt install unbound dns-root-data"


class StartError(Exception):
    """Something is missing; the message says what, and how to get it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Become Unbound, after saying how to use it; or exit with status 1, saying what is missing."""
    parser = argparse.ArgumentParser(prog="python -m crawler.unbound", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="on 127.0.0.1 (default: %(default)s)")
    port = parser.parse_args(arguments).port
    try:
        program = find_unbound()
        configuration = compose(port=port, trust_anchors=read_trust_anchors(root_key_file()))
    except StartError as error:
        sys.exit(f"resolver: {error}")
    sys.stdout.write(f"A validating resolver, until Ctrl-C. Survey with: --resolver 127.0.0.1:{port}\n")
    sys.stdout.flush()
    become(program, configuration)


def find_unbound() -> str:
    """Return the path of Unbound. Debian has it where an ordinary user's PATH does not look."""
    return _find("unbound")


def root_key_file() -> Path:
    """Return a file with the root's trust anchor: the distribution's, or one that unbound-anchor fetches."""
    for path in ROOT_KEY_FILES:
        if path.is_file():
            return path
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "starttls-survey"
    path = cache / "root.key"
    try:
        anchor = _find("unbound-anchor")
    except StartError:
        raise StartError(f"no trust anchor of the DNS root on this machine; {_INSTALL}") from None
    cache.mkdir(parents=True, exist_ok=True)
    _run(anchor, "-a", str(path))  # its status says whether the file changed, not whether it is good
    if not path.is_file():
        raise StartError(f"unbound-anchor wrote no trust anchor to {path}")
    return path


def read_trust_anchors(path: Path) -> list[str]:
    """Return the DS and DNSKEY records of a file, without keys whose state is not "valid" (RFC 5011 s4)."""
    lines = [line for line in path.read_text().splitlines() if ";;state=" not in line or ";;state=2" in line]
    records = [" ".join(line.partition(";")[0].split()) for line in lines]
    anchors = [record for record in records if {"DS", "DNSKEY"} & set(record.split()[:4])]
    if not anchors:
        raise StartError(f"{path} holds no trust anchor")
    return anchors


def compose(*, port: int, trust_anchors: Sequence[str], more: str = "") -> str:
    """Return the shipped configuration with what depends on the machine, and any `more` after it."""
    threads = len(os.sched_getaffinity(0))
    slabs = 1 << (threads - 1).bit_length()  # locks per cache: a power of two
    checker = _find("unbound-checkconf")
    lines = [
        "server:",
        f"port: {port}",
        f"num-threads: {threads}",
        *(f"{cache}-slabs: {slabs}" for cache in ("msg-cache", "rrset-cache", "infra-cache", "key-cache")),
        f"do-ip6: {'yes' if _has_ipv6_route() else 'no'}",
        *(f"{option}: 0" for option in LIMITS_ON_CLIENTS if _run(checker, "-o", option, os.devnull) == 0),
        *(f'trust-anchor: "{record}"' for record in trust_anchors),
    ]
    return "\n".join([CONFIGURATION.read_text(), *lines, more, ""])


def become(program: str, configuration: str) -> NoReturn:
    """Replace this process by Unbound, which reads the configuration from its standard input."""
    reader, writer = os.pipe()
    os.write(writer, configuration.encode())  # a pipe holds 64 KiB
    os.close(writer)
    os.dup2(reader, 0)
    os.execv(program, [program, *READ_STANDARD_INPUT])  # noqa: S606  # no shell is wanted


def _find(name: str) -> str:
    path = shutil.which(name, path=_SEARCH_PATH)
    if path is None:
        raise StartError(f"{name} is not installed; {_INSTALL}")
    return path


def _run(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603  # a program found above


def _has_ipv6_route() -> bool:
    """Tell whether the world is reachable over IPv6: else Unbound would try half of all servers in vain."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as endpoint:
            endpoint.connect(_IPV6_ROOT_SERVER)  # sends nothing: looks up the route
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()

"""What `openssl verify` says of a chain: the system's program, not the library the crawler is linked to."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.oracles.chain_world import Chain
from tests.oracles.crafting import Crafted, pem
from tests.servers.namespace import program

PROGRAMS = {"openssl": "openssl"}
"""The Debian package by program."""

_ERROR = re.compile(r"^error (\d+) at ", re.MULTILINE)
_ALWAYS = ("-no-CApath", "-no-CAstore", "-purpose", "sslserver")

UNREADABLE = -1
"""In place of a code, where the program cannot load the server's certificate."""


def verify(chain: Chain, folder: Path, *options: str) -> frozenset[int]:
    """Return the codes of all errors (X509_V_ERR), none if the chain is valid."""
    server, *others = chain.sent
    files = ["-CAfile", _write(folder / "roots.pem", chain.roots)]
    if others:
        files += ["-untrusted", _write(folder / "sent.pem", others)]
    leaf = _write(folder / "server.pem", [server])
    by = ("-attime", str(int(chain.at.timestamp())), "-verify_hostname", chain.host)
    command = [program("openssl"), "verify", *_ALWAYS, *by, *options, *files, leaf]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 0:
        return frozenset()
    codes = frozenset(map(int, _ERROR.findall(done.stdout + done.stderr)))
    if not codes:
        assert "Unable to load certificate" in done.stderr or "Could not" in done.stderr, done.stderr
    return codes or frozenset({UNREADABLE})


def _write(file: Path, certificates: Iterable[Crafted]) -> str:
    file.write_bytes(pem(certificates))
    return str(file)

"""Namespaces around one: each a leaf, joined to it by a wire of its own, whose loopback addresses lead there.

So one lab, which listens on loopback, is the same internet for processes in several namespaces.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from tests.servers.namespace import ROOT, program

HUB = "10.77.0.1"
LOOPBACK = "127.0.0.0/8"
_ROUTES_LOOPBACK = Path("/proc/sys/net/ipv4/conf/all/route_localnet")
_HAS_NO_IPV6 = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")
_END_SECONDS = 10.0


class NoLeavesError(Exception):
    """This machine joins no namespaces; the message says why."""


def leaf_address(number: int) -> str:
    """Return the address of a leaf; they are numbered from 2."""
    return f"10.77.0.{number}"


def become_hub() -> None:
    """Prepare this process's own namespace for leaves. Raises NoLeavesError.

    It loses ::1, which does not lead here from a leaf, and sees its own processes alone in /proc.
    """
    try:
        subprocess.run([program("mount"), "-t", "proc", "proc", "/proc"], check=True, capture_output=True)
        if _HAS_NO_IPV6.exists():
            _HAS_NO_IPV6.write_text("1")
        _ROUTES_LOOPBACK.write_text("1")
        _configure(f"link add name hub type bridge\naddr add {HUB}/24 dev hub\nlink set dev hub up\n")
    except subprocess.CalledProcessError as error:
        raise NoLeavesError(f"no hub: {error.stderr.decode().strip()}") from None
    except OSError as error:
        raise NoLeavesError(f"no hub: {error}") from None


@contextmanager
def leaf(number: int, command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a new leaf of this process's namespace, a hub, for the time of the block."""
    waiting = [program("unshare"), "--net", sys.executable, "-m", "tests.servers.leaf", str(number)]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*waiting, *command], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if not process.stdout.readline():
                raise NoLeavesError(f"no leaf: {log.read_text()}")
            _configure(
                f"link add name leaf{number} type veth peer name wire netns {process.pid}\n"
                f"link set dev leaf{number} up master hub\n"
            )
            process.stdin.close()
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _configure(lines: str) -> None:
    command = [program("ip"), "-batch", "-"]
    subprocess.run(command, input=lines.encode(), check=True, capture_output=True)


# --- in the leaf ---------------------------------------------------------------------------------------


def main(number: int, command: Sequence[str]) -> NoReturn:
    """Wait for the wire, then become the command."""
    os.write(1, b"ready\n")
    sys.stdin.read()
    # The wire first: where there is none, this is no leaf, and its loopback stays as it is.
    _configure(
        f"addr add {leaf_address(number)}/24 dev wire\n"
        "link set dev wire up\n"
        "link set dev lo up\n"
        "addr del 127.0.0.1/8 dev lo\n"
    )
    _ROUTES_LOOPBACK.write_text("1")
    _configure(f"route add {LOOPBACK} via {HUB} src {leaf_address(number)}\n")
    os.dup2(2, 1)
    os.execv(command[0], list(command))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

"""A network that is far away: two namespaces, and between them a process that delays and loses packets.

The kernel's own emulator, netem, is not in every kernel. A TUN device, whose packets a process reads and
writes, nearly always is; one stands in each namespace, and this module's process passes packets between them.
"""

import fcntl
import json
import os
import random
import select
import struct
import subprocess
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO

from tests.servers.namespace import ROOT, program

NEAR_ADDRESS = "198.18.0.1"
FAR_NETWORK = "10.0.0.0/8"
"""Every address in it is the servers' own: a socket bound to 0.0.0.0 answers at all of them."""

_TUN_DEVICE = "/dev/net/tun"
# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000

_QUEUE_PACKETS = 50_000
"""What waits in the kernel while this process is not run: no packet is lost but those that shall be."""
_LARGEST_PACKET = 65_536
_PACKETS_PER_TURN = 256
"""Then those that are due have their turn."""
_END_SECONDS = 10.0

_NEAR_SETUP = f"""
link set near txqueuelen {_QUEUE_PACKETS} up
addr add {NEAR_ADDRESS}/32 dev near
route add {FAR_NETWORK} dev near src {NEAR_ADDRESS}
"""
_OWN_ALL = f"route add local {FAR_NETWORK} dev lo\n"
_FAR_SETUP = f"""
link set lo up
link set far txqueuelen {_QUEUE_PACKETS} up
{_OWN_ALL}
route add {NEAR_ADDRESS}/32 dev far
"""


class NoTunError(Exception):
    """This machine gives no TUN device; the message says why."""


@dataclass(frozen=True)
class Distance:
    """How far away the hosts are, each at a distance of its own."""

    shortest_round_trip_milliseconds: int
    longest_round_trip_milliseconds: int
    loss: float
    """Share of packets lost, of those in each direction."""
    seed: int = 1

    def one_way_milliseconds(self, host: bytes) -> int:
        """Return how long a packet from or to a host is under way; `host` is its address, packed."""
        shortest = self.shortest_round_trip_milliseconds // 2
        longest = self.longest_round_trip_milliseconds // 2
        return shortest + zlib.crc32(host, self.seed) % (longest - shortest + 1)


@dataclass
class Counts:
    """What happened to the packets of one direction."""

    carried: int = 0
    lost: int = 0
    dropped: int = 0
    """By the kernel, for want of room: there should be none."""


class Direction:
    """Packets under way to one side."""

    def __init__(self, distance: Distance, host_at: slice) -> None:
        """Take where in an IPv4 packet the address of the far host stands."""
        self.counts = Counts()
        self._distance = distance
        self._host_at = host_at
        self._random = random.Random(f"{distance.seed} {host_at}")
        self._under_way: defaultdict[int, list[bytes]] = defaultdict(list)

    def depart(self, packet: bytes, now: int) -> None:
        """Take a packet, or lose it; `now` in milliseconds. What is not IPv4 gets nowhere."""
        if packet[0] >> 4 != 4:
            return
        if self._random.random() < self._distance.loss:
            self.counts.lost += 1
            return
        delay = self._distance.one_way_milliseconds(packet[self._host_at])
        self._under_way[now + delay].append(packet)

    def arrivals(self, now: int) -> list[bytes]:
        """Return what arrives in this millisecond, in the order of departure."""
        packets = self._under_way.pop(now, [])
        self.counts.carried += len(packets)
        return packets

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way


def outbound(distance: Distance) -> Direction:
    """Return the direction to the far hosts."""
    return Direction(distance, slice(16, 20))  # RFC 791 s3.1: the destination address


def inbound(distance: Distance) -> Direction:
    """Return the direction from the far hosts."""
    return Direction(distance, slice(12, 16))  # the source address


@dataclass
class FarNetwork:
    """A network that stands."""

    counts: dict[str, Counts]
    """By the side that packets were for, 'far' or 'near'; empty until the network is taken down."""


@contextmanager
def far_network(distance: Distance, server: Sequence[str]) -> Iterator[FarNetwork]:
    """Join a new namespace, which owns FAR_NETWORK, to this process's own, and run a server there.

    The server is a command that prints one line once it serves. Raises NoTunError.
    """
    near = _open_tun("near")
    try:
        _configure(_NEAR_SETUP)
        command = [program("unshare"), "--net", sys.executable, "-m", "tests.servers.far_network"]
        process = subprocess.Popen(
            [*command, str(near), json.dumps(asdict(distance)), *server],
            cwd=ROOT,
            pass_fds=[near],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    finally:
        os.close(near)
    network = FarNetwork({})
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _require_ready(process.stdout)
            yield network
            dropped = _dropped("near")
            process.stdin.close()  # all that it waits for: it ends, and its server with it
            counts = json.loads(process.stdout.read())
            network.counts = {side: Counts(**values) for side, values in counts.items()}
            network.counts["far"].dropped = dropped
        finally:
            process.stdin.close()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def no_distance(server: Sequence[str]) -> Iterator[None]:
    """Run the same server in this process's namespace, at the same addresses, with nothing between."""
    _configure(_OWN_ALL)
    try:
        with _serving(server):
            yield
    finally:
        _configure(_OWN_ALL.replace("add", "del"))


@contextmanager
def _serving(server: Sequence[str]) -> Iterator[None]:
    with subprocess.Popen(server, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            _require_ready(process.stdout)
            yield
        finally:
            process.terminate()


def _open_tun(name: str) -> int:
    """Make a TUN device in this process's namespace; it is gone when its descriptor is closed."""
    try:
        descriptor = os.open(_TUN_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NoTunError(f"no TUN device ({_TUN_DEVICE}: {error.strerror})") from None
    try:
        request = struct.pack("16sH22x", name.encode("ascii"), _IFF_TUN | _IFF_NO_PI)
        fcntl.ioctl(descriptor, _TUNSETIFF, request)
    except OSError as error:
        os.close(descriptor)
        raise NoTunError(f"no TUN device ({error.strerror})") from None
    return descriptor


def _configure(lines: str) -> None:
    subprocess.run([program("ip"), "-batch", "-"], input=lines, text=True, check=True)


def _dropped(device: str) -> int:
    """Return how many packets the kernel dropped because a TUN device's queue was full."""
    command = [program("ip"), "-json", "-statistics", "link", "show", "dev", device]
    (link,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    dropped: int = link["stats64"]["tx"]["dropped"]
    return dropped


def _require_ready(output: IO[bytes]) -> None:
    if not output.readline():
        raise RuntimeError("a process of the far network did not begin; the log says why")


# --- in the far namespace ------------------------------------------------------------------------------


def main(near: int, distance: Distance, server: Sequence[str]) -> None:
    """Run the server, and carry packets until standard input ends; then say what became of them."""
    far = _open_tun("far")
    _configure(_FAR_SETUP)
    directions = {far: outbound(distance), near: inbound(distance)}
    with _serving(server):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        _carry({near: far, far: near}, directions)
    directions[near].counts.dropped = _dropped("far")
    counts = {"far": asdict(directions[far].counts), "near": asdict(directions[near].counts)}
    sys.stdout.write(json.dumps(counts))


def _carry(other_side: dict[int, int], directions: dict[int, Direction]) -> None:
    """Pass packets between two devices until standard input ends."""
    end = sys.stdin.fileno()
    poll = select.poll()
    for descriptor in (*other_side, end):
        poll.register(descriptor, select.POLLIN)
    arrived_until = _milliseconds()
    while True:
        is_quiet = all(direction.is_empty for direction in directions.values())
        ready = poll.poll(None if is_quiet else 1)
        now = _milliseconds()
        for descriptor, _event in ready:
            if descriptor == end:
                return
            _depart_all(descriptor, directions[other_side[descriptor]], now)
        while arrived_until < now:
            for side, direction in directions.items():
                for packet in direction.arrivals(arrived_until):
                    os.write(side, packet)
            arrived_until += 1


def _depart_all(descriptor: int, direction: Direction, now: int) -> None:
    for _ in range(_PACKETS_PER_TURN):
        try:
            packet = os.read(descriptor, _LARGEST_PACKET)
        except BlockingIOError:
            return
        direction.depart(packet, now)


def _milliseconds() -> int:
    return time.monotonic_ns() // 1_000_000


if __name__ == "__main__":
    main(int(sys.argv[1]), Distance(**json.loads(sys.argv[2])), sys.argv[3:])

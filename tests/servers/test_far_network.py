"""The far network is as far away, and loses as much, as it was told."""

import socket
import time
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median

import pytest

from tests.servers import far_network as far_network_module
from tests.servers.far_mail_servers import PORT, far_hosts, server_command
from tests.servers.far_network import (
    NEAR_ADDRESS,
    Counts,
    Direction,
    Distance,
    NoTunError,
    far_network,
    inbound,
    no_distance,
    outbound,
)
from tests.servers.namespace import cannot_run, required_namespace

DISTANCE = Distance(50, 200, loss=0.01)
HOSTS = 20


def packet(source: str, destination: str, content: bytes = b"") -> bytes:
    """Return an IPv4 packet, as far as the far network reads it."""
    return b"\x45" + bytes(11) + IPv4Address(source).packed + IPv4Address(destination).packed + content


def arrival(direction: Direction, sent: bytes) -> int:
    """Return the millisecond in which a packet sent in millisecond 0 arrives."""
    direction.depart(sent, 0)
    return next(now for now in range(1000) if direction.arrivals(now) == [sent])


def test_every_host_has_a_distance_of_its_own_the_same_in_both_directions() -> None:
    there, back = (make(Distance(50, 200, loss=0.0)) for make in (outbound, inbound))
    round_trips = set()
    for number in range(1000):
        host = f"10.1.{number >> 8}.{number & 255}"
        milliseconds = arrival(there, packet(NEAR_ADDRESS, host))
        assert arrival(back, packet(host, NEAR_ADDRESS)) == milliseconds
        round_trips.add(2 * milliseconds)
    assert round_trips == set(range(50, 201, 2))


def test_packets_are_lost_at_random_and_never_swapped() -> None:
    direction = outbound(DISTANCE)
    sent = [packet(NEAR_ADDRESS, "10.1.2.3", number.to_bytes(4, "big")) for number in range(20_000)]
    arrived = []
    for now in range(20_200):
        if now < len(sent):
            direction.depart(sent[now], now)
        arrived += direction.arrivals(now)
    assert arrived == sorted(arrived)
    assert set(arrived) < set(sent)
    assert len(arrived) + direction.counts.lost == len(sent)
    assert 0.008 < direction.counts.lost / len(sent) < 0.012
    assert direction.is_empty


def test_another_seed_loses_others_and_the_same_the_same() -> None:
    def survivors(seed: int) -> list[bytes]:
        direction = outbound(Distance(2, 2, loss=0.5, seed=seed))
        for number in range(100):
            direction.depart(packet(NEAR_ADDRESS, "10.1.2.3", bytes([number])), 0)
        return direction.arrivals(1)

    assert survivors(1) == survivors(1)
    assert survivors(1) != survivors(2)


def test_what_is_not_ipv4_gets_nowhere() -> None:
    direction = outbound(DISTANCE)
    direction.depart(b"\x60" + bytes(47), 0)
    assert direction.is_empty
    assert direction.counts == Counts()


def seconds_to_connect(address: str) -> float:
    start = time.monotonic()
    with socket.create_connection((address, PORT), timeout=20):
        return time.monotonic() - start


def visit_far_hosts(folder: Path) -> tuple[list[float], dict[str, Counts]]:
    with far_network(DISTANCE, server_command(HOSTS, folder)) as network:
        seconds = [seconds_to_connect(host.server.address) for host in far_hosts(HOSTS)]
    assert "near" not in [name for _, name in socket.if_nameindex()]
    return seconds, network.counts


def visit_without_distance(folder: Path) -> list[float]:
    with no_distance(server_command(HOSTS, folder)):
        return [seconds_to_connect(host.server.address) for host in far_hosts(HOSTS)]


@pytest.mark.needs_network_namespace
def test_hosts_are_as_far_away_as_they_were_told(tmp_path: Path) -> None:
    with required_namespace({}, tmp_path / "log") as inside:
        try:
            far_seconds, counts = inside.call(visit_far_hosts, tmp_path)
        except NoTunError as error:
            cannot_run([str(error)])
        near_seconds = inside.call(visit_without_distance, tmp_path)
    assert median(near_seconds) < 0.01
    excess_milliseconds = []
    for host, seconds in zip(far_hosts(HOSTS), far_seconds, strict=True):
        round_trip = 2 * DISTANCE.one_way_milliseconds(IPv4Address(host.server.address).packed)
        excess_milliseconds.append(seconds * 1000 - round_trip)
    assert min(excess_milliseconds) > 0
    assert median(excess_milliseconds) < 20
    for side in counts.values():
        assert side.carried > HOSTS
        assert side.dropped == 0


def test_a_machine_without_tun_devices_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(far_network_module, "_TUN_DEVICE", str(tmp_path / "tun"))
    with pytest.raises(NoTunError, match="No such file"), far_network(DISTANCE, ["true"]):
        pass

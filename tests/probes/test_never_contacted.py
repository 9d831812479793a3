"""Special-purpose addresses: no connection is ever opened to one, unless the operator named its range."""

import ipaddress
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from crawler.outcomes import Failure, FetchStage, SessionStage
from crawler.probes.failures import StageFailed
from crawler.probes.session import observe_session
from crawler.protocol.addresses import is_special_purpose
from crawler.settings import Settings
from tests.probes.peers import MX_HOST, lab_settings
from tests.probes.test_policy_fetch import FakeResolver, fetch_by, lookup

SPECIAL = {
    "this network": "0.0.0.0",
    "loopback": "127.0.0.1",
    "private": "192.168.1.25",
    "shared": "100.64.0.1",
    "link-local": "169.254.169.254",
    "documentation": "192.0.2.1",
    "multicast": "224.0.0.251",
    "broadcast": "255.255.255.255",
    "IPv6 loopback": "::1",
    "unspecified": "::",
    "IPv6 link-local": "fe80::1",
    "unique local": "fd00::25",
    "IPv6 documentation": "2001:db8::1",
    "IPv6 multicast": "ff02::1",
    "Teredo": "2001::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped private": "::ffff:10.0.0.1",
    "mapped global": "::ffff:8.8.8.8",
    "compatible": "::127.0.0.1",
    "6to4 of loopback": "2002:7f00:1::1",
    "6to4 of private": "2002:a00:1::1",
    "NAT64 of loopback": "64:ff9b::127.0.0.1",
    "NAT64 of private": "64:ff9b::10.0.0.1",
    "local NAT64": "64:ff9b:1::8.8.8.8",
}
NOT_SPECIAL = ("8.8.8.8", "2a00:1450::1", "2002:808:808::1", "64:ff9b::8.8.8.8")


class Refusing:
    """Stands in for `open_tcp`: notes who is contacted, and refuses."""

    def __init__(self) -> None:
        self.contacted: list[str] = []

    async def open(self, address: str, port: int) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        self.contacted.append(address)
        raise StageFailed(Failure.REFUSED)


def settings(*ranges: str) -> Settings:
    return lab_settings(allowed_ranges=ranges)


async def hold_session(address: str, allowed: Settings) -> tuple[list[str], Any]:
    network = Refusing()
    observed = await observe_session(MX_HOST, address, None, allowed, connect=network.open)
    return network.contacted, observed.session


async def fetch_from(addresses: list[str], allowed: Settings) -> tuple[list[str], Any]:
    ipv4 = [address for address in addresses if ":" not in address]
    ipv6 = [address for address in addresses if ":" in address]
    network = Refusing()
    resolver = FakeResolver(lookup(*ipv4), lookup(*ipv6))
    observed = await fetch_by(network.open, resolver, settings=allowed)
    return network.contacted, observed.policy


@pytest.mark.parametrize("address", SPECIAL.values(), ids=SPECIAL)
async def test_no_session_is_held_there(autojump_clock: MockClock, address: str) -> None:
    contacted, session = await hold_session(address, settings())
    assert contacted == []
    assert (session.stage, session.failure) == (
        SessionStage.NOT_ATTEMPTED,
        Failure.SPECIAL_PURPOSE_ADDRESS,
    )
    assert session.address == address


@pytest.mark.parametrize("address", SPECIAL.values(), ids=SPECIAL)
async def test_no_policy_is_fetched_there(autojump_clock: MockClock, address: str) -> None:
    contacted, policy = await fetch_from([address], settings())
    assert contacted == []
    assert (policy.stage, policy.failure) == (FetchStage.ADDRESS, Failure.SPECIAL_PURPOSE_ADDRESS)
    assert policy.address is None


async def test_a_policy_is_fetched_from_the_other_addresses_alone(autojump_clock: MockClock) -> None:
    contacted, policy = await fetch_from([*SPECIAL.values(), *NOT_SPECIAL], settings())
    assert contacted == list(NOT_SPECIAL)
    assert (policy.stage, policy.failure) == (FetchStage.CONNECT, Failure.REFUSED)


@pytest.mark.parametrize("address", NOT_SPECIAL)
async def test_other_addresses_are_contacted_in_every_form(autojump_clock: MockClock, address: str) -> None:
    assert (await hold_session(address, settings()))[0] == [address]
    assert (await fetch_from([address], settings()))[0] == [address]


async def test_a_range_that_is_named_opens_itself_and_no_other_form_of_it(autojump_clock: MockClock) -> None:
    everything = list(SPECIAL.values())
    for ranges, opened in (
        (["127.0.0.0/8"], ["127.0.0.1"]),
        (["10.0.0.0/8", "fd00::/8"], ["fd00::25"]),
        (["::ffff:0:0/96"], ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8"]),
        (["2002:a00::/24", "64:ff9b::7f00:0/104"], ["2002:a00:1::1", "64:ff9b::127.0.0.1"]),
    ):
        contacted, _ = await fetch_from(everything, settings(*ranges))
        assert contacted == opened
        for address in everything:
            in_sessions, _ = await hold_session(address, settings(*ranges))
            assert in_sessions == ([address] if address in opened else [])


@given(st.ip_addresses(), st.lists(st.ip_addresses(network="127.0.0.0/8"), max_size=2))
def test_nothing_is_contacted_that_is_special_and_not_named(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, named: list[ipaddress.IPv4Address]
) -> None:
    text = str(address)
    allowed = settings(*(f"{single}/32" for single in named))

    async def visit() -> None:
        wanted = [text] if not is_special_purpose(text) or address in named else []
        assert (await hold_session(text, allowed))[0] == wanted
        assert (await fetch_from([text], allowed))[0] == wanted

    trio.run(visit, clock=MockClock(autojump_threshold=0))

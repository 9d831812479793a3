"""Policy fetches: who opted out is not asked, and a hoster of many policies by few at once."""

from functools import partial
from ipaddress import ip_network

import pytest
import trio
from trio.testing import MockClock

from crawler.lab.script import Octets, Pause
from crawler.opt_out import OptOut
from crawler.outcomes import DnssecStatus, Failure, FetchStage, LookupStatus
from crawler.probes.policy_fetch import ObservedPolicy
from crawler.probes.reach import Connect
from crawler.probes.turns import AddressTurns
from crawler.records import AddressLookup, CnameStep
from tests.probes.peers import Connections, ScriptedPeer, lab_settings
from tests.probes.test_policy_fetch import TLS, FakeResolver, fetch, fetch_by, lookup, response

OPTED_OUT = (FetchStage.ADDRESS, Failure.OPTED_OUT)
NETWORK = OptOut(networks=[ip_network("127.0.0.0/31")])


def alias(target: str, *addresses: str) -> AddressLookup:
    chain = tuple(
        CnameStep(target=name, dnssec_status=DnssecStatus.SECURE) for name in ("a.test", target, "b.test")
    )
    status = LookupStatus.NOERROR if addresses else LookupStatus.NODATA
    return AddressLookup(
        status=status, dnssec_status=DnssecStatus.SECURE, addresses=addresses, cname_chain=chain
    )


@pytest.mark.parametrize("listed", ["mta-sts.peer.test", "peer.test"])
async def test_a_policy_host_that_opted_out_is_not_even_looked_up(
    autojump_clock: MockClock, listed: str
) -> None:
    resolver = FakeResolver()
    seen = await fetch(resolver=resolver, opt_out=OptOut([listed]))
    assert seen.ended == OPTED_OUT
    assert (resolver.names, seen.connections.endpoints) == (set(), [])
    for found in (seen.policy.a, seen.policy.aaaa):
        assert (found.status, found.dnssec_status) == (LookupStatus.OPTED_OUT, DnssecStatus.NOT_ATTEMPTED)
        assert (found.attempts, found.addresses) == (0, ())


@pytest.mark.parametrize(
    ("ipv4", "ipv6"),
    [
        (alias("sts.hoster.test", "127.0.0.1"), lookup("::1")),
        (alias("hoster.test"), lookup()),
        (lookup(status=LookupStatus.TIMEOUT), alias("sts.hoster.test", "::1")),
    ],
)
async def test_an_alias_of_a_host_that_opted_out_is_not_contacted(
    autojump_clock: MockClock, ipv4: AddressLookup, ipv6: AddressLookup
) -> None:
    seen = await fetch(resolver=FakeResolver(ipv4, ipv6), opt_out=OptOut(["hoster.test"]))
    assert seen.ended == OPTED_OUT
    assert seen.connections.endpoints == []
    for found in (seen.policy.a, seen.policy.aaaa):
        assert (found.status, found.dnssec_status) == (LookupStatus.OPTED_OUT, DnssecStatus.NOT_ATTEMPTED)
        assert found.addresses == ()
    assert seen.policy.a.cname_chain == ipv4.cname_chain


async def test_an_address_that_opted_out_is_passed_over_for_the_others(autojump_clock: MockClock) -> None:
    resolver = FakeResolver(lookup("127.0.0.0", "127.0.0.1", "127.0.0.2"), lookup("::1"))
    seen = await fetch(TLS, Octets(), response(), resolver=resolver, opt_out=NETWORK)
    assert seen.ended == (FetchStage.BODY, None)
    assert seen.connections.endpoints == [("127.0.0.2", 443)]
    assert seen.policy.a.addresses == ("127.0.0.0", "127.0.0.1", "127.0.0.2")


async def test_a_policy_host_with_every_address_opted_out_is_not_contacted(
    autojump_clock: MockClock,
) -> None:
    resolver = FakeResolver(lookup("10.0.0.1", "127.0.0.1"), lookup("fe80::1"))
    seen = await fetch(resolver=resolver, opt_out=NETWORK)
    assert seen.ended == OPTED_OUT
    assert (seen.connections.endpoints, seen.policy.address) == ([], None)


async def fetch_many(count: int, connect: Connect, resolver: FakeResolver) -> list[ObservedPolicy]:
    observed = []
    turns = AddressTurns(lab_settings().policy_fetches_per_address)

    async def fetch_one() -> None:
        observed.append(await fetch_by(connect, resolver, turns=turns))

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(fetch_one)
    assert turns.addresses == 0
    return observed


async def test_a_hoster_of_many_policies_is_visited_by_four_at_once(autojump_clock: MockClock) -> None:
    most = 0

    async def connect(address: str, port: int) -> trio.abc.Stream:
        nonlocal most
        stream = await connections.open(address, port)
        most = max(most, sum(not stream.is_closed for stream in connections.streams))
        return stream

    async with trio.open_nursery() as nursery:
        connections = Connections(nursery, ScriptedPeer((TLS, Octets(), Pause(30), response())))
        observed = await fetch_many(20, connect, FakeResolver())
        nursery.cancel_scope.cancel()
    assert most == 4
    assert len(connections.streams) == 20
    # The last ones waited for two minutes, longer than a fetch may take: that was this scanner's doing.
    for policy in (each.policy for each in observed):
        assert (policy.stage, policy.failure) == (FetchStage.BODY, None)
        assert policy.total_seconds == pytest.approx(30)


async def test_a_wait_for_a_turn_neither_counts_for_a_limit_nor_prolongs_it(
    autojump_clock: MockClock,
) -> None:
    async def silent(address: str, port: int) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    start = trio.current_time()
    observed = await fetch_many(5, silent, FakeResolver(lookup("127.0.0.1", "127.0.0.2")))
    ends = [(each.policy.stage, each.policy.failure, each.policy.address) for each in observed]
    assert ends == [(FetchStage.CONNECT, Failure.TIMEOUT, "127.0.0.2")] * 5
    assert [each.policy.total_seconds for each in observed] == [pytest.approx(40)] * 5
    assert trio.current_time() - start == pytest.approx(60)


async def test_who_waits_for_a_turn_can_be_stopped(autojump_clock: MockClock) -> None:
    turns = AddressTurns(1)
    tried = []

    async def silent(address: str, port: int) -> trio.abc.Stream:
        tried.append(address)
        await trio.sleep_forever()
        raise AssertionError

    with trio.move_on_after(1) as scope:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(partial(fetch_by, silent, FakeResolver(), turns=turns))
    assert scope.cancelled_caught
    assert tried == ["127.0.0.1"]
    assert turns.addresses == 0

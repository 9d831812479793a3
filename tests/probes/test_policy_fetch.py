"""The MTA-STS policy fetch against scripted HTTPS servers."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from crawler.lab.script import Action, Close, Endless, Octets, Reset, Silence, Tls, Trickle
from crawler.opt_out import OptOut
from crawler.outcomes import AlertSide, DnssecStatus, Failure, FetchStage, LookupStatus
from crawler.probes.failures import StageFailed
from crawler.probes.policy_fetch import BODY_LIMIT, ObservedPolicy, fetch_policy
from crawler.probes.reach import Connect
from crawler.probes.turns import AddressTurns
from crawler.records import AddressLookup, Alert, StsPolicy
from crawler.settings import Settings
from tests.probes.peers import Connections, ScriptedPeer, issued, lab_settings, server_context

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: *.peer.test\r\nmax_age: 604800\r\n"
TLS = Tls(server_context())


def lookup(*addresses: str, status: LookupStatus | None = None) -> AddressLookup:
    status = status or (LookupStatus.NOERROR if addresses else LookupStatus.NODATA)
    return AddressLookup(status=status, dnssec_status=DnssecStatus.INSECURE, addresses=addresses)


@dataclass
class FakeResolver:
    """Knows the addresses of one host."""

    ipv4: AddressLookup = field(default_factory=lambda: lookup("127.0.0.1"))
    ipv6: AddressLookup = field(default_factory=lookup)
    names: set[str] = field(default_factory=set)

    async def a(self, name: str) -> AddressLookup:
        await trio.lowlevel.checkpoint()
        self.names.add(name)
        return self.ipv4

    async def aaaa(self, name: str) -> AddressLookup:
        await trio.lowlevel.checkpoint()
        self.names.add(name)
        return self.ipv6


async def fetch_by(
    connect: Connect,
    resolver: FakeResolver,
    *,
    settings: Settings | None = None,
    opt_out: OptOut | None = None,
    turns: AddressTurns | None = None,
) -> ObservedPolicy:
    """Fetch the policy of peer.test, with nobody opted out and nobody else there unless said."""
    asked: Any = resolver
    return await fetch_policy(
        "peer.test",
        asked,
        settings or lab_settings(),
        opt_out or OptOut(),
        turns or AddressTurns(1),
        connect=connect,
    )


@dataclass
class Fetch:
    observed: ObservedPolicy
    peer: ScriptedPeer
    connections: Connections

    @property
    def policy(self) -> StsPolicy:
        return self.observed.policy

    @property
    def ended(self) -> tuple[FetchStage, Failure | None]:
        return self.policy.stage, self.policy.failure


async def fetch(
    *script: Action, resolver: FakeResolver | None = None, opt_out: OptOut | None = None, **changes: object
) -> Fetch:
    peer = ScriptedPeer(script)
    async with trio.open_nursery() as nursery:
        connections = Connections(nursery, peer)
        observed = await fetch_by(
            connections.open,
            resolver or FakeResolver(),
            settings=lab_settings(**changes),
            opt_out=opt_out,
        )
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert all(stream.is_closed for stream in connections.streams)
    return Fetch(observed, peer, connections)


def response(status: str = "200 OK", *fields: str, body: bytes = POLICY, length: int | None = None) -> bytes:
    size = f"Content-Length: {len(body) if length is None else length}"
    head = "\r\n".join((f"HTTP/1.1 {status}", *(fields or ("Content-Type: text/plain",)), size))
    return head.encode("latin-1") + b"\r\n\r\n" + body


async def test_a_policy_is_fetched(autojump_clock: MockClock) -> None:
    resolver = FakeResolver()
    seen = await fetch(TLS, Octets(), response(), resolver=resolver)
    policy = seen.policy
    assert seen.ended == (FetchStage.BODY, None)
    assert (policy.domain, policy.policy_host) == ("peer.test", "mta-sts.peer.test")
    assert (policy.http_status, policy.content_type, policy.location) == (200, "text/plain", None)
    assert policy.body == POLICY
    assert policy.address == "127.0.0.1"
    assert policy.tls is not None
    assert policy.tls.version == "TLSv1.3"
    assert seen.observed.certificates == issued("ec").der
    assert None not in (policy.connect_seconds, policy.handshake_seconds)
    assert resolver.names == {"mta-sts.peer.test"}
    assert seen.connections.endpoints == [("127.0.0.1", 443)]
    assert seen.peer.server_names == [b"mta-sts.peer.test"]


async def test_the_request_is_what_rfc_8461_asks_for(autojump_clock: MockClock) -> None:
    seen = await fetch(TLS, response())
    lines = bytes(seen.peer.after_script).split(b"\r\n")
    assert lines[0] == b"GET /.well-known/mta-sts.txt HTTP/1.1"
    fields = {line.split(b": ")[0].lower(): line.split(b": ")[1] for line in lines[1:] if line}
    assert fields[b"host"] == b"mta-sts.peer.test"
    assert fields[b"user-agent"].startswith(b"starttls-survey/")
    assert fields[b"connection"] == b"close"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        CHUNKED + b"4\r\nvers\r\n5\r\nion: \r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nversion: ",
        b"HTTP/1.0 200 OK\r\n\r\nversion: ",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nversion: ",
    ],
)
async def test_every_framing_gives_the_same_body(autojump_clock: MockClock, octets: bytes) -> None:
    for script in ((octets,), (Trickle(octets, 0.1),)):
        seen = await fetch(TLS, Octets(), *script, Close())
        assert seen.ended == (FetchStage.BODY, None)
        assert seen.policy.body == b"version: "


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "308 Permanent Redirect"])
async def test_redirects_are_recorded_and_never_followed(autojump_clock: MockClock, status: str) -> None:
    target = "https://elsewhere.test/caf\xe9"
    seen = await fetch(TLS, Octets(), response(status, f"Location: {target}", "Content-Type: text/html"))
    assert seen.ended == (FetchStage.RESPONSE, None)
    assert seen.policy.http_status == int(status[:3])
    assert seen.policy.location == "https://elsewhere.test/caf\\xE9"
    assert seen.policy.body is None
    assert len(seen.connections.endpoints) == 1


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "503 Later"])
async def test_no_other_status_than_200_has_a_policy(autojump_clock: MockClock, status: str) -> None:
    seen = await fetch(TLS, Octets(), response(status))
    assert seen.ended == (FetchStage.RESPONSE, None)
    assert (seen.policy.http_status, seen.policy.body) == (int(status[:3]), None)


@pytest.mark.parametrize(
    ("size", "failure"), [(BODY_LIMIT, None), (BODY_LIMIT + 1, Failure.REPLY_TOO_LONG), (0, None)]
)
async def test_a_body_of_64_kib_is_read_and_not_an_octet_more(
    autojump_clock: MockClock, size: int, failure: Failure | None
) -> None:
    seen = await fetch(TLS, Octets(), response(body=b"x" * size))
    assert seen.ended == (FetchStage.BODY, failure)
    assert seen.policy.body == (None if failure else b"x" * size)
    assert seen.policy.http_status == 200


HEAD = b"HTTP/1.1 200 OK\r\n"
AT_STAGE = {
    FetchStage.RESPONSE: (TLS, Octets()),
    FetchStage.BODY: (TLS, Octets(), response(length=1000)),
}


@pytest.mark.parametrize("stage", AT_STAGE)
@pytest.mark.parametrize(
    ("action", "failure"),
    [(Close(), Failure.CLOSED), (Reset(), Failure.RESET), (Silence(), Failure.TIMEOUT)],
)
async def test_a_response_that_is_cut_off_is_named_by_how(
    autojump_clock: MockClock, stage: FetchStage, action: Action, failure: Failure
) -> None:
    seen = await fetch(*AT_STAGE[stage], action)
    assert seen.ended == (stage, failure)
    assert seen.policy.body is None
    assert seen.policy.tls is not None


@pytest.mark.parametrize(
    ("action", "failure"),
    [
        (b"220 mx.peer.test ESMTP\r\n\r\n", Failure.MALFORMED_REPLY),
        (b"HTTP/1.1 OK\r\n\r\n", Failure.MALFORMED_REPLY),
        (HEAD + b"Field: " + b"x" * 70_000, Failure.REPLY_TOO_LONG),
        (Endless(b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 4000 + b"\r\n\r\n"), Failure.REPLY_TOO_LONG),
        (HEAD + b"X: y" * 10, Failure.TIMEOUT),
    ],
)
async def test_what_is_no_response_or_too_long_a_one_is_named(
    autojump_clock: MockClock, action: Action, failure: Failure
) -> None:
    seen = await fetch(TLS, Octets(), action, Silence())
    assert seen.ended == (FetchStage.RESPONSE, failure)
    assert seen.policy.http_status is None


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (CHUNKED + b"zz\r\n", Failure.MALFORMED_REPLY),
        (Endless(b"1;" + b"e" * 4000 + b"\r\nx\r\n"), Failure.REPLY_TOO_LONG),
    ],
)
async def test_chunks_do_not_go_on_for_ever(
    autojump_clock: MockClock, body: Action, failure: Failure
) -> None:
    head = () if isinstance(body, bytes) else (CHUNKED,)
    seen = await fetch(TLS, Octets(), *head, body, Silence())
    assert seen.ended == (FetchStage.BODY, failure)


async def test_a_trickle_ends_with_the_limit_of_the_fetch(autojump_clock: MockClock) -> None:
    seen = await fetch(TLS, Octets(), response(length=100_000), Endless(b"x", 1.0))
    assert seen.ended == (FetchStage.BODY, Failure.TIMEOUT)
    assert seen.policy.total_seconds == pytest.approx(60)


@pytest.mark.parametrize(
    ("script", "failure", "alert"),
    [
        ((Octets(), Close()), Failure.CLOSED, None),
        ((Octets(), Silence()), Failure.TIMEOUT, None),
        (
            (Octets(), b"\x15\x03\x03\x00\x02\x02\x70"),
            Failure.TLS_ALERT,
            Alert(side=AlertSide.SERVER, code=112, name="unrecognized_name"),
        ),
    ],
)
async def test_a_handshake_that_fails_keeps_its_reason(
    autojump_clock: MockClock, script: tuple[Action, ...], failure: Failure, alert: Alert | None
) -> None:
    seen = await fetch(*script)
    assert seen.ended == (FetchStage.HANDSHAKE, failure)
    assert seen.policy.tls is not None
    assert seen.policy.tls.alert == alert
    assert (seen.policy.handshake_seconds, seen.policy.http_status) == (None, None)


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "failure"),
    [
        (lookup(), lookup(), Failure.NO_ADDRESS),
        (
            lookup(status=LookupStatus.NXDOMAIN),
            lookup(status=LookupStatus.NXDOMAIN),
            Failure.NO_ADDRESS,
        ),
        (lookup(), lookup(status=LookupStatus.TIMEOUT), Failure.LOOKUP_FAILED),
        (
            lookup(status=LookupStatus.SERVFAIL),
            lookup(status=LookupStatus.SERVFAIL),
            Failure.LOOKUP_FAILED,
        ),
        (lookup("10.0.0.1"), lookup("fe80::1"), Failure.SPECIAL_PURPOSE_ADDRESS),
    ],
)
async def test_without_a_usable_address_nothing_is_contacted(
    autojump_clock: MockClock, ipv4: AddressLookup, ipv6: AddressLookup, failure: Failure
) -> None:
    seen = await fetch(resolver=FakeResolver(ipv4, ipv6))
    assert seen.ended == (FetchStage.ADDRESS, failure)
    assert (seen.policy.a, seen.policy.aaaa, seen.policy.address) == (ipv4, ipv6, None)
    assert seen.connections.endpoints == []
    assert seen.policy.tls is None


async def test_addresses_are_tried_in_order_until_one_connects(autojump_clock: MockClock) -> None:
    resolver = FakeResolver(lookup("10.0.0.1", "127.0.0.1", "127.0.0.2"), lookup("::1"))
    tried: list[str] = []

    async def refuse(address: str, port: int) -> trio.abc.Stream:
        tried.append(address)
        if address == "127.0.0.2":
            await trio.sleep_forever()
        raise StageFailed(Failure.REFUSED, "ECONNREFUSED")

    observed = await fetch_by(refuse, resolver)
    assert tried == ["127.0.0.1", "127.0.0.2", "::1"]
    assert (observed.policy.stage, observed.policy.failure) == (FetchStage.CONNECT, Failure.REFUSED)
    assert observed.policy.address == "::1"
    assert observed.policy.connect_seconds is None


async def test_addresses_that_never_answer_end_with_the_limit_of_the_fetch(autojump_clock: MockClock) -> None:
    resolver = FakeResolver(lookup(*(f"127.0.0.{number}" for number in range(1, 9))))

    async def silent(address: str, port: int) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    observed = await fetch_by(silent, resolver)
    assert (observed.policy.stage, observed.policy.failure) == (FetchStage.CONNECT, Failure.TIMEOUT)
    assert observed.policy.total_seconds == pytest.approx(60)


async def test_cancellation_is_not_an_outcome(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as scope:
        await fetch(Silence())
    assert scope.cancelled_caught


@given(st.binary(max_size=200))
def test_a_policy_host_may_answer_anything(octets: bytes) -> None:
    async def meet() -> None:
        seen = await fetch(TLS, Octets(), octets, Close())
        assert seen.policy.stage in (FetchStage.RESPONSE, FetchStage.BODY)

    trio.run(meet, clock=MockClock(autojump_threshold=0))

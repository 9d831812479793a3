"""The doctor before resolvers that are well, dead, slow, half there, or lying."""

import dataclasses
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
import trio
from trio.testing import MockClock

import crawler.doctor.examination
from crawler.doctor.dnssec_checks import is_trusted, refuses_bogus_answers, validates
from crawler.doctor.examination import RESOLVER_CHECKS, diagnose, examine
from crawler.doctor.rendering import render
from crawler.doctor.resolver_checks import answers_over_udp
from crawler.doctor.subject import Finding, ReferenceNames, State, open_subject
from crawler.probes.dns_exchange import open_exchange
from crawler.probes.resolver import Resolver
from crawler.settings import Settings, SettingsError
from tests.probes.dns_peer import Answer, DnsPeer, Question
from tests.probes.peers import lab_settings

BOGUS, LARGE = "broken.test", "large.test"
NAMES = ReferenceNames(bogus=BOGUS, large=LARGE)

UDP, TCP, TRUSTED, VALIDATES, REFUSES, EXPLAINS, DENIES, PASSES_LARGE = (
    "answers over UDP",
    "answers over TCP",
    "is trusted",
    "validates",
    "refuses bogus answers",
    "explains refusals",
    "denies what does not exist",
    "passes large answers",
)
OK, WARNING, FAILED, UNKNOWN, _ = State

ALL_WELL = dict.fromkeys((UDP, TCP, TRUSTED, VALIDATES, REFUSES, EXPLAINS, DENIES, PASSES_LARGE), OK)
DNSKEY_MISSING = 9


@pytest.fixture
def jumping_clock() -> MockClock:
    """Return a clock that jumps when nothing has arrived for 10 ms: real datagrams need a moment."""
    return MockClock(autojump_threshold=0.01)


# --- resolvers ---


def asked_name(question: Question) -> str:
    return question.message.question[0].name.to_text(omit_final_dot=True)


def non_validating(question: Question) -> dns.message.Message:
    match asked_name(question):
        case ".":
            return question.reply()
        case "broken.test":
            return question.reply(f"{BOGUS}. 60 IN A 192.0.2.1")
        case "large.test":
            texts = [f"{LARGE}. 60 IN TXT {number:0200}" for number in range(8)]
            return question.reply(*texts) if question.over_tcp else question.reply(flags=int(dns.flags.TC))
    return question.reply(rcode=dns.rcode.NXDOMAIN)


def validating(question: Question) -> dns.message.Message:
    if asked_name(question) == BOGUS and not question.checking_disabled:
        return refusal(question, DNSKEY_MISSING)
    reply = non_validating(question)
    reply.flags |= dns.flags.AD
    return reply


def refusal(question: Question, extended_error: int | None) -> dns.message.Message:
    reply = question.reply(rcode=dns.rcode.SERVFAIL)
    if extended_error is not None:
        reply.use_edns(options=[dns.edns.EDEOption(dns.edns.EDECode(extended_error))])
    return reply


def answering_everything(question: Question) -> dns.message.Message:
    name = asked_name(question)
    return non_validating(question) if name == "." else question.reply(f"{name}. 60 IN A 192.0.2.80")


def failing_always(question: Question) -> dns.message.Message:
    return question.reply(rcode=dns.rcode.SERVFAIL)


@dataclasses.dataclass
class SlowPeer(DnsPeer):
    """Takes its time for every datagram."""

    delay_seconds: float = 0.0

    async def serve_udp(self, endpoint: trio.socket.SocketType) -> None:
        while True:
            octets, source = await endpoint.recvfrom(4096)
            await trio.sleep(self.delay_seconds)
            for reply in self.replies(octets, source):
                await endpoint.sendto(reply, source)


async def bound_to_one_port() -> tuple[trio.socket.SocketType, trio.socket.SocketType]:
    """Return a TCP socket that does not listen yet, and a UDP socket, at the same port of loopback."""
    while True:
        listener = trio.socket.socket()
        endpoint = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
        await listener.bind(("127.0.0.1", 0))
        try:
            await endpoint.bind(listener.getsockname())
        except OSError:  # the port is somebody else's over UDP
            listener.close()
            endpoint.close()
        else:
            return listener, endpoint


@asynccontextmanager
async def serving(
    answer: Answer, *, over_tcp: bool = True, delay_seconds: float = 0.0, **changes: Any
) -> AsyncIterator[Settings]:
    """Serve on a port of loopback; give the settings that name it."""
    peer = SlowPeer(answer, delay_seconds=delay_seconds)
    listener, endpoint = await bound_to_one_port()
    with listener, endpoint:
        async with trio.open_nursery() as nursery:
            if over_tcp:
                listener.listen()
                nursery.start_soon(trio.serve_listeners, peer.serve_tcp, [trio.SocketListener(listener)])
            nursery.start_soon(peer.serve_udp, endpoint)
            # A limit that no busy machine reaches: time is part of what is found.
            limit = {"dns_timeout_seconds": 30.0}
            resolver = f"127.0.0.1:{endpoint.getsockname()[1]}"
            yield lab_settings(**(limit | {"resolver": resolver} | changes))
            nursery.cancel_scope.cancel()


def states(findings: list[Finding]) -> dict[str, State]:
    return {finding.name: finding.state for finding in findings}


def named(findings: list[Finding], name: str) -> Finding:
    (found,) = (finding for finding in findings if finding.name == name)
    return found


async def examined(answer: Answer, names: ReferenceNames = NAMES, **changes: Any) -> list[Finding]:
    async with serving(answer, **changes) as settings:
        return await examine(settings, names, checks=RESOLVER_CHECKS)


# --- whole examinations ---


async def test_a_validating_resolver_passes_every_check() -> None:
    findings = await examined(validating)
    assert states(findings) == ALL_WELL
    assert len(findings) == len(RESOLVER_CHECKS)
    assert all(finding.remedy is None for finding in findings)
    assert named(findings, EXPLAINS).detail == "extended error 9, dnskey missing"
    assert named(findings, PASSES_LARGE).detail == "large.test: 1,600 octets of TXT"


async def test_a_resolver_that_does_not_validate_is_found_out_twice() -> None:
    findings = await examined(non_validating)
    assert states(findings) == ALL_WELL | {VALIDATES: FAILED, REFUSES: FAILED, EXPLAINS: UNKNOWN}
    assert "no AD for the root" in named(findings, VALIDATES).detail


async def test_a_resolver_that_answers_for_every_name_is_a_liar() -> None:
    findings = await examined(answering_everything)
    assert states(findings)[DENIES] is FAILED
    assert named(findings, DENIES).detail.startswith("5 of 5 random names exist to it, such as ")
    assert named(findings, DENIES).detail.endswith(".com: 192.0.2.80")


async def test_a_resolver_without_tcp_fails_there_and_with_large_answers() -> None:
    findings = await examined(validating, over_tcp=False)
    assert states(findings) == ALL_WELL | {TCP: FAILED, PASSES_LARGE: FAILED}
    assert "the connection was refused" in named(findings, TCP).detail


async def test_of_a_silent_resolver_nothing_more_can_be_told(jumping_clock: MockClock) -> None:
    findings = await examined(lambda _: None, over_tcp=False)
    assert states(findings) == {
        UDP: FAILED,
        TCP: FAILED,
        TRUSTED: OK,
        VALIDATES: UNKNOWN,
        REFUSES: UNKNOWN,
        EXPLAINS: UNKNOWN,
        DENIES: UNKNOWN,
        PASSES_LARGE: UNKNOWN,
    }
    assert "no reply within the time limit" in named(findings, UDP).detail


async def test_where_nobody_listens_the_remedy_is_to_start_one(jumping_clock: MockClock) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as once:
        once.bind(("127.0.0.1", 0))
        port = once.getsockname()[1]
    finding, *_ = await examine(lab_settings(resolver=f"127.0.0.1:{port}"), NAMES)
    assert finding.state is FAILED
    assert "refused or could not be reached" in finding.detail
    assert finding.remedy is not None
    assert "make resolver" in finding.remedy


async def test_an_address_without_a_way_to_it_is_one_finding() -> None:
    # Connecting to the broadcast address is refused by this machine itself, before anything is sent.
    (finding,) = await examine(lab_settings(resolver="255.255.255.255:53"), NAMES)
    assert (finding.name, finding.state) == (UDP, FAILED)
    assert "EACCES" in finding.detail


async def test_a_resolver_that_fails_on_everything_answers_but_is_not_well() -> None:
    findings = await examined(failing_always)
    assert states(findings) == {
        UDP: FAILED,
        TCP: OK,
        TRUSTED: OK,
        VALIDATES: UNKNOWN,
        REFUSES: UNKNOWN,
        EXPLAINS: UNKNOWN,
        DENIES: UNKNOWN,
        PASSES_LARGE: FAILED,
    }
    assert "trust anchor" in (named(findings, UDP).remedy or "")


async def test_a_slow_resolver_is_a_warning(jumping_clock: MockClock) -> None:
    async with (
        serving(validating, delay_seconds=1, dns_timeout_seconds=3) as settings,
        open_subject(settings, NAMES) as subject,
    ):
        finding = await answers_over_udp(subject)
    assert finding.state is WARNING
    assert finding.detail.endswith("slow, with a limit of 3 s")


async def test_a_lost_question_is_a_warning(jumping_clock: MockClock) -> None:
    lost: set[str] = set()

    def losing_each_once(question: Question) -> dns.message.Message | None:
        key = str(question.message.question[0])
        if key in lost or question.over_tcp:
            return validating(question)
        lost.add(key)
        return None

    async with serving(losing_each_once) as settings, open_subject(settings, NAMES) as subject:
        finding = await answers_over_udp(subject)
    assert finding.state is WARNING
    assert finding.detail.endswith("at attempt 2")


# --- single checks ---


async def test_nothing_is_believed_of_a_stranger_though_it_validates() -> None:
    async with serving(validating) as settings, open_subject(settings, NAMES) as subject:
        port = int(settings.resolver.rpartition(":")[2])
        async with open_exchange("127.0.0.1", port, timeout_seconds=5, attempts=1) as exchange:
            stranger = dataclasses.replace(subject, resolver=Resolver(exchange, is_trusted=False))
            trust = await is_trusted(stranger)
            assert (await validates(stranger)).state is OK
            assert (await refuses_bogus_answers(stranger)).state is OK
    assert trust.state is WARNING
    assert "`unvalidated`" in trust.detail
    assert "trusted_resolvers" in (trust.remedy or "")


async def test_a_root_that_is_bogus_points_to_clock_and_trust_anchor() -> None:
    def outdated(question: Question) -> dns.message.Message:
        return validating(question) if question.checking_disabled else refusal(question, DNSKEY_MISSING)

    findings = await examined(outdated)
    finding = named(findings, VALIDATES)
    assert finding.state is FAILED
    assert "bogus to it (extended error 9, dnskey missing)" in finding.detail
    assert "clock" in (finding.remedy or "")


async def test_refusals_without_a_reason_are_a_warning() -> None:
    def taciturn(question: Question) -> dns.message.Message:
        reply = validating(question)
        return refusal(question, None) if reply.rcode() == dns.rcode.SERVFAIL else reply

    assert states(await examined(taciturn)) == ALL_WELL | {EXPLAINS: WARNING}


@pytest.mark.parametrize("rcode", [dns.rcode.NXDOMAIN, dns.rcode.NOERROR, dns.rcode.REFUSED])
async def test_a_broken_name_that_is_gone_or_mended_tells_nothing(rcode: dns.rcode.Rcode) -> None:
    def without_the_broken_name(question: Question) -> dns.message.Message:
        if asked_name(question) == BOGUS:
            return question.reply(rcode=rcode, flags=int(dns.flags.AD))
        return validating(question)

    findings = await examined(without_the_broken_name)
    assert states(findings) == ALL_WELL | {REFUSES: UNKNOWN, EXPLAINS: UNKNOWN}
    assert "--bogus-name" in (named(findings, REFUSES).remedy or "")


async def test_a_lie_about_names_in_www_alone_is_seen() -> None:
    def selling_www(question: Question) -> dns.message.Message:
        name = asked_name(question)
        return (
            question.reply(f"{name}. 9 IN A 192.0.2.80") if name.startswith("www.") else validating(question)
        )

    findings = await examined(selling_www)
    assert states(findings) == ALL_WELL | {DENIES: FAILED}
    assert "1 of 5" in named(findings, DENIES).detail


async def test_a_name_that_exists_without_addresses_is_a_lie_too() -> None:
    def empty(question: Question) -> dns.message.Message:
        reply = validating(question)
        return question.reply() if reply.rcode() == dns.rcode.NXDOMAIN else reply

    assert states(await examined(empty)) == ALL_WELL | {DENIES: FAILED}


async def test_denials_that_do_not_come_are_no_lies() -> None:
    def refusing_invalid(question: Question) -> dns.message.Message:
        if asked_name(question).endswith(".invalid"):
            return question.reply(rcode=dns.rcode.REFUSED)
        return validating(question)

    findings = await examined(refusing_invalid)
    assert states(findings) == ALL_WELL | {DENIES: UNKNOWN}
    assert "1 of 5" in named(findings, DENIES).detail


async def test_random_names_are_new_at_each_examination() -> None:
    asked: list[str] = []

    def noting(question: Question) -> dns.message.Message:
        if validating(question).rcode() == dns.rcode.NXDOMAIN:
            asked.append(asked_name(question))
        return validating(question)

    for _ in range(2):
        await examined(noting)
    assert len(asked) == len(set(asked)) == 10
    assert {name.rpartition(".")[2] for name in asked} == {"com", "org", "de", "invalid"}


async def test_large_answers_are_checked_only_for_a_name_that_has_them() -> None:
    unasked = await examined(validating, names=ReferenceNames(bogus=BOGUS))
    assert PASSES_LARGE not in states(unasked)
    small = await examined(validating, names=ReferenceNames(bogus=BOGUS, large="small.test"))
    assert named(small, PASSES_LARGE).state is UNKNOWN


# --- around the checks ---


@pytest.mark.parametrize("name", ["", "a..b", "ends.in.a.dot.", "x" * 64 + ".test", "bücher.test"])
def test_a_reference_name_that_cannot_be_asked_for_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match="is no domain name"):
        ReferenceNames(bogus=name)


def test_without_a_resolver_given_the_systems_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawler.doctor.examination, "system_resolver", lambda: "255.255.255.255:53")
    (finding,) = diagnose(lab_settings(), NAMES)
    assert finding.detail.startswith("255.255.255.255:53: ")


def test_a_finding_has_a_remedy_exactly_if_something_is_wrong() -> None:
    with pytest.raises(AssertionError):
        Finding("is well", State.OK, "yes", "nothing")
    with pytest.raises(AssertionError):
        Finding("is well", State.FAILED, "no")
    with pytest.raises(AssertionError):
        Finding("is well", State.SKIPPED, "not asked", "ask")


def test_a_finding_is_one_line_and_one_more_for_what_to_do() -> None:
    lines = render(
        [
            Finding("answers over UDP", OK, "127.0.0.1:53, in 2 ms"),
            Finding("answers over TCP", FAILED, "the connection was [refused]", "let it through"),
        ]
    )
    assert [line.plain for line in lines] == [
        "ok       answers over UDP: 127.0.0.1:53, in 2 ms",
        "failed   answers over TCP: the connection was [refused]",
        "         to do: let it through",
    ]


def test_every_state_has_a_colour_of_its_own() -> None:
    findings = [Finding("x", state, "y", "z" if state.needs_remedy else None) for state in State]
    styles = {str(line.spans[0].style) for line in render(findings) if line.spans}
    assert len(styles) == len(State)

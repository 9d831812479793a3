"""Lookups against a resolver that loses, lies, truncates and refuses."""

import contextlib
import socket
from collections.abc import Callable, Mapping

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from crawler.outcomes import DnssecStatus, LookupStatus, UnusableExchange
from crawler.probes.resolver import Resolver, open_resolver
from crawler.protocol.dns_wire import QueryType, decode_reply
from crawler.records import AddressLookup, Lookup, MxRecord, TlsaRecord
from tests.probes.dns_peer import Answer, DnsPeer, Question, resolver_with
from tests.probes.peers import lab_settings

DOMAIN = "peer.test"
MX = f"{DOMAIN}. 300 IN MX 10 mx.{DOMAIN}."


@pytest.fixture
def jumping_clock() -> MockClock:
    """Return a clock that jumps when nothing has arrived for 10 ms: real datagrams need a moment."""
    return MockClock(autojump_threshold=0.01)


@pytest.fixture(params=["alone", "together"], autouse=True)
def way_of_asking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test twice: whoever was asked together with others first comes to the same lookup."""
    look_up = Resolver._look_up

    async def ask_together_first(resolver: Resolver, name: str, query_type: QueryType) -> Lookup:
        key = (name.lower(), query_type)
        if key not in resolver._in_flight and resolver._kept.get(key) is None:
            lookups = await resolver.look_up_together([name.lower()], query_type)
            resolver.expect(lookups, np.array([True]))
        return await look_up(resolver, name, query_type)

    if request.param == "together":
        monkeypatch.setattr(Resolver, "_look_up", ask_together_first)
    way: str = request.param
    return way


ALONE = pytest.mark.parametrize("way_of_asking", ["alone"], indirect=True)
"""For tests of what names asked together cannot have: they are distinct."""


def steps(lookup: Lookup) -> list[tuple[str, DnssecStatus]]:
    return [(step.target, step.dnssec_status) for step in lookup.cname_chain]


def targets(lookup: Lookup) -> list[str]:
    return [step.target for step in lookup.cname_chain]


def answer_mx(question: Question) -> dns.message.Message:
    return question.reply(MX)


async def test_mx_records_come_in_order_and_odd_ones_are_marked(jumping_clock: MockClock) -> None:
    def answer(question: Question) -> dns.message.Message:
        return question.reply(
            f"{DOMAIN}. 300 IN MX 20 B.{DOMAIN}.",
            f"{DOMAIN}. 300 IN MX 20 a.{DOMAIN}.",
            f"{DOMAIN}. 300 IN MX 5 .",
        )

    async with resolver_with(answer) as (resolver, _):
        lookup = await resolver.mx(DOMAIN)
    assert lookup.status is LookupStatus.NOERROR
    assert lookup.records == (
        MxRecord(preference=5, exchange=".", unusable=UnusableExchange.ROOT),
        MxRecord(preference=20, exchange=f"a.{DOMAIN}"),
        MxRecord(preference=20, exchange=f"b.{DOMAIN}"),
    )
    assert (lookup.attempts, lookup.cname_chain, lookup.extended_error) == (1, (), None)


async def test_every_type_is_read_into_its_record(jumping_clock: MockClock) -> None:
    data = {
        "A": ["192.0.2.9", "192.0.2.10"],
        "AAAA": ["2001:db8::1"],
        "TXT": ['"v=STS" "v1; id=1" "\\195\\169"'],
        "TLSA": ["3 1 0 AB12", "2 0 0 00FF"],
    }

    def answer(question: Question) -> dns.message.Message:
        asked = question.message.question[0]
        kind = asked.rdtype.name
        return question.reply(*(f"{asked.name} 60 IN {kind} {text}" for text in data[kind]))

    async with resolver_with(answer) as (resolver, peer):
        assert (await resolver.a("mx.peer.test")).addresses == ("192.0.2.10", "192.0.2.9")
        assert (await resolver.aaaa("mx.peer.test")).addresses == ("2001:db8::1",)
        assert (await resolver.txt("_mta-sts.peer.test")).texts == ("v=STSv1; id=1\\xC3\\xA9",)
        assert (await resolver.tlsa("mx.peer.test", 25)).records == (
            TlsaRecord(usage=2, selector=0, matching_type=0, association_data="00ff"),
            TlsaRecord(usage=3, selector=1, matching_type=0, association_data="ab12"),
        )
    assert peer.questions[-1].message.question[0].name.to_text() == "_25._tcp.mx.peer.test."


async def test_a_lost_reply_is_asked_for_again_with_another_id_and_port(jumping_clock: MockClock) -> None:
    async with resolver_with(lambda q: answer_mx(q) if q.number == 3 else None) as (resolver, peer):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.attempts) == (LookupStatus.NOERROR, 3)
    assert lookup.elapsed_seconds == pytest.approx(6, abs=0.5)
    assert len({question.source for question in peer.questions}) == 3
    assert len({question.message.id for question in peer.questions}) > 1


async def test_silence_is_a_timeout_after_all_attempts(jumping_clock: MockClock) -> None:
    async with resolver_with(lambda _: None) as (resolver, peer):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.dnssec_status) == (LookupStatus.TIMEOUT, DnssecStatus.INDETERMINATE)
    assert (lookup.attempts, len(peer.questions)) == (3, 3)
    assert lookup.elapsed_seconds == pytest.approx(9, abs=0.5)


async def test_a_late_reply_to_an_earlier_attempt_counts(jumping_clock: MockClock) -> None:
    late: list[bytes] = []

    async with trio.open_nursery() as nursery:
        endpoint = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
        with endpoint:
            await endpoint.bind(("127.0.0.1", 0))

            async def answer_the_first_at_the_second() -> None:
                first, source = await endpoint.recvfrom(4096)
                await endpoint.recvfrom(4096)
                reply = Question(dns.message.from_wire(first), 1, source).reply(MX)
                await endpoint.sendto(reply.to_wire(), source)
                late.append(first)

            nursery.start_soon(answer_the_first_at_the_second)
            port = endpoint.getsockname()[1]
            async with open_resolver(lab_settings(resolver=f"127.0.0.1:{port}")) as resolver:
                lookup = await resolver.mx(DOMAIN)
    assert late
    assert (lookup.status, lookup.attempts) == (LookupStatus.NOERROR, 2)


def with_another_id(question: Question) -> bytes:
    octets = bytearray(answer_mx(question).to_wire())
    octets[0] ^= 0xFF
    return bytes(octets)


def with_another_question(question: Question) -> bytes:
    query = dns.message.make_query("other.test", "MX")
    query.id = question.message.id
    return Question(query, 1, None).reply("other.test. 300 IN MX 10 evil.test.").to_wire()


def with_another_type(question: Question) -> bytes:
    query = dns.message.make_query(DOMAIN, "TXT")
    query.id = question.message.id
    return Question(query, 1, None).reply().to_wire()


def the_query_itself(question: Question) -> bytes:
    return question.message.to_wire()


def without_question(question: Question) -> bytes:
    message = answer_mx(question)
    message.question.clear()
    return message.to_wire()


def garbage(question: Question) -> bytes:
    return question.message.id.to_bytes(2, "big") + b"\xff" * 30


IGNORED = [
    with_another_id,
    with_another_question,
    with_another_type,
    the_query_itself,
    without_question,
    garbage,
    lambda _: b"",
    lambda _: b"\x00",
]


@pytest.mark.parametrize("forge", IGNORED)
async def test_what_does_not_answer_the_question_is_passed_over(
    jumping_clock: MockClock, forge: Callable[[Question], bytes]
) -> None:
    async with resolver_with(lambda q: [forge(q), answer_mx(q).to_wire()]) as (resolver, _):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.attempts) == (LookupStatus.NOERROR, 1)
    assert [record.exchange for record in lookup.records] == [f"mx.{DOMAIN}"]


@pytest.mark.parametrize(
    ("attempts", "replies", "ended"),
    [
        (1, "malformed", (LookupStatus.MALFORMED, 1)),
        (1, "malformed answer", (LookupStatus.MALFORMED, 1)),
        (2, "none malformed answer", (LookupStatus.MALFORMED, 2)),
        (3, "none none malformed answer", (LookupStatus.MALFORMED, 3)),
        (3, "none malformed answer", (LookupStatus.NOERROR, 3)),
        (3, "malformed malformed malformed", (LookupStatus.MALFORMED, 3)),
    ],
)
async def test_a_reply_cut_short_is_an_attempt_like_one_without_reply(
    jumping_clock: MockClock, attempts: int, replies: str, ended: tuple[LookupStatus, int]
) -> None:
    def answer(question: Question) -> bytes | None:
        octets = answer_mx(question).to_wire()
        return {"none": None, "malformed": octets[:-14], "answer": octets}[
            replies.split()[question.number - 1]
        ]

    async with resolver_with(answer, dns_attempts=attempts) as (resolver, _):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.attempts) == ended


async def test_nothing_but_garbage_is_malformed(jumping_clock: MockClock) -> None:
    async with resolver_with(garbage) as (resolver, _):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.attempts) == (LookupStatus.MALFORMED, 3)


async def test_a_reply_from_another_port_is_not_heard(jumping_clock: MockClock) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
        forger.bind(("127.0.0.1", 0))

        def answer(question: Question) -> None:
            forger.sendto(question.reply(f"{DOMAIN}. 300 IN MX 1 evil.test.").to_wire(), question.source)

        async with resolver_with(answer) as (resolver, _):
            lookup = await resolver.mx(DOMAIN)
    assert lookup.status is LookupStatus.TIMEOUT


async def test_a_resolver_that_is_not_there_is_unreachable_without_spinning(jumping_clock: MockClock) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    async with open_resolver(lab_settings(resolver=f"127.0.0.1:{port}")) as resolver:
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.dnssec_status) == (LookupStatus.UNREACHABLE, DnssecStatus.INDETERMINATE)
    assert lookup.attempts == 3
    assert lookup.elapsed_seconds == pytest.approx(9, abs=0.5)


def truncated(question: Question) -> dns.message.Message:
    return question.reply(flags=dns.flags.TC)


async def test_a_truncated_reply_is_asked_for_again_over_tcp(jumping_clock: MockClock) -> None:
    records = [f"{DOMAIN}. 300 IN TXT {'x' * 200}{number}" for number in range(20)]

    def answer(question: Question) -> dns.message.Message:
        return question.reply(*records) if question.over_tcp else truncated(question)

    async with resolver_with(answer) as (resolver, peer):
        lookup = await resolver.txt(DOMAIN)
    assert (lookup.status, lookup.attempts, len(lookup.texts)) == (LookupStatus.NOERROR, 2, 20)
    assert [question.over_tcp for question in peer.questions] == [False, True]


def over_tcp(reply: Answer) -> Answer:
    return lambda question: reply(question) if question.over_tcp else truncated(question)


@pytest.mark.parametrize(
    "reply", [truncated, with_another_id, with_another_question, garbage, lambda _: b"", lambda _: None]
)
async def test_truncation_without_a_whole_reply_over_tcp_is_truncated(
    jumping_clock: MockClock, reply: Answer
) -> None:
    async with resolver_with(over_tcp(reply)) as (resolver, _):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.dnssec_status) == (LookupStatus.TRUNCATED, DnssecStatus.INDETERMINATE)
    assert lookup.attempts == 4
    assert lookup.records == ()


@pytest.mark.parametrize(
    ("rcode", "status"),
    [
        (dns.rcode.NOERROR, LookupStatus.NODATA),
        (dns.rcode.NXDOMAIN, LookupStatus.NXDOMAIN),
    ],
)
@pytest.mark.parametrize(
    ("flags", "security"), [(dns.flags.AD, DnssecStatus.SECURE), (0, DnssecStatus.INSECURE)]
)
async def test_a_denial_has_the_security_that_the_ad_bit_says(
    jumping_clock: MockClock, rcode: dns.rcode.Rcode, status: LookupStatus, flags: int, security: DnssecStatus
) -> None:
    async with resolver_with(lambda q: q.reply(rcode=rcode, flags=flags)) as (resolver, peer):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.dnssec_status, lookup.records) == (status, security, ())
    sent = peer.questions[0].message.flags
    assert sent & dns.flags.AD
    assert not sent & dns.flags.CD


@pytest.mark.parametrize(
    ("rcode", "status"),
    [
        (dns.rcode.REFUSED, LookupStatus.REFUSED),
        (dns.rcode.FORMERR, LookupStatus.FORMERR),
        (dns.rcode.NOTIMP, LookupStatus.NOTIMP),
        (dns.rcode.NOTAUTH, LookupStatus.OTHER_RCODE),
    ],
)
async def test_failures_of_the_lookup_keep_their_own_words(
    jumping_clock: MockClock, rcode: dns.rcode.Rcode, status: LookupStatus
) -> None:
    async with resolver_with(lambda q: q.reply(rcode=rcode, flags=dns.flags.AD)) as (resolver, _):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.dnssec_status) == (status, DnssecStatus.INDETERMINATE)
    assert lookup.attempts == 1


async def test_a_refusal_may_come_without_the_question(jumping_clock: MockClock) -> None:
    def answer(question: Question) -> dns.message.Message:
        message = question.reply(rcode=dns.rcode.FORMERR)
        message.question.clear()
        return message

    async with resolver_with(answer) as (resolver, _):
        assert (await resolver.mx(DOMAIN)).status is LookupStatus.FORMERR


def servfail(question: Question, extended_error: int | None = None) -> dns.message.Message:
    message = question.reply(rcode=dns.rcode.SERVFAIL)
    if extended_error is not None:
        message.use_edns(options=[dns.edns.EDEOption(dns.edns.EDECode(extended_error))])
    return message


@pytest.mark.parametrize("second", [MX, None])
async def test_servfail_that_turns_into_an_answer_without_checking_is_bogus(
    jumping_clock: MockClock, second: str | None
) -> None:
    def answer(question: Question) -> dns.message.Message:
        if question.checking_disabled:
            return question.reply(*[second] if second else [])
        return servfail(question, 7)

    async with resolver_with(answer) as (resolver, peer):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.dnssec_status) == (LookupStatus.SERVFAIL, DnssecStatus.BOGUS)
    assert (lookup.extended_error, lookup.records, lookup.attempts) == (7, (), 3)
    assert [question.checking_disabled for question in peer.questions] == [False, True, False]


@pytest.mark.parametrize(
    ("flags", "security"), [(dns.flags.AD, DnssecStatus.SECURE), (0, DnssecStatus.INSECURE)]
)
async def test_servfail_for_a_moment_is_not_bogus(
    jumping_clock: MockClock, flags: int, security: DnssecStatus
) -> None:
    async with resolver_with(lambda q: servfail(q, 22) if q.number == 1 else q.reply(MX, flags=flags)) as (
        resolver,
        peer,
    ):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.dnssec_status) == (LookupStatus.NOERROR, security)
    assert (lookup.extended_error, len(lookup.records), lookup.attempts) == (None, 1, 3)
    assert [question.checking_disabled for question in peer.questions] == [False, True, False]


async def test_a_third_look_that_fails_in_another_way_leaves_it_open_whether_servfail_was_bogus(
    jumping_clock: MockClock,
) -> None:
    third = [dns.rcode.SERVFAIL, dns.rcode.NOERROR, dns.rcode.REFUSED]
    async with resolver_with(lambda q: q.reply(rcode=third[q.number - 1])) as (resolver, _):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.dnssec_status) == (LookupStatus.SERVFAIL, DnssecStatus.INDETERMINATE)
    assert lookup.attempts == 3


async def test_servfail_without_checking_too_is_a_failed_lookup_and_not_bogus(
    jumping_clock: MockClock,
) -> None:
    async with resolver_with(servfail) as (resolver, peer):
        lookup = await resolver.tlsa("mx.peer.test", 25)
    assert (lookup.status, lookup.dnssec_status) == (LookupStatus.SERVFAIL, DnssecStatus.INDETERMINATE)
    assert [question.checking_disabled for question in peer.questions] == [False, True, False]


async def test_an_untrusted_resolver_is_believed_in_nothing_about_security(jumping_clock: MockClock) -> None:
    async with resolver_with(lambda q: q.reply(MX, flags=dns.flags.AD)) as (resolver, peer):
        resolver._is_trusted = False
        assert (await resolver.mx(DOMAIN)).dnssec_status is DnssecStatus.UNVALIDATED
        peer.answer = servfail
        lookup = await resolver.mx("other.test")
    assert (lookup.status, lookup.dnssec_status) == (LookupStatus.SERVFAIL, DnssecStatus.UNVALIDATED)
    assert len(peer.questions) == 2


@pytest.mark.parametrize(
    ("address", "trusted", "is_trusted"),
    [
        ("127.0.0.53:53", (), True),
        ("[::1]:53", (), True),
        ("192.0.2.1:53", (), False),
        ("192.0.2.1:53", ("192.0.2.1",), True),
        ("[2001:db8::1]:53", ("2001:0db8::0001",), True),
    ],
)
async def test_loopback_and_named_resolvers_are_trusted(
    address: str, trusted: tuple[str, ...], is_trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "crawler.probes.dns_exchange.connected", lambda *_: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    )
    async with open_resolver(lab_settings(resolver=address, trusted_resolvers=trusted)) as resolver:
        assert resolver._is_trusted is is_trusted


async def test_aliases_are_followed_and_kept(jumping_clock: MockClock) -> None:
    def answer(question: Question) -> dns.message.Message:
        return question.reply(
            "mx.peer.test. 300 IN CNAME host.peer.test.", "host.peer.test. 300 IN A 192.0.2.1"
        )

    async with resolver_with(answer) as (resolver, _):
        lookup = await resolver.a("mx.peer.test")
    assert (lookup.addresses, targets(lookup)) == (("192.0.2.1",), ["host.peer.test"])


@pytest.mark.parametrize(
    ("rcode", "status"),
    [(dns.rcode.NOERROR, LookupStatus.NODATA), (dns.rcode.NXDOMAIN, LookupStatus.NXDOMAIN)],
)
async def test_an_alias_to_nothing_keeps_its_chain(
    jumping_clock: MockClock, rcode: dns.rcode.Rcode, status: LookupStatus
) -> None:
    alias = "mx.peer.test. 300 IN CNAME gone.peer.test."
    async with resolver_with(lambda q: q.reply(alias, rcode=rcode)) as (resolver, _):
        lookup = await resolver.a("mx.peer.test")
    assert (lookup.status, targets(lookup), lookup.addresses) == (status, ["gone.peer.test"], ())


STEPS = {"a.test.": "b.test.", "b.test.": "c.test.", "c.test.": "d.test."}


def chain_with(flags: int = 0, alone: Mapping[str, Answer] | None = None) -> Answer:
    """Answer A questions with a chain of three steps, and CNAME questions as is said for each label."""

    def answer(question: Question) -> "bytes | dns.message.Message | list[bytes] | None":
        asked = question.message.question[0]
        owner = asked.name.to_text()
        if asked.rdtype == dns.rdatatype.CNAME:
            assert alone is not None
            return alone[owner.partition(".")[0]](question)
        chain = [f"{alias} 300 IN CNAME {target}" for alias, target in STEPS.items()]
        return question.reply(*chain, "d.test. 300 IN A 192.0.2.1", flags=flags)

    return answer


def step_with(flags: int = 0, target: str | None = None) -> Answer:
    def answer(question: Question) -> dns.message.Message:
        owner = question.message.question[0].name.to_text()
        return question.reply(f"{owner} 300 IN CNAME {target or STEPS[owner]}", flags=flags)

    return answer


async def test_a_chain_that_is_secure_as_a_whole_is_secure_in_each_step(jumping_clock: MockClock) -> None:
    async with resolver_with(chain_with(dns.flags.AD)) as (resolver, peer):
        lookup = await resolver.a("a.test")
    assert lookup.dnssec_status is DnssecStatus.SECURE
    assert steps(lookup) == [(f"{name}.test", DnssecStatus.SECURE) for name in "bcd"]
    assert len(peer.questions) == lookup.attempts == 1


async def test_each_step_of_an_insecure_chain_is_asked_for_by_itself_once(jumping_clock: MockClock) -> None:
    alone = {"a": step_with(dns.flags.AD), "b": step_with(), "c": step_with(dns.flags.AD)}
    async with resolver_with(chain_with(alone=alone)) as (resolver, peer):
        lookup = await resolver.a("a.test")
        assert steps(await resolver.aaaa("a.test")) == steps(lookup)
    secure, insecure = DnssecStatus.SECURE, DnssecStatus.INSECURE
    assert lookup.dnssec_status is insecure
    assert steps(lookup) == [("b.test", secure), ("c.test", insecure), ("d.test", secure)]
    assert len(peer.questions) == 5
    assert lookup.attempts == 1


async def test_a_step_that_cannot_be_looked_at_says_why(jumping_clock: MockClock) -> None:
    def bogus(question: Question) -> "bytes | dns.message.Message | list[bytes] | None":
        return step_with()(question) if question.checking_disabled else servfail(question)

    alone = {"a": bogus, "b": servfail, "c": step_with(dns.flags.AD, target="elsewhere.test.")}
    async with resolver_with(chain_with(alone=alone)) as (resolver, _):
        lookup = await resolver.a("a.test")
    expected = [DnssecStatus.BOGUS, DnssecStatus.INDETERMINATE, DnssecStatus.INDETERMINATE]
    assert [status for _, status in steps(lookup)] == expected


async def test_an_untrusted_resolver_is_not_asked_about_steps(jumping_clock: MockClock) -> None:
    async with resolver_with(chain_with(dns.flags.AD)) as (resolver, peer):
        resolver._is_trusted = False
        lookup = await resolver.a("a.test")
    assert {status for _, status in steps(lookup)} == {DnssecStatus.UNVALIDATED}
    assert len(peer.questions) == 1


async def test_aliases_in_a_circle_are_malformed(jumping_clock: MockClock) -> None:
    circle = ("a.peer.test. 300 IN CNAME b.peer.test.", "b.peer.test. 300 IN CNAME a.peer.test.")
    async with resolver_with(lambda q: q.reply(*circle)) as (resolver, _):
        lookup = await resolver.a("a.peer.test")
    assert (lookup.status, lookup.attempts) == (LookupStatus.MALFORMED, 1)


async def test_a_name_that_cannot_be_asked_is_an_outcome_and_not_an_error(jumping_clock: MockClock) -> None:
    async with resolver_with(answer_mx) as (resolver, peer):
        lookup = await resolver.txt("_mta-sts." + ".".join(["x" * 60] * 4) + ".test")
    assert (lookup.status, lookup.attempts) == (LookupStatus.NAME_TOO_LONG, 0)
    assert peer.questions == []


@ALONE
async def test_the_same_question_under_way_is_asked_once(jumping_clock: MockClock) -> None:
    answers: list[object] = []
    async with resolver_with(lambda q: answer_mx(q) if q.number > 1 else None) as (resolver, peer):

        async def ask() -> None:
            answers.append(await resolver.mx(DOMAIN))

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(ask)
    assert len(peer.questions) == 2  # one, and the repetition for all
    assert len(answers) == 10
    assert all(answer is answers[0] for answer in answers)


@ALONE
async def test_whoever_waits_takes_over_when_the_asker_is_cancelled(jumping_clock: MockClock) -> None:
    asker = trio.CancelScope()

    async def ask_and_give_up() -> None:
        with asker:
            await resolver.mx(DOMAIN)

    async def give_up() -> None:
        await trio.sleep(1)
        asker.cancel()

    async with (
        resolver_with(lambda q: answer_mx(q) if q.number > 1 else None) as (resolver, peer),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(ask_and_give_up)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(give_up)
        lookup = await resolver.mx(DOMAIN)
    assert asker.cancelled_caught
    assert (lookup.status, lookup.attempts) == (LookupStatus.NOERROR, 1)
    assert len(peer.questions) == 2


async def test_an_answer_is_kept_as_long_as_its_ttl(jumping_clock: MockClock) -> None:
    async with resolver_with(lambda q: q.reply(MX.replace("300", "30"))) as (resolver, peer):
        first = await resolver.mx(DOMAIN)
        await trio.sleep(29)
        assert await resolver.mx(DOMAIN.upper()) is first
        await trio.sleep(2)
        assert await resolver.mx(DOMAIN) is not first
    assert len(peer.questions) == 2


async def test_failures_and_answers_without_ttl_are_not_kept(jumping_clock: MockClock) -> None:
    async with resolver_with(lambda q: q.reply(rcode=dns.rcode.REFUSED)) as (resolver, peer):
        await resolver.mx(DOMAIN)
        peer.answer = lambda q: q.reply(f"{DOMAIN}. 0 IN MX 10 mx.{DOMAIN}.")
        await resolver.mx(DOMAIN)
        assert (await resolver.mx(DOMAIN)).status is LookupStatus.NOERROR
    assert len(peer.questions) == 3


async def test_kept_answers_are_bounded(jumping_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.probes.resolver._KEPT_ANSWERS", 4)
    async with resolver_with(lambda q: q.reply()) as (resolver, peer):
        for number in range(9):
            await resolver.mx(f"d{number}.test")
            assert len(resolver._kept) <= 4
        await resolver.mx("d8.test")
        await resolver.mx("d7.test")
        assert len(peer.questions) == 9
        await resolver.mx("d1.test")
        assert len(peer.questions) == 10


async def test_many_questions_at_once_get_their_own_answers(jumping_clock: MockClock) -> None:
    def answer(question: Question) -> dns.message.Message:
        name = question.message.question[0].name.to_text()
        return question.reply(f"{name} 300 IN A 192.0.2.{int(name.split('.')[0][1:]) % 250}")

    found: dict[int, AddressLookup] = {}
    async with resolver_with(answer) as (resolver, _):

        async def ask(number: int) -> None:
            found[number] = await resolver.a(f"h{number}.test")

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(ask, number)
        assert all(not waiting for _, waiting in resolver._exchange.endpoints)
    assert all(found[number].addresses == (f"192.0.2.{number % 250}",) for number in range(200))


async def test_a_cancelled_lookup_leaves_nothing_behind(jumping_clock: MockClock) -> None:
    async with resolver_with(lambda _: None) as (resolver, _):
        with trio.move_on_after(4):
            await resolver.mx(DOMAIN)
        assert all(not waiting for _, waiting in resolver._exchange.endpoints)
        assert resolver._in_flight == {}


async def test_a_reply_to_another_of_our_own_sockets_is_not_heard(jumping_clock: MockClock) -> None:
    own: list[object] = []

    def astray(question: Question, endpoint: socket.socket) -> None:
        """Send a reply with the right id and question to each socket but the one that asked."""
        forged = question.reply(f"{DOMAIN}. 300 IN MX 1 evil.test.").to_wire()
        for address in own:
            if address != question.source:
                endpoint.sendto(forged, address)  # type: ignore[call-overload]  # addresses as the system gives them

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        endpoint.setblocking(False)
        port = endpoint.getsockname()[1]
        async with (
            open_resolver(lab_settings(resolver=f"127.0.0.1:{port}")) as resolver,
            trio.open_nursery() as nursery,
        ):
            own += [ours.getsockname() for ours, _ in resolver._exchange.endpoints]

            async def answer() -> None:
                while True:
                    await trio.lowlevel.wait_readable(endpoint)
                    octets, source = endpoint.recvfrom(4096)
                    astray(Question(dns.message.from_wire(octets), 1, source), endpoint)

            nursery.start_soon(answer)
            lookup = await resolver.mx(DOMAIN)
            nursery.cancel_scope.cancel()
    assert len(set(own)) > 1
    assert (lookup.status, lookup.records) == (LookupStatus.TIMEOUT, ())


async def test_64_kib_of_txt_come_whole_over_tcp(jumping_clock: MockClock) -> None:
    texts = sorted(f"{number:04}" + "x" * 196 for number in range(300))
    largest = [f"{DOMAIN}. 300 IN TXT {text}" for text in texts]

    def answer(question: Question) -> dns.message.Message:
        return question.reply(*largest) if question.over_tcp else truncated(question)

    async with resolver_with(answer) as (resolver, peer):
        lookup = await resolver.txt(DOMAIN)
    assert len(Question(peer.questions[-1].message, 1, None).reply(*largest).to_wire(max_size=65535)) > 60_000
    assert (lookup.status, lookup.texts) == (LookupStatus.NOERROR, tuple(texts))


def test_one_txt_record_may_fill_the_largest_message() -> None:
    strings = (b"\xff" + b"\0" * 255) * 255
    octets = (
        b"\0\1\x81\x80\0\1\0\1\0\0\0\0\4peer\4test\0\0\x10\0\1"
        b"\xc0\x0c\0\x10\0\1\0\0\1\x2c" + len(strings).to_bytes(2) + strings
    )
    assert len(octets) <= 65535
    (record,) = decode_reply(octets).answers
    assert record.data == b"\0" * (255 * 255)


LYING_STREAMS: dict[str, Callable[[bytes], bytes]] = {
    "a length longer than the message": lambda reply: (len(reply) + 1).to_bytes(2) + reply,
    "a length shorter than the message": lambda reply: (len(reply) - 1).to_bytes(2) + reply,
    "no message": lambda _: b"\0\0",
    "half a length": lambda _: b"\0",
    "no reply": lambda _: b"",
}


@pytest.mark.parametrize("lie", LYING_STREAMS)
async def test_a_stream_whose_length_lies_is_no_reply(
    jumping_clock: MockClock, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(self: DnsPeer, stream: trio.SocketStream) -> None:
        async with stream:
            octets = bytes(await stream.receive_some(4096))
            (reply,) = self.replies(octets[2:], None, over_tcp=True)
            await stream.send_all(LYING_STREAMS[lie](reply))

    monkeypatch.setattr(DnsPeer, "serve_tcp", serve)
    async with resolver_with(over_tcp(answer_mx)) as (resolver, _):
        lookup = await resolver.mx(DOMAIN)
    assert (lookup.status, lookup.attempts) == (LookupStatus.TRUNCATED, 4)


async def test_a_stream_that_trickles_for_ever_has_an_end(
    jumping_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(self: DnsPeer, stream: trio.SocketStream) -> None:
        async with stream:
            octets = bytes(await stream.receive_some(4096))
            (reply,) = self.replies(octets[2:], None, over_tcp=True)
            await stream.send_all(b"\xff\xff" + reply)
            with contextlib.suppress(trio.BrokenResourceError):
                while True:
                    await stream.send_all(b"\0")
                    await trio.sleep(1)

    monkeypatch.setattr(DnsPeer, "serve_tcp", serve)
    async with resolver_with(over_tcp(answer_mx)) as (resolver, _):
        lookup = await resolver.mx(DOMAIN)
    assert lookup.status is LookupStatus.TRUNCATED
    assert lookup.elapsed_seconds == pytest.approx(9, abs=1)


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=80))
def test_a_resolver_may_answer_anything(octets: bytes) -> None:
    async def ask() -> None:
        async with resolver_with(lambda q: q.message.id.to_bytes(2, "big") + octets) as (resolver, _):
            lookup = await resolver.mx(DOMAIN)
        assert isinstance(lookup.status, LookupStatus)

    trio.run(ask, clock=MockClock(autojump_threshold=0.001))

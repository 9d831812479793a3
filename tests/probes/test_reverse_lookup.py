"""The names of an address, from resolvers that know them, fail, or talk nonsense."""

import dns.flags
import dns.message
import dns.rcode
import pytest
from trio.testing import MockClock

from crawler.outcomes import Failure
from crawler.probes.reverse_lookup import pointer_names
from tests.probes.dns_peer import Answer, Question, resolver_with


@pytest.fixture
def jumping_clock() -> MockClock:
    """Return a clock that jumps when nothing has arrived for 10 ms: real octets need a moment."""
    return MockClock(autojump_threshold=0.01)


OWNER = "1.2.0.192.in-addr.arpa."


async def names_of(answer: Answer, address: str = "192.0.2.1") -> tuple[str, ...] | Failure:
    async with resolver_with(answer) as (_, peer):
        return await pointer_names(address, ("127.0.0.1", peer.port), timeout_seconds=3)


async def test_all_names_are_given_in_lower_case_without_the_final_dot() -> None:
    def answer(question: Question) -> dns.message.Message:
        assert question.message.question[0].name.to_text() == OWNER
        return question.reply(f"{OWNER} 60 IN PTR Scan.Example.", f"{OWNER} 60 IN PTR b.example.")

    assert await names_of(answer) == ("b.example", "scan.example")


async def test_an_alias_for_a_part_of_a_network_is_followed_as_the_resolver_did() -> None:
    """RFC 2317."""

    def answer(question: Question) -> dns.message.Message:
        target = "1.0-25.2.0.192.in-addr.arpa."
        return question.reply(f"{OWNER} 60 IN CNAME {target}", f"{target} 60 IN PTR scan.example.")

    assert await names_of(answer) == ("scan.example",)


async def test_ipv6_addresses_are_asked_for_under_ip6_arpa() -> None:
    def answer(question: Question) -> dns.message.Message:
        name = question.message.question[0].name.to_text()
        assert name.startswith("1.0.0.0.")
        return question.reply(f"{name} 60 IN PTR scan.example.")

    assert await names_of(answer, "2001:db8::1") == ("scan.example",)


@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.NXDOMAIN])
async def test_an_address_without_a_name_has_none(rcode: dns.rcode.Rcode) -> None:
    assert await names_of(lambda question: question.reply(rcode=rcode)) == ()


async def test_a_lookup_that_fails_is_no_absence() -> None:
    assert await names_of(lambda question: question.reply(rcode=dns.rcode.SERVFAIL)) is Failure.LOOKUP_FAILED


async def test_a_truncated_reply_is_asked_for_over_tcp() -> None:
    def answer(question: Question) -> dns.message.Message:
        if not question.over_tcp:
            return question.reply(flags=int(dns.flags.TC))
        return question.reply(f"{OWNER} 60 IN PTR scan.example.")

    assert await names_of(answer) == ("scan.example",)


async def test_silence_has_its_limit(jumping_clock: MockClock) -> None:
    assert await names_of(lambda _: None) is Failure.TIMEOUT


async def test_what_is_no_dns_is_malformed() -> None:
    assert (
        await names_of(lambda question: question.message.to_wire()[:2] + b"\xff" * 3)
        is Failure.MALFORMED_REPLY
    )


async def test_a_resolver_without_a_way_to_it_is_unreachable() -> None:
    answer = await pointer_names("192.0.2.1", ("255.255.255.255", 53), timeout_seconds=3)
    assert answer is Failure.UNREACHABLE

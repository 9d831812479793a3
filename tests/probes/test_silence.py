"""A resolver that goes away and comes back: lookups wait for it, and none fails for it."""

import socket

import dns.message
import pytest
import trio
from trio.testing import MockClock

from crawler.outcomes import LookupStatus
from crawler.probes.resolver import open_resolver
from crawler.probes.silence import is_there
from tests.probes.dns_peer import Question, resolver_with
from tests.probes.peers import lab_settings

MX = "peer.test. 300 IN MX 10 mx.peer.test."


@pytest.fixture
def jumping_clock() -> MockClock:
    """Return a clock that jumps when nothing has arrived for 10 ms: real datagrams need a moment."""
    return MockClock(autojump_threshold=0.01)


async def test_lookups_wait_while_the_resolver_is_silent_and_are_answered_then(
    jumping_clock: MockClock,
) -> None:
    def answer(question: Question) -> dns.message.Message | None:
        name = str(question.message.question[0].name)
        return question.reply(f"{name} 300 IN MX 10 mx.peer.test.") if trio.current_time() > 60 else None

    statuses = []
    async with (
        resolver_with(answer, outlasts_silence=True) as (resolver, peer),
        trio.open_nursery() as nursery,
    ):

        async def look_up(name: str) -> None:
            statuses.append((await resolver.mx(name)).status)

        for number in range(20):
            nursery.start_soon(look_up, f"d{number}.test")
        await trio.sleep(30)
        assert resolver.problem == f"the resolver 127.0.0.1 port {peer.port} does not answer"
        assert statuses == []
        nursery.start_soon(look_up, "late.test")
    assert statuses == [LookupStatus.NOERROR] * 21
    assert resolver.problem is None


async def test_a_name_that_gets_no_answer_from_a_resolver_that_is_there_is_a_timeout(
    jumping_clock: MockClock,
) -> None:
    def answer(question: Question) -> dns.message.Message | None:
        return None if "dead" in str(question.message.question[0].name) else question.reply(MX)

    async with resolver_with(answer, outlasts_silence=True) as (resolver, _):
        assert (await resolver.mx("dead.test")).status is LookupStatus.TIMEOUT
        assert resolver.problem is None
        assert (await resolver.mx("peer.test")).status is LookupStatus.NOERROR


async def test_a_resolver_that_is_not_there_is_waited_for_until_it_is(jumping_clock: MockClock) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    settings = lab_settings(resolver=f"127.0.0.1:{port}")
    assert not await is_there("127.0.0.1", port)
    async with open_resolver(settings, outlasts_silence=True) as resolver:
        with trio.move_on_after(60) as waiting:
            await resolver.mx("peer.test")
        assert waiting.cancelled_caught
        assert resolver.problem is not None
    async with open_resolver(settings) as resolver:
        assert (await resolver.mx("peer.test")).status is LookupStatus.UNREACHABLE

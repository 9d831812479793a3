"""A resolver whose own network goes away and comes back: no name is said to fail for it."""

from collections.abc import Callable

import dns.message
import dns.rcode
import pytest
import trio
from trio.testing import MockClock

from crawler.outcomes import LookupStatus
from tests.probes.dns_peer import Question, resolver_with

HOSTS = ("control-1.test", "control-2.test")
GONE_AT, BACK_AT = 20.0, 100.0


@pytest.fixture
def jumping_clock() -> MockClock:
    """Return a clock that jumps when nothing has arrived for 10 ms: real datagrams need a moment."""
    return MockClock(autojump_threshold=0.01)


def asked(question: Question) -> str:
    return str(question.message.question[0].name).rstrip(".")


def is_control(name: str) -> bool:
    return name.endswith(HOSTS)


class Network:
    """The network of a resolver, which is gone for a while; what the resolver says then."""

    def __init__(self, fail: Callable[[Question], dns.message.Message | None]) -> None:
        self.fail = fail
        self.names: list[str] = []

    def answer(self, question: Question) -> dns.message.Message | None:
        name = asked(question)
        self.names.append(name)
        if name == "localhost":
            return question.reply("localhost. 300 IN A 127.0.0.1")
        if GONE_AT <= trio.current_time() < BACK_AT and not name.startswith("cached"):
            return self.fail(question)
        if is_control(name):
            return question.reply(rcode=dns.rcode.NXDOMAIN)
        if name.startswith("broken"):
            return question.reply(rcode=dns.rcode.SERVFAIL)
        return question.reply(f"{name}. 300 IN MX 10 mx.peer.test.")


def fails(question: Question) -> dns.message.Message | None:
    return question.reply(rcode=dns.rcode.SERVFAIL)


def keeps_silent(question: Question) -> dns.message.Message | None:
    return None


@pytest.mark.parametrize("fail", [fails, keeps_silent])
async def test_no_name_fails_while_the_resolvers_network_is_gone(
    jumping_clock: MockClock, fail: Callable[[Question], dns.message.Message | None]
) -> None:
    network = Network(fail)
    statuses: dict[str, tuple[LookupStatus, float]] = {}
    async with (
        resolver_with(network.answer, outlasts_silence=True, control_hosts=HOSTS) as (resolver, _),
        trio.open_nursery() as nursery,
    ):

        async def look_up(name: str) -> None:
            statuses[name] = (await resolver.mx(name)).status, trio.current_time()

        await trio.sleep_until(GONE_AT)
        for name in ("one.test", "two.test", "cached.test", "broken.test"):
            nursery.start_soon(look_up, name)
        await trio.sleep_until(BACK_AT - 1)
        assert "its own network seems gone" in str(resolver.problem)
        assert {name: status for name, (status, _) in statuses.items()} == {
            "cached.test": LookupStatus.NOERROR
        }
        nursery.start_soon(look_up, "late.test")
    assert resolver.problem is None
    assert {name: status for name, (status, _) in statuses.items()} == {
        "cached.test": LookupStatus.NOERROR,
        "one.test": LookupStatus.NOERROR,
        "two.test": LookupStatus.NOERROR,
        "late.test": LookupStatus.NOERROR,
        "broken.test": LookupStatus.SERVFAIL,
    }
    assert statuses["late.test"][1] >= BACK_AT
    assert BACK_AT + 6 < statuses["broken.test"][1] < BACK_AT + 85


async def test_what_fails_while_the_network_is_there_waits_a_moment_and_each_look_asks_a_new_name(
    jumping_clock: MockClock,
) -> None:
    network = Network(fails)
    async with resolver_with(network.answer, control_hosts=HOSTS) as (resolver, _):
        for number in range(3):
            before = trio.current_time()
            assert (await resolver.mx(f"broken-{number}.test")).status is LookupStatus.SERVFAIL
            assert trio.current_time() - before < 2.5
        assert not await resolver.was_cut_off(0.0)
    names = list(filter(is_control, network.names))
    assert len(names) == len(set(names)) == 4
    assert {name.partition(".")[2] for name in names} == set(HOSTS)


async def test_one_control_host_that_answers_is_enough(jumping_clock: MockClock) -> None:
    def answer(question: Question) -> dns.message.Message | None:
        is_well = asked(question).endswith(HOSTS[0])
        return question.reply(rcode=dns.rcode.NXDOMAIN if is_well else dns.rcode.SERVFAIL)

    async with resolver_with(answer, control_hosts=HOSTS) as (resolver, _):
        for number in range(3):
            assert (await resolver.mx(f"broken-{number}.test")).status is LookupStatus.SERVFAIL
            assert resolver.problem is None


async def test_what_failed_before_the_outage_or_after_it_is_believed(jumping_clock: MockClock) -> None:
    network = Network(fails)
    async with resolver_with(network.answer, control_hosts=HOSTS) as (resolver, _):
        assert not await resolver.was_cut_off(trio.current_time())
        await trio.sleep_until(GONE_AT + 1)
        assert await resolver.was_cut_off(GONE_AT)
        assert trio.current_time() > BACK_AT
        assert await resolver.was_cut_off(GONE_AT)
        assert not await resolver.was_cut_off(trio.current_time())


async def test_while_the_resolver_itself_was_gone_nothing_that_failed_is_believed(
    jumping_clock: MockClock,
) -> None:
    def answer(question: Question) -> dns.message.Message | None:
        if GONE_AT <= trio.current_time() < BACK_AT:
            return None
        return question.reply(rcode=dns.rcode.NXDOMAIN)

    async with resolver_with(answer, outlasts_silence=True, control_hosts=HOSTS) as (resolver, _):
        await trio.sleep_until(GONE_AT + 1)
        assert await resolver.was_cut_off(GONE_AT + 1)
        assert trio.current_time() > BACK_AT
        await trio.sleep(100)
        assert await resolver.was_cut_off(BACK_AT - 1)
        assert not await resolver.was_cut_off(trio.current_time())


async def test_without_control_hosts_nobody_knows(jumping_clock: MockClock) -> None:
    network = Network(fails)
    async with resolver_with(network.answer) as (resolver, _):
        await trio.sleep_until(GONE_AT)
        assert (await resolver.mx("one.test")).status is LookupStatus.SERVFAIL
        assert not await resolver.was_cut_off(0.0)
    assert not any(map(is_control, network.names))

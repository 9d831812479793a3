"""How many questions are in flight, before resolvers that do not bear them all."""

import pytest
import trio
from trio.testing import MockClock

from crawler.outcomes import LookupStatus
from crawler.probes.congestion import Congestion
from crawler.probes.dns_question import Question
from crawler.probes.resolver import Resolver
from tests.probes.busy_resolver import SERVFAIL, TIMEOUT, BusyResolver, ask_all, busy_resolver


@pytest.fixture
def jumping_clock() -> MockClock:
    """Return a clock that jumps when nothing has arrived for 3 ms: real datagrams need a moment."""
    return MockClock(autojump_threshold=0.003)


def level_of(resolver: Resolver) -> float:
    return resolver._exchange.congestion.level


ALL_ANSWERED = {LookupStatus.NOERROR}


@pytest.mark.parametrize("borne", [20, 50, 200])
async def test_a_resolver_that_drops_what_exceeds_a_number_answers_all_in_the_end(
    jumping_clock: MockClock, borne: int
) -> None:
    def treat(peer: BusyResolver, _number: int) -> float | None:
        return 0.02 if peer.pending < borne else None

    async with busy_resolver(treat) as (resolver, _):
        ended = await ask_all(resolver, 1000)
        assert len(ended) == 1000
        assert set(ended.values()) == ALL_ANSWERED
        assert borne / 3 < level_of(resolver) < 2 * borne


async def test_a_resolver_that_limits_the_rate_answers_all_in_the_end(jumping_clock: MockClock) -> None:
    rate, burst = 400.0, 40.0
    tokens, filled_at = burst, 0.0

    def treat(_peer: BusyResolver, _number: int) -> float | None:
        nonlocal tokens, filled_at
        now = trio.current_time()
        tokens, filled_at = min(burst, tokens + (now - filled_at) * rate), now
        if tokens < 1:
            return None
        tokens -= 1
        return 0.01

    async with busy_resolver(treat) as (resolver, _):
        ended = await ask_all(resolver, 1000)
        assert set(ended.values()) == ALL_ANSWERED
        assert level_of(resolver) < 100


async def test_names_that_nobody_answers_do_not_lower_the_level(jumping_clock: MockClock) -> None:
    def treat(_peer: BusyResolver, number: int) -> float | None:
        return None if number % 50 == 0 else 0.02

    async with busy_resolver(treat) as (resolver, peer):
        ended = await ask_all(resolver, 1000)
        assert level_of(resolver) == 500
    assert peer.most_pending > 450
    dead = {number for number, status in ended.items() if status is LookupStatus.TIMEOUT}
    assert dead == set(range(0, 1000, 50))
    assert {peer.asked[number] for number in dead} == {3}
    assert {count for number, count in peer.asked.items() if number not in dead} == {1}


async def test_names_that_take_longer_than_an_attempt_do_not_lower_the_level(
    jumping_clock: MockClock,
) -> None:
    waiting: dict[int, list[float]] = {}

    def treat(_peer: BusyResolver, number: int) -> float:
        """Answer all attempts at one time, the last first, as Unbound does."""
        if number % 20:
            return 0.02
        times = waiting.setdefault(number, [])
        times.append(trio.current_time())
        return times[0] + 3.5 - times[-1] - 0.001 * (len(times) - 1)

    async with busy_resolver(treat) as (resolver, peer):
        ended = await ask_all(resolver, 600)
        assert set(ended.values()) == ALL_ANSWERED
        await trio.sleep(2 * TIMEOUT)
        assert level_of(resolver) == 500
        assert peer.asked[20] == 2
        assert all(not ids for _, ids in resolver._exchange.endpoints)


async def test_silence_under_load_is_not_held_against_a_name_but_has_an_end(jumping_clock: MockClock) -> None:
    def treat(peer: BusyResolver, number: int) -> float | None:
        return None if number == 0 or peer.pending >= 10 else 0.02

    async with busy_resolver(treat) as (resolver, peer):
        ended = await ask_all(resolver, 600)
    assert ended.pop(0) is LookupStatus.TIMEOUT
    assert set(ended.values()) == ALL_ANSWERED
    assert 3 < peer.asked[0] <= 12


async def test_servfail_that_is_gone_at_the_third_look_lowers_the_level(jumping_clock: MockClock) -> None:
    def treat(peer: BusyResolver, number: int) -> float | int:
        return SERVFAIL if peer.asked[number] == 1 else 0.02

    async with busy_resolver(treat) as (resolver, _):
        assert (await resolver.a("n1.test")).status is LookupStatus.NOERROR
        assert level_of(resolver) == 250


@pytest.mark.parametrize(("borne", "most"), [(20, 100), (200, 500)])
async def test_a_resolver_that_fails_what_exceeds_a_number_answers_all_in_the_end(
    jumping_clock: MockClock, borne: int, most: int
) -> None:
    def treat(peer: BusyResolver, number: int) -> float | int:
        return 0.02 if number % 100 and peer.pending < borne else SERVFAIL

    async with busy_resolver(treat, most) as (resolver, _):
        ended = await ask_all(resolver, 2000)
    failed = {number for number, status in ended.items() if status is LookupStatus.SERVFAIL}
    assert failed == set(range(0, 2000, 100))
    assert {status for number, status in ended.items() if number not in failed} == ALL_ANSWERED


async def test_names_that_always_fail_do_not_lower_the_level(jumping_clock: MockClock) -> None:
    async with busy_resolver(lambda _peer, number: 0.02 if number % 10 else SERVFAIL) as (resolver, peer):
        ended = await ask_all(resolver, 1000)
        assert level_of(resolver) == 500
    failed = {number for number, status in ended.items() if status is LookupStatus.SERVFAIL}
    assert failed == set(range(0, 1000, 10))
    assert {peer.asked[number] for number in failed} == {3}


async def test_what_many_ask_at_once_is_sent_in_one_go(
    jumping_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []

    async def ask(resolver: Resolver, number: int) -> None:
        log.append("asked")
        await resolver.a(f"n{number}.test")

    async with busy_resolver(lambda _peer, _number: 0.02) as (resolver, _):
        exchange = resolver._exchange
        send = exchange._send

        def note_and_send(question: Question) -> None:
            log.append("sent")
            send(question)

        monkeypatch.setattr(exchange, "_send", note_and_send)
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(ask, resolver, number)
    assert log == ["asked"] * 50 + ["sent"] * 50


async def test_questions_that_wait_for_their_turn_can_be_cancelled(jumping_clock: MockClock) -> None:
    def treat(_peer: BusyResolver, number: int) -> float | None:
        return 0.02 if number >= 30 else None

    async with busy_resolver(treat, most=4) as (resolver, peer):
        with trio.move_on_after(1):
            await ask_all(resolver, 30)
        assert len(peer.asked) == 4
        assert (await resolver.a("n40.test")).status is LookupStatus.NOERROR
        assert len(peer.asked) == 5


async def test_the_rest_has_its_turn_when_all_in_flight_are_cancelled(jumping_clock: MockClock) -> None:
    async with (
        busy_resolver(lambda _peer, number: None if number < 4 else 0.02, most=4) as (resolver, _),
        trio.open_nursery() as nursery,
    ):

        async def ask_and_give_up() -> None:
            with trio.move_on_after(1):
                await ask_all(resolver, 4)

        nursery.start_soon(ask_and_give_up)
        await trio.testing.wait_all_tasks_blocked()
        assert (await resolver.a("n7.test")).status is LookupStatus.NOERROR


def test_the_level_is_halved_once_in_a_timeout_and_never_to_nothing() -> None:
    congestion = Congestion(100, 3.0)
    congestion.lower(10.0)
    congestion.lower(10.1)
    congestion.lower(12.0)
    assert congestion.level == 50
    assert congestion.is_lower_than_at(9.9)
    assert not congestion.is_lower_than_at(10.1)
    for round_number in range(1, 10):
        congestion.lower(10.0 + 3 * round_number)
    assert congestion.level == 4


def test_the_level_rises_by_one_a_round_and_never_above_the_most() -> None:
    congestion = Congestion(100, 3.0)
    congestion.lower(0.0)
    for _ in range(50):
        congestion.raise_level(10.0)
    assert congestion.level == pytest.approx(51, abs=0.1)
    for _ in range(10_000):
        congestion.raise_level(10.0)
    assert congestion.level == 100


def test_the_level_does_not_rise_before_it_can_be_lowered_again() -> None:
    congestion = Congestion(100, 3.0)
    congestion.lower(10.0)
    congestion.raise_level(12.6)
    assert congestion.level == 50
    congestion.raise_level(12.8)
    assert congestion.level == 50.02


def test_a_most_below_the_least_is_kept() -> None:
    congestion = Congestion(1, 3.0)
    congestion.lower(0.0)
    assert congestion.level == 1

"""A resolver that fails every question above a number changes no status, however long it takes over each."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from crawler.outcomes import LookupStatus
from tests.probes.busy_resolver import SERVFAIL, BusyResolver, ask_all, busy_resolver

NAMES = 400
AT_ONCE = 200
"""So that other names take the room that becomes free before the failed ones are looked at again."""


@pytest.fixture
def jumping_clock() -> MockClock:
    """Return a clock that jumps when nothing has arrived for 3 ms: real datagrams need a moment."""
    return MockClock(autojump_threshold=0.003)


def failing_above(borne: int, seconds: float) -> Callable[[BusyResolver, int], float | int]:
    """Return what fails all questions above a number, and two names in a hundred always."""
    return lambda peer, number: seconds if number % 50 and peer.pending < borne else SERVFAIL


@pytest.mark.parametrize(("borne", "seconds"), [(5, 0.02), (10, 0.5), (40, 0.5), (20, 2.0), (100, 2.0)])
async def test_the_statuses_of_a_fast_run_are_those_of_a_slow_one(
    jumping_clock: MockClock, borne: int, seconds: float
) -> None:
    async with busy_resolver(failing_above(borne, seconds), most=AT_ONCE) as (resolver, _):
        fast = await ask_all(resolver, NAMES, AT_ONCE)
    async with busy_resolver(failing_above(borne, seconds), most=4) as (resolver, _):
        slow = await ask_all(resolver, NAMES)
    assert fast == slow
    failed = {number for number, status in slow.items() if status is LookupStatus.SERVFAIL}
    assert failed == set(range(0, NAMES, 50))


async def test_a_rate_that_is_kept_by_failing_changes_no_status(jumping_clock: MockClock) -> None:
    rate, burst = 200.0, 20.0
    tokens, filled_at = burst, 0.0

    def treat(_peer: BusyResolver, number: int) -> float | int:
        nonlocal tokens, filled_at
        now = trio.current_time()
        tokens, filled_at = min(burst, tokens + (now - filled_at) * rate), now
        if number % 50 == 0 or tokens < 1:
            return SERVFAIL
        tokens -= 1
        return 0.02

    async with busy_resolver(treat, most=AT_ONCE) as (resolver, _):
        ended = await ask_all(resolver, NAMES, AT_ONCE)
    failed = {number for number, status in ended.items() if status is LookupStatus.SERVFAIL}
    assert failed == set(range(0, NAMES, 50))


async def test_a_name_that_fails_alone_is_looked_at_without_waiting_for_others(
    jumping_clock: MockClock,
) -> None:
    async with busy_resolver(lambda _peer, _number: SERVFAIL) as (resolver, _):
        lookup = await resolver.a("n0.test")
        assert lookup.status is LookupStatus.SERVFAIL
        assert trio.current_time() < 1

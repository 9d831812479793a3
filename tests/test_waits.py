"""What rows wait for, counted while they wait and not longer."""

from collections.abc import Sequence

import pytest
import trio
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from crawler.pacing import Pacer
from crawler.watching.waits import WaitReason
from tests.test_pacing import Diary, endpoint, pacer


async def waits_while(
    pacer: Pacer, endpoints: Sequence[tuple[str, str, str]], seconds: float, at: float
) -> dict[str, int]:
    """Return what is waited for at a moment of sessions that all ask for their turn at once."""
    diary = Diary()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(diary.sessions, pacer, endpoints, seconds)
        await trio.sleep(at)
        counted = pacer.waits()
        nursery.cancel_scope.cancel()
    return counted


@pytest.mark.parametrize(
    ("changes", "endpoints", "waits"),
    [
        ({}, [endpoint()], {}),
        ({}, [endpoint()] * 4, {"address_gap": 3}),
        ({"address_gap_seconds": 9.0}, [endpoint()] * 4, {"address_gap": 3}),
        (
            {"sessions_per_second_per_network": 0.1},
            [endpoint(n) for n in range(5)],
            {"network_rate": 4},
        ),
        (
            {"sessions_per_second_per_provider": 0.1},
            [endpoint(1, n) for n in range(6)],
            {"provider_rate": 5},
        ),
        ({"sessions_per_second": 0.1}, [endpoint(1, n, n) for n in range(7)], {"whole": 6}),
        ({"sessions_in_flight": 2}, [endpoint(1, n, n) for n in range(7)], {"whole": 5}),
    ],
)
async def test_each_that_waits_is_counted_where_it_waits(
    changes: dict[str, float],
    endpoints: list[tuple[str, str, str]],
    waits: dict[str, int],
    autojump_clock: object,
) -> None:
    assert await waits_while(pacer(**changes), endpoints, seconds=1.0, at=0.5) == waits


async def test_after_a_session_the_gap_of_its_address_is_waited_for(autojump_clock: object) -> None:
    paced = pacer(address_gap_seconds=9.0)
    assert await waits_while(paced, [endpoint()] * 3, seconds=1.0, at=5.0) == {"address_gap": 2}


async def test_all_who_want_a_paused_provider_wait_for_it_wherever_they_stand(autojump_clock: object) -> None:
    paced = pacer(back_off_seconds=60.0)
    await Diary().session(paced, endpoint(1, 1, 1), pushed_back=True)
    of_the_provider = [endpoint(1, 1, 1)] * 3 + [endpoint(2, 1, 1), endpoint(1, 2, 1)]
    of_another = [endpoint(1, 9, 9)] * 2
    counted = await waits_while(paced, of_the_provider + of_another, seconds=1.0, at=0.5)
    assert counted == {"provider_paused": 5, "address_gap": 1}


async def test_a_pause_that_is_over_is_waited_for_no_longer(autojump_clock: object) -> None:
    paced = pacer(back_off_seconds=60.0)
    await Diary().session(paced, endpoint(), pushed_back=True)
    await trio.sleep(61)
    assert await waits_while(paced, [endpoint()] * 2, seconds=1.0, at=0.5) == {"address_gap": 1}


async def test_the_delay_of_a_second_attempt_is_counted(autojump_clock: object) -> None:
    paced = pacer()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(paced.delay, 60.0, "provider.example")
        await trio.sleep(1)
        assert paced.waits() == {"retry_delay": 3}
    assert paced.waits() == {}


@given(
    endpoints=st.lists(st.tuples(*[st.integers(1, 2)] * 3), min_size=1, max_size=8),
    cancel_at=st.floats(0.1, 20),
    pushed_back=st.booleans(),
)
@effort(max_examples=30, deadline=None)
def test_nobody_is_counted_who_is_through_or_was_cancelled(
    endpoints: list[tuple[int, int, int]], cancel_at: float, pushed_back: bool
) -> None:
    async def main() -> None:
        paced = pacer(sessions_per_second_per_network=0.5, sessions_per_second=1.0, address_gap_seconds=2.0)
        diary = Diary()
        with trio.move_on_after(cancel_at):
            async with trio.open_nursery() as nursery:
                for place in endpoints:
                    nursery.start_soon(
                        lambda place: diary.session(paced, endpoint(*place), 1.0, pushed_back=pushed_back),
                        place,
                    )
        assert paced.waits() == {}

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_every_reason_says_what_it_means() -> None:
    assert all(reason.meaning for reason in WaitReason)

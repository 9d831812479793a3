"""When sessions may begin."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crawler.pacing import Pacer, longest_gap
from crawler.settings import Settings

UNPACED = {
    "hello_name": "scan.example",
    "address_gap_seconds": 0.0,
    "sessions_per_second_per_network": 0.0,
    "sessions_per_second_per_provider": 0.0,
    "sessions_per_second": 0.0,
    "back_off_seconds": 60.0,
    "back_offs": 2,
}
ALMOST = 1e-9
"""Clocks add up floats."""


def pacer(**changes: float) -> Pacer:
    return Pacer(Settings(**(UNPACED | changes)))  # type: ignore[arg-type]  # plain values, as a file gives them


@dataclass
class Diary:
    """When sessions began and ended, and with whom."""

    begun: list[float] = field(default_factory=list)
    endpoints: list[tuple[str, str, str]] = field(default_factory=list)
    open_now: int = 0
    most_open: int = 0
    refused: int = 0

    async def session(
        self, pacer: Pacer, endpoint: tuple[str, str, str], seconds: float = 0.0, *, pushed_back: bool = False
    ) -> None:
        async with pacer.turn(*endpoint) as turn:
            if turn.is_refused:
                self.refused += 1
                return
            self.begun.append(trio.current_time())
            self.endpoints.append(endpoint)
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
            await trio.sleep(seconds)
            self.open_now -= 1
            turn.was_pushed_back = pushed_back

    async def sessions(
        self, pacer: Pacer, endpoints: Sequence[tuple[str, str, str]], seconds: float = 0.0
    ) -> None:
        async with trio.open_nursery() as nursery:
            for endpoint in endpoints:
                nursery.start_soon(self.session, pacer, endpoint, seconds)

    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.begun, self.begun[1:], strict=False)]


def endpoint(address: int = 1, network: int = 1, provider: int = 1) -> tuple[str, str, str]:
    return f"192.0.{network}.{address}", f"192.0.{network}.0/24", f"provider{provider}.example"


async def test_a_turn_that_need_not_wait_gives_way_to_nobody() -> None:
    ran = trio.Event()

    async def run() -> None:
        ran.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        async with pacer().turn(*endpoint()):
            assert not ran.is_set()


async def test_a_turn_that_is_refused_gives_way(autojump_clock: object) -> None:
    refusing, diary, others = pacer(back_offs=1), Diary(), 0
    for _ in range(2):
        await diary.session(refusing, endpoint(), pushed_back=True)

    async def run() -> None:
        nonlocal others
        others += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        for _ in range(3):
            await diary.session(refusing, endpoint())
        assert (diary.refused, others) == (3, 1)


async def test_one_address_has_one_session_at_a_time_and_a_gap_after_each(autojump_clock: object) -> None:
    diary = Diary()
    await diary.sessions(pacer(address_gap_seconds=5), [endpoint()] * 4, seconds=2)
    assert diary.most_open == 1
    assert diary.gaps() == pytest.approx([7, 7, 7])


async def test_an_address_may_be_given_room_for_more(autojump_clock: object) -> None:
    diary = Diary()
    await diary.sessions(pacer(sessions_per_address=3), [endpoint()] * 9, seconds=2)
    assert diary.most_open == 3
    assert trio.current_time() == pytest.approx(diary.begun[0] + 6)


async def test_addresses_of_one_network_begin_at_the_networks_rate(autojump_clock: object) -> None:
    diary = Diary()
    await diary.sessions(
        pacer(sessions_per_second_per_network=2), [endpoint(address) for address in range(6)], seconds=9
    )
    assert diary.gaps() == pytest.approx([0.5] * 5)
    assert diary.most_open == 6


async def test_networks_of_one_provider_begin_at_the_providers_rate(autojump_clock: object) -> None:
    diary = Diary()
    await diary.sessions(
        pacer(sessions_per_second_per_provider=10), [endpoint(network=network) for network in range(6)]
    )
    assert diary.gaps() == pytest.approx([0.1] * 5)


async def test_all_begin_at_the_rate_of_the_whole(autojump_clock: object) -> None:
    diary = Diary()
    everywhere = [endpoint(network=index % 200, provider=index) for index in range(2000)]
    await diary.sessions(pacer(sessions_per_second=100), everywhere)
    assert len(diary.begun) / (diary.begun[-1] - diary.begun[0]) == pytest.approx(100, rel=0.02)


async def test_a_slow_provider_holds_nobody_up(autojump_clock: object) -> None:
    diary = Diary()
    slow = [endpoint(address, provider=1) for address in range(50)]
    fast = [endpoint(network=2 + index, provider=2 + index) for index in range(50)]
    await diary.sessions(pacer(sessions_per_second_per_provider=0.1), slow + fast)
    begun_with = dict(zip(diary.endpoints, diary.begun, strict=True))
    assert max(begun_with[each] for each in fast) == min(diary.begun)
    assert max(begun_with[each] for each in slow) == pytest.approx(min(diary.begun) + 490)


async def test_waiting_elsewhere_never_bunches_the_sessions_of_a_network(autojump_clock: object) -> None:
    diary, one = Diary(), pacer(sessions_per_second_per_network=1, sessions_in_flight=1)

    async def hold() -> None:
        async with one.turn(*endpoint(network=9, provider=9)):
            await trio.sleep(60)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(diary.sessions, one, [endpoint(address) for address in range(5)])
    assert min(diary.gaps()) >= 1 - ALMOST


async def test_no_more_sessions_are_open_than_the_setting_says(autojump_clock: object) -> None:
    diary = Diary()
    everywhere = [endpoint(network=index, provider=index) for index in range(40)]
    await diary.sessions(pacer(sessions_in_flight=7), everywhere, seconds=1)
    assert diary.most_open == 7


async def test_a_provider_that_pushes_back_is_paused_and_others_are_not(autojump_clock: object) -> None:
    diary, one = Diary(), pacer()
    await diary.session(one, endpoint(), pushed_back=True)
    await diary.session(one, endpoint(provider=2, network=2))
    await diary.session(one, endpoint(address=3))
    assert diary.gaps() == pytest.approx([0, 60])


async def test_pauses_double_and_then_the_provider_is_left_alone(autojump_clock: object) -> None:
    diary, one = Diary(), pacer(back_offs=3)
    for _ in range(6):
        await diary.session(one, endpoint(), pushed_back=True)
    assert diary.gaps() == pytest.approx([60, 120, 240])
    assert diary.refused == 2


async def test_those_who_wait_for_a_provider_learn_that_it_is_left_alone(autojump_clock: object) -> None:
    diary, one = Diary(), pacer(back_offs=1, sessions_per_second_per_provider=1)
    async with trio.open_nursery() as nursery:
        for address in range(10):
            session = lambda address=address: diary.session(one, endpoint(address), pushed_back=True)  # noqa: E731  # type: ignore[misc]
            nursery.start_soon(session)
    assert len(diary.begun) == 2
    assert diary.refused == 8
    assert trio.current_time() < diary.begun[0] + 70


async def test_a_session_that_is_not_sent_away_ends_the_row_of_pauses(autojump_clock: object) -> None:
    diary, one = Diary(), pacer()
    for pushed_back in (True, False, True, False):
        await diary.session(one, endpoint(), pushed_back=pushed_back)
    assert diary.gaps() == pytest.approx([60, 0, 60])


async def test_sessions_under_way_when_a_pause_begins_say_nothing_new(autojump_clock: object) -> None:
    diary, one = Diary(), pacer(back_offs=5)
    async with trio.open_nursery() as nursery:
        for address in range(5):
            session = lambda address=address: diary.session(  # noqa: E731  # type: ignore[misc]
                one, endpoint(address), 1 + address, pushed_back=True
            )
            nursery.start_soon(session)
    await diary.session(one, endpoint())
    assert diary.begun[-1] == pytest.approx(diary.begun[0] + 61)


async def test_while_paused_no_session_begins(autojump_clock: object) -> None:
    diary, one = Diary(), pacer()
    one.pause()
    one.pause()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(diary.sessions, one, [endpoint(network=n, provider=n) for n in range(5)])
        await trio.sleep(100)
        assert not diary.begun
        one.go_on()
    assert len(diary.begun) == 5


async def test_a_cancelled_wait_takes_no_place(autojump_clock: object) -> None:
    diary, one = Diary(), pacer(sessions_in_flight=1, sessions_per_second=1, address_gap_seconds=10)
    for _ in range(3):
        with trio.move_on_after(0.5):
            await diary.sessions(one, [endpoint(n, n, n) for n in range(5)], seconds=100)
    diary.begun.clear()
    await diary.sessions(one, [endpoint(n, n, n) for n in range(3)])
    assert len(diary.begun) == 3


async def test_what_nobody_waits_for_is_forgotten(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.pacing._TURNS_PER_SWEEP", 100)
    one = pacer(address_gap_seconds=1)
    for index in range(1000):
        async with one.turn(f"a{index}", f"n{index}", f"p{index}"):
            await trio.sleep(0.1)
    for places in (one._addresses, one._networks, one._providers):
        assert len(places) <= 110


@hypothesis_settings(max_examples=25, deadline=None)
@given(
    endpoints=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40
    ),
    seconds=st.floats(0, 3),
)
def test_no_limit_is_ever_passed(endpoints: list[tuple[int, int, int]], seconds: float) -> None:
    diary = Diary()

    async def survey() -> None:
        # A network belongs to one provider.
        everywhere = [endpoint(address, network, network % 2) for address, network, _ in endpoints]
        limits = {
            "address_gap_seconds": 5,
            "sessions_per_second_per_network": 2,
            "sessions_per_second_per_provider": 3,
            "sessions_in_flight": 5,
        }
        await diary.sessions(pacer(**limits), everywhere, seconds)

    trio.run(survey, clock=trio.testing.MockClock(autojump_threshold=0))
    assert len(diary.begun) == len(endpoints)
    assert diary.most_open <= 5
    for part, gap in ((0, 5 + seconds), (1, 0.5), (2, 1 / 3)):
        last: dict[str, float] = {}
        for each, begun in zip(diary.endpoints, diary.begun, strict=True):
            assert begun - last.get(each[part], -100.0) >= gap - 1e-6
            last[each[part]] = begun


async def test_a_busy_process_begins_at_its_rate_too(mock_clock: trio.testing.MockClock) -> None:
    diary, busy = Diary(), pacer(sessions_per_second=100)
    everywhere = [endpoint(network=index % 200, provider=index) for index in range(1000)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(diary.sessions, busy, everywhere)
        while len(diary.begun) < len(everywhere):
            mock_clock.jump(0.05)  # every round of the scheduler takes so long
            await trio.lowlevel.checkpoint()
    assert len(diary.begun) / (diary.begun[-1] - diary.begun[0]) == pytest.approx(100, rel=0.1)


def test_the_longest_gap_is_that_of_an_address_or_of_the_slowest_rate() -> None:
    assert longest_gap(Settings()) == Settings().address_gap_seconds == 5.0
    slow = Settings(sessions_per_second_per_network=0.1, sessions_per_second_per_provider=0.0)
    assert longest_gap(slow) == 10.0

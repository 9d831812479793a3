"""The simulated pacing against the real one, under trio's own simulated clock."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
import trio
from trio.testing import MockClock

from crawler.lab.launch import profile_path
from crawler.lab.profile import load_profile
from crawler.pacing import Pacer
from crawler.settings import Settings
from tests.benchmarks.endpoint_population import Assumptions, bounds_of, endpoints_of, lanes_of
from tests.benchmarks.paced_lane import PacedLane, Row
from tests.benchmarks.pacing_simulation import simulated

POLITE = Settings(
    hello_name="scan.example",
    workers=2,
    sessions_per_second=20.0,
    sessions_in_flight=40,
    endpoints_waiting=120,
)


def rows_of(seed: int, count: int) -> list[Row]:
    """Return endpoints at shared and at own addresses, a third of them with one large provider."""
    rng = Random(seed)
    rows = []
    for number in range(count):
        seconds = rng.choice((0.7, 1.9, 3.3, 20.0))
        if rng.random() < 0.3:
            address = rng.randrange(12)
            rows.append((address, address // 4, 0, seconds))
        elif rng.random() < 0.3:
            address = 100 + rng.randrange(20)
            rows.append((address, address // 8, address // 16, seconds))
        else:
            rows.append((1000 + number, 1000 + number // 3, 1000 + number // 3, seconds))
    rng.shuffle(rows)
    return rows


def really_paced(settings: Settings, rows: list[Row]) -> tuple[list[float], float]:
    """Return when each session began, and when the last one ended, with the crawler's own pacing."""
    begun: list[float] = []
    start = 0.0

    async def observe(source: Iterator[Row], pacer: Pacer) -> None:
        for address, network, group, seconds in source:
            async with pacer.turn(str(address), str(network), str(group)):
                begun.append(trio.current_time() - start)
                await trio.sleep(seconds)

    async def lane() -> float:
        nonlocal start
        start = trio.current_time()
        pacer, source = Pacer(settings), iter(rows)
        async with trio.open_nursery() as nursery:
            for _ in range(settings.endpoints_waiting):
                nursery.start_soon(observe, source, pacer)
        return trio.current_time() - start

    ended: float = trio.run(lane, clock=MockClock(autojump_threshold=0))
    return begun, ended


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(POLITE, id="the whole's rate binds"),
        pytest.param(replace(POLITE, sessions_per_second=0.0, sessions_in_flight=500), id="groups bind"),
        pytest.param(replace(POLITE, sessions_per_second=0.0, sessions_in_flight=8), id="room binds"),
        pytest.param(replace(POLITE, sessions_per_address=3, endpoints_waiting=20), id="a small window"),
    ],
)
def test_sessions_begin_and_end_when_they_do_under_the_real_pacing(settings: Settings) -> None:
    rows = rows_of(7, 700)

    simulated = PacedLane(settings, rows, keep_begun=True).run()

    begun, ended = really_paced(settings, rows)
    assert simulated.sessions == len(rows)
    assert simulated.begun is not None
    off = sorted(abs(ours - theirs) for ours, theirs in zip(simulated.begun, begun, strict=True))
    assert off[len(off) // 2] < 0.01 * ended
    assert simulated.seconds == pytest.approx(ended, rel=0.01)


def test_lanes_hold_every_session_once_and_share_no_network() -> None:
    settings = replace(POLITE, shard_size=10)
    endpoints = endpoints_of(20_000, load_profile(profile_path("dotgov")), settings, Assumptions())

    lanes = [list(rows) for rows in lanes_of(endpoints, settings, 2)]

    assert sum(map(len, lanes)) == endpoints.count
    of_lane = [{network for _, network, _, _ in rows} for rows in lanes]
    assert not of_lane[0] & of_lane[1]


def test_no_lane_is_faster_than_any_limit_alone() -> None:
    settings = replace(POLITE, address_cap=50)
    endpoints = endpoints_of(20_000, load_profile(profile_path("dotgov")), settings, Assumptions())

    took = simulated(endpoints, settings)

    bounds = bounds_of(endpoints, settings, settings.workers or 1)
    longest_session = settings.connect_timeout_seconds + settings.address_gap_seconds
    assert took >= 0.99 * max(bounds.values()) - longest_session

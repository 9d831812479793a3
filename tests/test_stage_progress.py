"""How fast a stage is lately, and how long it still takes."""

import json
from dataclasses import dataclass

import pytest

from crawler.watching.feedback import Pace
from crawler.watching.stage_progress import StageProgress


@dataclass
class Clock:
    """A clock that is set."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def go_on(stage: StageProgress, clock: Clock, seconds: int, rate: float) -> None:
    """Let some seconds pass in which rows are done at a rate, reported four times a second."""
    done = 0
    for tick in range(1, 4 * seconds + 1):
        clock.now += 0.25
        due = int(tick * 0.25 * rate)
        stage.advance(due - done, {})
        done = due


def test_the_rate_is_that_of_the_last_time_not_of_all(clock: Clock) -> None:
    stage = StageProgress("probe", 100_000, 0, clock=clock)
    go_on(stage, clock, seconds=300, rate=100)
    assert stage.rate() == pytest.approx(100, rel=0.02)
    go_on(stage, clock, seconds=35, rate=4)
    assert stage.rate() == pytest.approx(4, rel=0.1)
    assert stage.seconds_left() == pytest.approx(stage.left / 4, rel=0.1)


def test_a_rate_of_few_rows_a_minute_is_taken_over_more_time(clock: Clock) -> None:
    stage = StageProgress("probe", 1000, 0, clock=clock)
    go_on(stage, clock, seconds=3600, rate=1 / 20)
    assert stage.rate() == pytest.approx(1 / 20, rel=0.1)


def test_a_stage_that_stalls_gets_slower_by_the_second(clock: Clock) -> None:
    stage = StageProgress("resolve", 1000, 0, clock=clock)
    go_on(stage, clock, seconds=60, rate=10)
    go_on(stage, clock, seconds=60, rate=0)
    assert stage.rate() < 5


def test_what_was_done_before_is_no_part_of_the_rate(clock: Clock) -> None:
    stage = StageProgress("resolve", 1000, 900, clock=clock)
    assert (stage.rate(), stage.seconds_left()) == (0, None)
    go_on(stage, clock, seconds=10, rate=2)
    assert stage.rate() == pytest.approx(2)
    assert stage.seconds_left() == pytest.approx(40)


@pytest.mark.parametrize("at", [10, 60, 100, 130, 200, 300])
def test_the_longest_queue_decides_how_long_it_takes_though_the_short_ones_make_the_rate(
    clock: Clock, at: int
) -> None:
    """Ten thousand rows that are through in 100 seconds, and 400 of one provider, one a second."""
    stage = StageProgress("probe", 10_400, 0, least_seconds=400, clock=clock)
    go_on(stage, clock, seconds=min(at, 100), rate=101)
    go_on(stage, clock, seconds=max(0, at - 100), rate=1)
    assert stage.seconds_left() == pytest.approx(400 - at, abs=15)


def test_a_stage_that_waits_for_its_first_row_knows_at_least_what_pacing_takes(clock: Clock) -> None:
    stage = StageProgress("retry", 10, 0, least_seconds=1800, clock=clock)
    clock.now += 600
    assert stage.seconds_left() == pytest.approx(1200)


def test_a_pause_is_no_work_and_says_nothing_about_the_rate(clock: Clock) -> None:
    stage = StageProgress("probe", 1000, 0, least_seconds=500, clock=clock)
    go_on(stage, clock, seconds=100, rate=4)
    stage.pause(True)
    clock.now += 900
    assert stage.seconds_left() is None
    stage.pause(False)
    go_on(stage, clock, seconds=10, rate=4)
    assert stage.rate() == pytest.approx(4)
    assert stage.seconds_left() == pytest.approx(390)
    assert stage.seconds() == pytest.approx(1010)


def test_a_stage_that_is_done_has_its_rate_of_all_the_time_for_ever(clock: Clock) -> None:
    stage = StageProgress("hosts", 100, 0, clock=clock)
    go_on(stage, clock, seconds=10, rate=10)
    stage.end()
    clock.now += 1000
    assert (stage.rate(), stage.seconds(), stage.seconds_left()) == (10, 10, 0)


def test_how_it_stands_can_be_written_as_json(clock: Clock) -> None:
    stage = StageProgress("probe", 100, 20, clock=clock)
    stage.pace = Pace(lanes=2, in_hand=50, waits={"address_gap": 30, "whole": 5})
    clock.now += 10
    stage.advance(20, {"timeout": 3})
    assert json.loads(json.dumps(stage.standing())) == {
        "stage": "probe",
        "total": 100,
        "done": 40,
        "rows_per_second": 2.0,
        "seconds_left": 30,
        "is_paused": False,
        "lanes": 2,
        "under_way": 15,
        "waiting": {"address_gap": 30, "whole": 5},
        "failures": {"timeout": 3},
    }

"""The display: a live line per stage on a terminal, plain lines elsewhere, and notes between them."""

import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from crawler.watching.feedback import Pace
from crawler.watching.progress import PLAIN_LINE_SECONDS, LiveProgress, duration_text, rate_text, waits_text
from crawler.watching.watched import Watched
from tests.test_stage_progress import Clock

_CONTROL_SEQUENCE = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]")
PROBLEM = "paused: port 25 seems blocked (a [host]: timeout)"
WAITS = {"address_gap": 290, "provider_paused": 22, "whole": 0}


def printed(tell: Callable[[Watched, Clock], None], *, is_terminal: bool, width: int = 120) -> list[str]:
    """Return the lines that stand there after something was told."""
    output, clock = io.StringIO(), Clock()
    console = Console(file=output, force_terminal=is_terminal, width=width, color_system=None)
    with LiveProgress(console, clock) as progress:
        tell(Watched([progress], clock), clock)
    lines = _CONTROL_SEQUENCE.sub("", output.getvalue()).splitlines()
    return [line.rstrip() for line in lines if line.strip()]


def shown(*, is_terminal: bool, paused: bool, after: str = "", seconds: float = 0.0) -> list[str]:
    """Return what stands there after a stage with a note in it."""

    def tell(progress: Watched, clock: Clock) -> None:
        progress.begin("probe", 100, 0)
        clock.now += seconds
        progress.advance(10, {"timeout": 2})
        progress.note(PROBLEM, paused=paused)
        if after:
            progress.note(after)
        clock.now += seconds
        progress.advance(5, {})
        progress.end()

    return printed(tell, is_terminal=is_terminal)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_note_is_a_line_of_its_own_as_it_is(is_terminal: bool) -> None:
    assert PROBLEM in shown(is_terminal=is_terminal, paused=False)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_paused_stage_says_so_until_it_goes_on(is_terminal: bool) -> None:
    last = shown(is_terminal=is_terminal, paused=True)[-1]
    assert "probe" in last
    assert "paused" in last
    assert "paused" not in shown(is_terminal=is_terminal, paused=True, after="goes on")[-1]
    assert "paused" not in shown(is_terminal=is_terminal, paused=False)[-1]


def test_a_note_before_any_stage_is_shown() -> None:
    def tell(progress: Watched, _: Clock) -> None:
        progress.note("no control hosts are set", paused=True)
        progress.begin("probe", 10, 0)
        progress.end()

    assert "no control hosts are set" in printed(tell, is_terminal=True)


def test_plain_lines_between_notes_tell_of_the_pause() -> None:
    lines = shown(is_terminal=False, paused=True, seconds=PLAIN_LINE_SECONDS)
    assert [("paused" in line, line.startswith("probe: ")) for line in lines] == [
        (False, True),
        (True, False),
        (True, True),
        (True, True),
    ]


def test_a_plain_line_tells_all_there_is() -> None:
    def tell(progress: Watched, clock: Clock) -> None:
        progress.begin("probe", 10_000, 400)
        clock.now += 100
        progress.pace(Pace(2, 500, WAITS))
        progress.advance(3200, {"timeout": 40, "closed": 1200})
        clock.now += 100
        progress.advance(3200, {})

    assert printed(tell, is_terminal=False)[-1] == (
        "probe: 6,800 / 10,000, 32/s, 200 s, 0:01:40 left; closed 1,200, timeout 40; "
        "waiting 312: address gap 290, provider paused 22"
    )


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_stage_without_rows_is_not_shown_as_work(is_terminal: bool) -> None:
    def tell(progress: Watched, _: Clock) -> None:
        progress.begin("settle", 0, 0)
        progress.end()

    assert printed(tell, is_terminal=is_terminal) == ([] if is_terminal else ["settle: nothing to do"])


def test_a_stage_that_was_done_before_says_so() -> None:
    def tell(progress: Watched, _: Clock) -> None:
        progress.begin("hosts", 7, 7)
        progress.end()

    assert printed(tell, is_terminal=False) == ["hosts: 7 / 7, done before"]


def test_what_is_waited_for_stands_below_the_bars_as_long_as_it_lasts() -> None:
    text = "  waiting 312: address gap 290, provider paused 22"

    def tell(progress: Watched, clock: Clock) -> None:
        progress.begin("probe", 1000, 0)
        progress.pace(Pace(2, 500, WAITS))
        progress.note("now")
        progress.advance(1000, {})
        progress.end()

    lines = printed(tell, is_terminal=True)
    assert text in lines[:-1]
    assert lines[-1].startswith("probe")


@pytest.mark.parametrize("width", [80, 100])
def test_on_a_narrow_terminal_only_what_failed_is_cut(width: int) -> None:
    failures = {"temporary_reply": 1234, "service_closing": 567, "timeout": 89, "no_address": 5, "reset": 1}

    def tell(progress: Watched, clock: Clock) -> None:
        progress.begin("remainder", 1_234_567, 0, least_seconds=86_000)
        clock.now += 30
        progress.advance(123_456, failures)
        progress.pace(Pace(2, 5000, dict.fromkeys(("address_gap", "network_rate", "provider_rate"), 1500)))
        progress.note("now")

    lines = printed(tell, is_terminal=True, width=width)
    assert all(len(line) <= width for line in lines)
    line = next(line for line in reversed(lines) if line.startswith("remainder"))
    assert " 123,456 / 1,234,567 4,115/s " in line
    assert "23:52:50 left" in line


def test_durations_and_rates_have_the_digits_that_matter() -> None:
    assert [duration_text(seconds) for seconds in (0, 59.6, 3661, 172_799, 172_800, 1e6)] == [
        *("0:00:00", "0:01:00", "1:01:01", "47:59:59", "2 d 0 h", "11 d 13 h")
    ]
    assert [rate_text(rate) for rate in (0, 0.034, 3.14, 31.4, 3141.5)] == [
        *("0/s", "0.03/s", "3.1/s", "31/s", "3,142/s")
    ]
    assert waits_text({}) == waits_text({"whole": 0}) == ""

"""The display: a live line per stage on a terminal, plain lines elsewhere, and notes between them."""

import io
import re

import pytest
from rich.console import Console

import crawler.progress
from crawler.progress import LiveProgress

_CONTROL_SEQUENCE = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]")
PROBLEM = "paused: port 25 seems blocked (a [host]: timeout)"


def shown(*, is_terminal: bool, paused: bool, after: str = "") -> list[str]:
    """Return what stands there after a stage with a note in it."""
    output = io.StringIO()
    console = Console(file=output, force_terminal=is_terminal, width=120, color_system=None)
    with LiveProgress(console) as progress:
        progress.begin("probe", 100, 0)
        progress.advance(10, {"timeout": 2})
        progress.note(PROBLEM, paused=paused)
        if after:
            progress.note(after)
        progress.advance(5, {})
        progress.end()
    lines = _CONTROL_SEQUENCE.sub("", output.getvalue()).splitlines()
    return [line.rstrip() for line in lines if line.strip()]


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
    output = io.StringIO()
    with LiveProgress(Console(file=output, force_terminal=True, width=80)) as progress:
        progress.note("no control hosts are set", paused=True)
        progress.begin("probe", 10, 0)
        progress.end()
    assert "no control hosts are set" in output.getvalue()


def test_plain_lines_between_notes_tell_of_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawler.progress, "PLAIN_LINE_SECONDS", 0.0)
    lines = shown(is_terminal=False, paused=True)
    assert [("paused" in line, line.startswith("probe: ")) for line in lines] == [
        (False, True),
        (True, False),
        (True, True),
        (True, True),
    ]

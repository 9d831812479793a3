"""The log for programs: what stands in it, and that each line is whole."""

import errno
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawler.watching.event_log import EventLog
from crawler.watching.feedback import Pace
from crawler.watching.watched import Watched
from tests.test_stage_progress import Clock

AT = datetime(2026, 11, 22, 1, 2, 3, 4567, tzinfo=UTC)


def events(path: Path) -> list[dict[str, Any]]:
    octets = path.read_bytes()
    assert octets.endswith(b"\n")
    return [json.loads(line) for line in octets.splitlines()]


def test_a_run_is_told_from_its_start_to_its_end(tmp_path: Path) -> None:
    path, clock = tmp_path / "log", Clock()
    with EventLog(path, clock=clock, now=lambda: AT) as log:
        log.begin_run("run-1", {"workers": 2})
        watched = Watched([log], clock)
        watched.begin("probe", 10, 2, 7.5)
        watched.advance(1, {"timeout": 1})
        clock.now += 10
        watched.advance(1, {"timeout": 1, "closed": 1})
        watched.pace(Pace(1, 6, {"whole": 4}))
        watched.note("a file is damaged")
        watched.note("paused: no answer", paused=True)
        watched.note("goes on: it answers")
        watched.checked(True)
        watched.advance(6, {})
        watched.end()
        log.end_run(0, None, {"counts": {}})
    told = events(path)
    assert {(line.pop("at"), line.pop("run_id")) for line in told} == {("2026-11-22T01:02:03.004Z", "run-1")}
    assert told == [
        {"event": "run_started", "workers": 2},
        {"event": "stage_started", "stage": "probe", "total": 10, "done": 2, "least_seconds": 7.5},
        {
            "event": "progress",
            "stage": "probe",
            "total": 10,
            "done": 4,
            "rows_per_second": 0.2,
            "seconds_left": 30,
            "is_paused": False,
            "lanes": 0,
            "under_way": 0,
            "waiting": {},
            "failures": {"timeout": 2, "closed": 1},
        },
        {"event": "note", "stage": "probe", "text": "a file is damaged"},
        {"event": "paused", "stage": "probe", "text": "paused: no answer"},
        {"event": "went_on", "stage": "probe", "text": "goes on: it answers"},
        {"event": "control_check", "is_well": True},
        {
            "event": "stage_ended",
            "stage": "probe",
            "total": 10,
            "done": 10,
            "failures": {"timeout": 2, "closed": 1},
            "seconds": 10.0,
        },
        {"event": "run_ended", "exit_status": 0, "message": None, "summary": {"counts": {}}},
    ]


def test_a_line_stands_there_as_soon_as_it_is_written_and_others_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"event": "earlier"}\n')
    with EventLog(path) as log:
        log.begin_run("run-1", {})
        assert [line["event"] for line in events(path)] == ["earlier", "run_started"]


def test_a_line_that_a_power_cut_has_cut_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"event": "earlier"}\n{"ev')
    with EventLog(path) as log:
        log.begin_run("run-1", {})
    first, cut, last = path.read_text().splitlines()
    assert (json.loads(first)["event"], cut, json.loads(last)["event"]) == ("earlier", '{"ev', "run_started")


def test_lines_of_two_threads_are_never_mixed(tmp_path: Path) -> None:
    with EventLog(tmp_path / "log") as log:
        watched = Watched([log])

        def check() -> None:
            for _ in range(200):
                watched.checked(True)

        checks = threading.Thread(target=check)
        checks.start()
        for _ in range(200):
            watched.note("x" * 500)
        checks.join()
    assert len(events(tmp_path / "log")) == 400


def test_of_a_line_for_which_there_is_no_room_nothing_is_left_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, write, room = tmp_path / "log", os.write, 150

    def write_while_there_is_room(file: int, octets: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(file, octets[:room])
        room -= written
        return written

    with EventLog(path) as log:
        monkeypatch.setattr(os, "write", write_while_there_is_room)
        log.begin_run("run-1", {})
        log.noted("x" * 200, Watched([])._stage)
        log.end_run(0, None, None)
        monkeypatch.undo()
    assert [line["event"] for line in events(path)] == ["run_started"]
    assert capsys.readouterr().err.replace("\n", "") == (
        f"{path}: No space left on device; the log ends here"
    )


def test_a_log_that_cannot_be_opened_is_an_error_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), EventLog(tmp_path / "none" / "log"):
        raise AssertionError

"""What a run at work says of itself in its folder, and what `status` makes of it."""

import errno
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crawler.preparing import prepare
from crawler.status import read_status, status_lines, to_json
from crawler.storing.run_folder import RunFolder
from crawler.watching.feedback import Pace
from crawler.watching.run_now import SECONDS, RunNow, read_now
from crawler.watching.watched import Watched
from tests.test_mending import LIST, SETTINGS
from tests.test_stage_progress import Clock


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    prepare(run, LIST, SETTINGS, None)
    return run


def watched(run: RunFolder, clock: Clock) -> Watched:
    watched = Watched([RunNow(run, clock)], clock)
    watched.begin("probe", 100, 0)
    watched.pace(Pace(2, 50, {"provider_paused": 22, "address_gap": 17}))
    clock.now += SECONDS
    watched.advance(20, {})
    return watched


def test_status_tells_what_the_rows_of_a_run_at_work_wait_for(run: RunFolder) -> None:
    watched(run, Clock())
    with run.lock():
        status = read_status(run)
    assert (
        "now: probe, 2.0/s, 0:00:40 left; 11 under way, waiting 39: provider paused 22, address gap 17"
    ) in status_lines(status)
    assert to_json(status)["now"]["waiting"] == {"provider_paused": 22, "address_gap": 17}


def test_a_run_that_nobody_works_on_is_at_nothing(run: RunFolder) -> None:
    watched(run, Clock())
    status = read_status(run)
    assert status.now is None
    assert not any(line.startswith("now") for line in status_lines(status))


def test_it_is_written_down_now_and_then_and_believed_for_a_while(run: RunFolder) -> None:
    clock = Clock()
    watching = watched(run, clock)
    now = datetime.now(UTC)
    for seconds, lanes in ((1.0, 2), (SECONDS, 1)):
        clock.now += seconds
        watching.pace(Pace(1, 1, {}))
        found = read_now(run, now)
        assert found is not None
        assert found["lanes"] == lanes
    assert read_now(run, now + timedelta(minutes=5)) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": "yesterday"}', '{"at": "2026-11-22T00:00:00"}'])
def test_what_cannot_be_read_is_not_there(run: RunFolder, text: str) -> None:
    run.work_path("now.json").write_text(text)
    assert read_now(run, datetime.now(UTC)) is None


def test_a_disk_without_room_for_it_does_not_end_the_run(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunFolder, "write_work_text", fail)
    watched(run, Clock())
    assert read_now(run, datetime.now(UTC)) is None

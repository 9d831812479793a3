"""How a run stands, read from its folder alone."""

import dataclasses
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest

from crawler.engine import Interruption
from crawler.open_shard import OpenShard
from crawler.outcomes import MxKind
from crawler.preparing import prepare, read_manifest
from crawler.stage import Observation
from crawler.stages import RESOLVE
from crawler.status import read_status, status_lines, to_json
from crawler.storing.run_folder import RunFolder, RunFolderError
from crawler.survey import adopt_root_store, finish
from tests.test_engine import Counts
from tests.test_mending import DEAD_PROCESS, LIST, NAMES, SETTINGS, go_on
from tests.test_work_lists import domain

NOW = datetime(2020, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return a run of five domains, two in a part file, one of the next two saved."""
    run = RunFolder(tmp_path / "run")
    prepare(run, LIST, SETTINGS, None)
    resolve(run, 0, at=[NOW - timedelta(seconds=40), NOW - timedelta(seconds=30)]).write()
    resolve(run, 1, at=[NOW - timedelta(seconds=20)]).save()
    return run


def resolve(run: RunFolder, number: int, at: list[datetime]) -> OpenShard:
    """Return a shard as many of whose rows are finished as there are times."""
    shard = OpenShard(run, RESOLVE, number)
    for row, moment in zip(shard.work.to_pylist(), at, strict=False):
        observed = dataclasses.replace(domain(row["domain"], MxKind.NULL_MX), resolved_at=moment)
        shard.add(Observation({"domains": [observed]}, None))
    return shard


def finished(run: RunFolder) -> RunFolder:
    resolve(run, 1, at=[NOW, NOW]).write()
    resolve(run, 2, at=[NOW]).write()
    go_on(run)
    adopt_root_store(run, certifi.where())
    finish(run, Counts(), Interruption())
    return run


def test_a_run_that_was_stopped_tells_what_is_done_and_how_fast_it_was(run: RunFolder) -> None:
    status = read_status(run, NOW)
    first = status.stages[0]
    assert (first.name, first.done, first.total) == ("resolve", 3, len(NAMES))
    assert first.rows_per_second == pytest.approx(3 / 20)
    assert first.seconds_left == pytest.approx(2 / (3 / 20))
    assert [stage.total for stage in status.stages[1:]] == [None] * 6
    assert status.state == "stopped"
    lines = status_lines(status)
    assert lines[0].endswith(": stopped; the same command goes on")
    assert "resolve   3 / 5, 2 left, 0.1/s lately, 0:00:13 at this rate" in lines
    assert "hosts     not begun" in lines


def test_what_was_done_long_ago_is_no_measure_of_how_fast_it_goes(run: RunFolder) -> None:
    assert read_status(run, NOW + timedelta(hours=1)).stages[0].rows_per_second is None


def test_a_run_at_work_is_looked_at_beside_it(run: RunFolder) -> None:
    with run.lock():
        status = read_status(run, NOW)
        assert (status.state, status.process) == ("running", os.getpid())
        with pytest.raises(RunFolderError, match="another process"), RunFolder(run.path).lock():
            pass
        assert read_status(run, NOW).process == os.getpid()
    assert read_status(run, NOW).state == "stopped"


def test_the_number_of_a_process_that_was_killed_is_no_process(run: RunFolder) -> None:
    (run.path / ".lock").write_text(f"{DEAD_PROCESS}\n")
    assert read_status(run, NOW).state == "stopped"


def test_a_finished_run_has_every_stage_done(run: RunFolder) -> None:
    status = read_status(finished(run), NOW)
    assert status.state == "finished"
    assert all(stage.is_done for stage in status.stages)
    assert (status.stages[-1].name, status.stages[-1].done) == ("judge", len(NAMES))
    assert status.table_octets > 0
    assert any(line.startswith("judge     5 / 5, done") for line in status_lines(status))


def test_pauses_are_told(run: RunFolder) -> None:
    def check(minute: int, *, is_well: bool) -> dict[str, object]:
        at = NOW + timedelta(minutes=minute)
        return {"checked_at": at.isoformat(), "is_well": is_well, "diagnosis": "x", "hosts": []}

    checks = [check(0, is_well=True), check(5, is_well=False), check(9, is_well=True)]
    run.write_manifest(read_manifest(run) | {"control_checks": checks})
    text = "\n".join(status_lines(read_status(run, NOW)))
    assert "3 checks kept, 1 outage (2020-11-22 12:00:00 to 12:09:00 UTC)" in text
    run.write_manifest(read_manifest(run) | {"control_checks": [*checks, check(14, is_well=False)]})
    with run.lock():
        status = read_status(run, NOW)
    assert status.state == "paused"
    assert "and lasting)" in "\n".join(status_lines(status))


def test_the_status_as_json_says_the_same(run: RunFolder) -> None:
    found = json.loads(json.dumps(to_json(read_status(run, NOW))))
    assert found["state"] == "stopped"
    assert found["stages"][0]["done"] == 3
    assert found["stages"][0]["seconds_left"] == pytest.approx(13.3, abs=0.1)
    assert found["attempts"] == {}


def test_a_folder_that_is_no_run_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"run\.json"):
        read_status(RunFolder(tmp_path))

"""What joins a run and the workers of a Dask cluster; with a scheduler and a worker in this process."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import distributed
import pytest

from crawler.cli import USAGE, main
from crawler.cluster import executor as cluster
from crawler.cluster import heartbeat
from crawler.cluster import worker as cluster_worker
from crawler.cluster.executor import BrokenCluster, ClusterError, ClusterExecutor, _translated, open_cluster
from crawler.cluster.heartbeat import Hearing, Speech
from crawler.cluster.worker import Line, is_busy_with, unfit, versions
from crawler.commands import survey_commands
from crawler.commands.onlookers import open_onlookers
from crawler.commands.survey_commands import Until
from crawler.engine import Engine, Interruption, StoppedError
from crawler.judging import _results, _Task
from crawler.lane import _channels
from crawler.storing.run_folder import RunFolder
from crawler.watching.feedback import Feedback
from tests.test_engine import SETTINGS, Counts, hosts_in, observe_at_once, run_with, stage
from tests.test_heartbeat import wait_for

RUN_ID = "20261122T000000Z-00000000"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    run.write_manifest({"run_id": RUN_ID})
    return run


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make silence short."""
    for module in (heartbeat, cluster_worker):
        monkeypatch.setattr(module, "SILENCE_SECONDS", 0.2)


# --- who may serve -------------------------------------------------------------------------------------


def line_of(run: RunFolder, **changes: Any) -> Line:
    line = Line("starttls-survey-x", run.path, RUN_ID, versions(), gap_seconds=0.0)
    return dataclasses.replace(line, **changes)


def dask_worker(threads: int = 1) -> Any:
    return SimpleNamespace(state=SimpleNamespace(nthreads=threads))


def test_a_worker_that_sees_the_run_serves_it(run: RunFolder) -> None:
    assert unfit(line_of(run), dask_worker()) is None


def test_a_worker_that_cannot_serve_says_why(run: RunFolder, tmp_path: Path) -> None:
    assert unfit(line_of(run), dask_worker(threads=2)) == "runs 2 threads: start it with --nthreads 1"
    other = versions() | {"starttls-survey": "0.0.1"}
    ours = versions()["starttls-survey"]
    assert unfit(line_of(run, versions=other), dask_worker()) == f"has starttls-survey {ours}, not 0.0.1"
    assert "sees another run" in str(unfit(line_of(run, run_id="another"), dask_worker()))
    nowhere = unfit(line_of(run, folder=tmp_path / "nowhere"), dask_worker())
    assert "does not see the run folder, which all workers must share" in str(nowhere)


def test_what_became_of_the_cluster_is_said_in_its_words() -> None:
    last = SimpleNamespace(address="tcp://192.0.2.7:4000")
    for error, said in (
        (
            distributed.KilledWorker("do-1", last, 3),  # type: ignore[arg-type]  # of which the address is asked
            "4 workers died of the same work, the last was tcp://192.0.2.7:4000",
        ),
        (ModuleNotFoundError("No module named 'crawler'"), "a worker has no starttls-survey (No module"),
    ):
        translated = _translated(error)
        assert isinstance(translated, BrokenCluster)
        assert str(translated).startswith(said)
    own = ZeroDivisionError()
    assert _translated(own) is own


# --- a cluster in this process -------------------------------------------------------------------------


@contextlib.contextmanager
def local_cluster(workers: int) -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as local:
        yield local.scheduler_address


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with local_cluster(1) as address:
        yield address


@pytest.fixture
def engine(run: RunFolder, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(cluster_worker, "_prepare", lambda: None)  # this process is not only a worker's
    with open_cluster(scheduler, run, SETTINGS, Feedback(), Interruption()) as engine:
        yield engine


def give(value: object) -> object:
    return value


def divide(number: int) -> float:
    return 1 / number


def hears_pause() -> bool:
    return bool(_channels[0].pause.is_set())


def await_go_on() -> None:
    wait_for(lambda: not _channels[0].pause.is_set())


@dataclasses.dataclass
class Stubborn(Feedback):
    """What is under way goes on although it was told to stop, until the coordinator says that it waits."""

    begun: list[int] = dataclasses.field(default_factory=list)
    is_awaited: Event = dataclasses.field(default_factory=Event)

    def note(self, text: str, *, paused: bool = False) -> None:
        if paused:
            self.is_awaited.set()


_stubborn: list[Stubborn] = []
"""Of the test that runs; what a worker is given is copied, but the worker is in this process."""


def judge_stubbornly(task: _Task) -> tuple[int, dict[str, int]]:
    _stubborn[0].begun.append(task.shard)
    wait_for(_stubborn[0].is_awaited.is_set)
    return 0, {}


@pytest.fixture
def stubborn(monkeypatch: pytest.MonkeyPatch) -> Stubborn:
    monkeypatch.setattr(cluster_worker, "_prepare", lambda: None)
    _stubborn[:] = [Stubborn()]
    return _stubborn[0]


def await_stop(folder: Path) -> tuple[bool, bool]:
    wait_for(lambda: _channels[0].stop.is_set())
    return is_busy_with(folder), is_busy_with(folder / "other")


def test_a_function_is_called_on_a_worker_and_its_error_comes_back(engine: Engine) -> None:
    assert engine.workers() == 1
    assert engine.executor.submit(give, (1, "two")).result(10) == (1, "two")
    with pytest.raises(ZeroDivisionError):
        engine.executor.submit(divide, 0).result(10)


def test_some_workers_can_be_kept_standing_by(run: RunFolder) -> None:
    with local_cluster(2) as address:
        for most, at_once in ((0, 2), (1, 1), (5, 2)):
            settings = dataclasses.replace(SETTINGS, workers=most)
            with open_cluster(address, run, settings, Feedback(), Interruption()) as engine:
                assert engine.workers() == at_once


def test_a_worker_hears_the_coordinator_and_tells_what_it_is_at(run: RunFolder, engine: Engine) -> None:
    waiting = engine.executor.submit(await_stop, run.path)
    engine.channels.stop.set()
    assert waiting.result(10) == (True, False)
    assert not is_busy_with(run.path)
    assert engine.executor.submit(divide, 0).result(10) is None, "nothing is begun any more"


def test_a_stage_is_run_by_a_cluster_and_counted(run: RunFolder, engine: Engine, tmp_path: Path) -> None:
    counts = Counts()
    run_with(tmp_path, rows=25, shard_size=10)
    engine = dataclasses.replace(engine, feedback=counts)
    engine.run(stage(observe_at_once), run, SETTINGS)
    assert hosts_in(run) == sorted(f"mx{index}.example" for index in range(25))
    assert (counts.total, counts.done, counts.failures) == (25, 25, {"timeout": 5})


@pytest.mark.usefixtures("quick")
def test_what_a_coordinator_that_is_gone_gave_is_not_begun(run: RunFolder, scheduler: str) -> None:
    with distributed.Client(scheduler, set_as_default=False) as client:
        lost = ClusterExecutor(client, line_of(run)).submit(give, 1)
        with pytest.raises(BrokenCluster, match=r"no word from the coordinator for 0\.2 seconds"):
            lost.result(10)


@pytest.mark.usefixtures("quick")
def test_what_was_given_up_in_silence_is_done_again(
    run: RunFolder, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials: list[int] = []
    begin = ClusterExecutor._begin

    def counted(executor: ClusterExecutor, *more: Any) -> None:
        trials.append(more[-1])
        begin(executor, *more)

    monkeypatch.setattr(ClusterExecutor, "_begin", counted)
    line = line_of(run, name="starttls-survey-y")
    with distributed.Client(scheduler, set_as_default=False) as client:
        given = ClusterExecutor(client, line).submit(give, 1)
        wait_for(lambda: len(trials) > 1)
        with Speech(distributed.Variable(line.name, client=client).set).open():
            assert given.result(10) == 1
    assert trials[0] == 4


@pytest.mark.parametrize(
    ("gap_seconds", "given", "result"), [(1e6, hears_pause, True), (0.02, await_go_on, None)]
)
def test_what_is_taken_over_begins_no_session_in_the_gap_after_those_before(
    run: RunFolder,
    scheduler: str,
    monkeypatch: pytest.MonkeyPatch,
    gap_seconds: float,
    given: Callable[[], bool | None],
    result: bool | None,
) -> None:
    looks = itertools.count()

    def is_closing() -> bool:
        return next(looks) == 1  # at the second look, when the first worker has begun

    monkeypatch.setattr(cluster_worker, "_prepare", lambda: None)
    monkeypatch.setattr(cluster_worker, "_LAST_MOMENTS_SECONDS", 0.0)
    monkeypatch.setattr(cluster_worker, "Hearing", lambda listen, _: Hearing(listen, is_closing))
    settings = dataclasses.replace(
        SETTINGS,
        address_gap_seconds=gap_seconds,
        sessions_per_second_per_network=0.0,
        sessions_per_second_per_provider=0.0,
    )
    with open_cluster(scheduler, run, settings, Feedback(), Interruption()) as engine:
        assert engine.executor.submit(given).result(10) is result
        assert next(looks) > 2, "there were two workers"
        assert engine.executor.submit(hears_pause).result(10) is False, "this had no other"


def test_a_run_that_no_worker_is_left_for_can_be_interrupted(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_with(tmp_path, rows=2, shard_size=1)
    interruption = Interruption()
    with (
        local_cluster(1) as address,
        open_cluster(address, run, SETTINGS, Feedback(), interruption) as engine,
        distributed.Client(address, set_as_default=False) as client,
    ):
        client.retire_workers()
        interruption.ask()
        with pytest.raises(StoppedError, match="interrupted"):
            engine.run(stage(observe_at_once), run, SETTINGS)


class OnceBegun(Interruption):
    """The user asks when a worker has begun something."""

    def check(self) -> None:
        wait_for(lambda: _stubborn[0].begun)
        raise StoppedError("interrupted")


def judge_on(scheduler: str, run: RunFolder, feedback: Feedback, interruption: Interruption) -> None:
    tasks = [_Task(folder=run.path, root_store="", at=None, shard=shard) for shard in range(3)]
    with open_cluster(scheduler, run, SETTINGS, feedback, Interruption()) as engine:
        list(_results(judge_stubbornly, tasks, engine.executor, interruption))


def test_an_interrupted_judging_has_ended_on_the_workers_when_the_cluster_is_let_go(
    run: RunFolder, scheduler: str, stubborn: Stubborn
) -> None:
    with pytest.raises(StoppedError, match="interrupted"):
        judge_on(scheduler, run, stubborn, OnceBegun())
    assert stubborn.is_awaited.is_set()
    assert not is_busy_with(run.path)
    assert stubborn.begun == [0], "nothing more was begun"


def test_workers_that_do_not_end_are_not_waited_for_for_ever(
    run: RunFolder, scheduler: str, stubborn: Stubborn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_END_SECONDS", 0.1)
    with pytest.raises(StoppedError, match="interrupted"):
        judge_on(scheduler, run, Feedback(), OnceBegun())
    assert is_busy_with(run.path)
    stubborn.is_awaited.set()
    wait_for(lambda: not is_busy_with(run.path))


def test_a_scheduler_that_is_gone_holds_up_no_end(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1.0)

    def lose_scheduler() -> None:
        with contextlib.ExitStack() as ending:
            address = ending.enter_context(local_cluster(1))
            with open_cluster(address, run, SETTINGS, Feedback(), Interruption()):
                ending.close()
                raise StoppedError("interrupted")

    with pytest.raises(StoppedError, match="interrupted"):
        lose_scheduler()


def test_a_scheduler_that_ends_stops_the_run(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_with(tmp_path, rows=1, shard_size=1)
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1.0)
    with contextlib.ExitStack() as opened:
        ending = contextlib.ExitStack()
        engine = opened.enter_context(
            open_cluster(ending.enter_context(local_cluster(1)), run, SETTINGS, Feedback(), Interruption())
        )
        waiting = engine.executor.submit(await_stop, run.path)
        ending.close()
        with pytest.raises(BrokenCluster, match="the scheduler of the cluster is gone"):
            waiting.result(10)
        with pytest.raises(BrokenCluster, match="the scheduler of the cluster is gone"):
            engine.executor.submit(give, 1).result(10)
        with pytest.raises(StoppedError, match="the scheduler of the cluster is gone"):
            engine.run(stage(observe_at_once), run, SETTINGS)


def test_a_worker_that_came_and_cannot_serve_stops_the_run(run: RunFolder, engine: Engine) -> None:
    run.write_manifest({"run_id": "another"})  # as a worker sees it that has another folder there
    with pytest.raises(StoppedError, match=r"stage made_up: worker tcp://.* sees another run"):
        engine.run(stage(observe_at_once), run_with(run.path.parent, rows=1, shard_size=1), SETTINGS)


def test_a_cluster_that_cannot_serve_is_refused_in_one_line(
    run: RunFolder, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(cluster, "_WORKERS_SECONDS", 0.1)
    with local_cluster(0) as empty:
        for address, said in (
            ("tcp://127.0.0.1:1", "--scheduler tcp://127.0.0.1:1: no Dask scheduler answers"),
            ("nowhere", "--scheduler nowhere: no Dask scheduler answers"),
            (empty, f"--scheduler {empty}: it has no workers"),
        ):
            with pytest.raises(ClusterError) as refused:
                open_cluster(address, run, SETTINGS, Feedback(), Interruption()).__enter__()
            assert str(refused.value).startswith(said)
            assert "\n" not in str(refused.value)
    monkeypatch.setattr(cluster, "versions", lambda: versions() | {"distributed": "0"})
    with pytest.raises(ClusterError, match=f"--scheduler {scheduler}: it has distributed .*, not 0"):
        open_cluster(scheduler, run, SETTINGS, Feedback(), Interruption()).__enter__()


def test_who_watches_from_elsewhere_is_told_of_the_clusters_workers(
    run: RunFolder, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = dict.fromkeys(("list", "settings", "lab", "versions", "started_at", "finished_at"), "")
    run.write_manifest({"run_id": RUN_ID, **facts})
    monkeypatch.setattr(survey_commands, "observe", lambda *_: None)
    log, many = run.path.parent / "log.json", dataclasses.replace(SETTINGS, workers=5)
    with open_onlookers(run, log, None) as onlookers:
        survey_commands._survey(run, many, Until.RESOLVE, Interruption(), scheduler, onlookers)
    assert json.loads(log.read_text().splitlines()[0])["workers"] == 1


def test_the_extra_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("example.com\n")
    arguments = ["run", str(names), "--out", str(tmp_path / "run"), "--resolver", "127.0.0.1:1"]
    monkeypatch.setattr("sys.argv", ["starttls-survey", *arguments, "--scheduler", "tcp://127.0.0.1:1"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == USAGE
    assert capsys.readouterr().err == (
        "starttls-survey: --scheduler: needs Dask: pip install -e '.[cluster]' in the checkout\n"
    )

"""The engine and its lanes, with a made-up stage on threads in place of processes."""

import contextlib
import dataclasses
import queue
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from crawler.cluster.heartbeat import SilenceError
from crawler.engine import Engine, Interruption, StoppedError, deal_shards
from crawler.lane import Channels, Lane, Report, _Tally, join_channels, run_lane
from crawler.open_shard import OpenShard, partial_path, rows_in_partials
from crawler.outcomes import DnssecStatus, LookupStatus
from crawler.records import AddressLookup, Certificate, MxHost
from crawler.schema import to_table
from crawler.settings import Settings
from crawler.stage import QUEUES, Observation, Row, Stage, certificate_parts, work_list
from crawler.storing.parquet_files import write_parquet
from crawler.storing.run_folder import RunFolder
from crawler.watching.feedback import Feedback

SETTINGS = Settings(hello_name="scan.example", domains_in_flight=4)
NOWHERE = AddressLookup(status=LookupStatus.NODATA, dnssec_status=DnssecStatus.INSECURE)


@dataclass
class Counts(Feedback):
    """A Feedback that remembers."""

    total: int = 0
    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    on_advance: Callable[[], None] = lambda: None
    notes: list[str] = field(default_factory=list)

    def begin(self, stage: str, total: int, done: int, least_seconds: float = 0.0) -> None:
        self.total, self.done = total, done

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        self.done += done
        self.failures.update(failures)
        self.on_advance()

    def note(self, text: str, *, paused: bool = False) -> None:
        self.notes.append(f"{text} ({paused=})")


@dataclass
class Watched:
    """A Watch whose problem is said."""

    problem: str | None
    records: int = 0

    def record(self) -> None:
        self.records += 1


@dataclass
class FakePacer:
    paused: threading.Event

    def pause(self) -> None:
        self.paused.set()

    def go_on(self) -> None:
        self.paused.clear()

    def waits(self) -> dict[str, int]:
        return {"whole": 1} if self.paused.is_set() else {}


@dataclass
class PausedTools:
    pacer: FakePacer


def host(row: Row) -> Observation:
    record = MxHost(
        mx_host=row["mx_host"], provider="x", a=NOWHERE, aaaa=NOWHERE, resolved_at=datetime.now(UTC)
    )
    return Observation({"mx_hosts": [record]}, row["failure"], (b"not a certificate",))


async def observe_at_once(row: Row, _tools: None) -> Observation:
    await trio.lowlevel.checkpoint()
    return host(row)


@contextlib.asynccontextmanager
async def no_tools(_settings: Settings) -> AsyncIterator[None]:
    yield


def stage(observe: Callable[[Row, None], Awaitable[Observation]]) -> Stage:
    return Stage(
        name="made_up",
        tables=("mx_hosts",),
        key=("mx_host",),
        open_tools=no_tools,
        observe=observe,
        in_flight="domains_in_flight",
    )


def run_with(tmp_path: Path, rows: int, shard_size: int) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    work = {
        "mx_host": [f"mx{index}.example" for index in range(rows)],
        "failure": ["timeout" if index % 5 == 0 else None for index in range(rows)],
        "shard": [index // shard_size for index in range(rows)],
    }
    write_parquet(work_list(run, "made_up"), pa.table(work))
    return run


@contextlib.contextmanager
def engine_for(counts: Counts, interruption: Interruption, workers: int = 2) -> Iterator[Engine]:
    channels = Channels(reports=queue.SimpleQueue(), stop=threading.Event(), pause=threading.Event())
    with ThreadPoolExecutor(workers, initializer=join_channels, initargs=(channels,)) as executor:
        yield Engine(
            executor=executor,
            workers=lambda: workers,
            channels=channels,
            feedback=counts,
            interruption=interruption,
        )


def hosts_in(run: RunFolder) -> list[str]:
    return sorted(r.mx_host for shard in run.shards("mx_hosts") for r in run.read_part("mx_hosts", shard))


def test_every_row_is_observed_once_and_counted(tmp_path: Path) -> None:
    run, counts = run_with(tmp_path, rows=25, shard_size=10), Counts()
    with engine_for(counts, Interruption()) as engine:
        engine.run(stage(observe_at_once), run, SETTINGS)
    assert hosts_in(run) == sorted(f"mx{index}.example" for index in range(25))
    assert (counts.total, counts.done) == (25, 25)
    assert counts.failures == {"timeout": 5}
    assert len(list(certificate_parts(run).glob("*.parquet"))) == 3


def test_rows_that_a_dead_worker_wrote_and_did_not_report_are_counted_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, counts = run_with(tmp_path, rows=25, shard_size=10), Counts()

    monkeypatch.setattr(_Tally, "report", lambda tally, lane, *_: Report(lane.shards[0], 0, {}, None, 0, {}))
    with engine_for(counts, Interruption()) as engine:
        engine.run(stage(observe_at_once), run, SETTINGS)
    assert (counts.total, counts.done) == (25, 25)


def test_shards_whose_part_stands_are_not_done_again(tmp_path: Path) -> None:
    run = run_with(tmp_path, rows=20, shard_size=10)
    run.write_part("mx_hosts", 0, [])
    counts = Counts()
    with engine_for(counts, Interruption()) as engine:
        engine.run(stage(observe_at_once), run, SETTINGS)
    assert hosts_in(run) == sorted(f"mx{index}.example" for index in range(10, 20))
    assert counts.done == 20


def test_a_slow_row_of_one_shard_does_not_hold_up_the_next(tmp_path: Path) -> None:
    run = run_with(tmp_path, rows=20, shard_size=10)
    last_shard_done = threading.Event()

    async def observe(row: Row, _tools: None) -> Observation:
        if row["mx_host"] == "mx0.example":
            with trio.fail_after(10):
                while not last_shard_done.is_set():
                    await trio.sleep(0.001)
        if row["mx_host"] == "mx19.example":
            last_shard_done.set()
        return host(row)

    with engine_for(Counts(), Interruption(), workers=1) as engine:
        engine.run(stage(observe), run, SETTINGS)
    assert len(hosts_in(run)) == 20


def test_no_more_rows_are_taken_up_at_once_than_the_setting_says(tmp_path: Path) -> None:
    run = run_with(tmp_path, rows=40, shard_size=10)
    running, most = 0, 0

    async def observe(row: Row, _tools: None) -> Observation:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(0.001)
        running -= 1
        return host(row)

    with engine_for(Counts(), Interruption(), workers=1) as engine:
        engine.run(stage(observe), run, SETTINGS)
    assert most == SETTINGS.domains_in_flight


def test_an_interrupted_stage_stops_and_keeps_what_is_complete(tmp_path: Path) -> None:
    run, interruption = run_with(tmp_path, rows=20, shard_size=10), Interruption()

    async def observe(row: Row, _tools: None) -> Observation:
        if row["shard"] == 1:
            await trio.sleep_forever()
        return host(row)

    with (
        engine_for(Counts(on_advance=interruption.ask), interruption) as engine,
        pytest.raises(StoppedError, match="interrupted"),
    ):
        engine.run(stage(observe), run, SETTINGS)
    assert run.shards("mx_hosts") == [0]
    assert not list(run.path.rglob(".*"))
    with engine_for(Counts(), Interruption()) as engine:
        engine.run(stage(observe_at_once), run, SETTINGS)
    assert len(hosts_in(run)) == 20


def test_a_row_without_an_answer_ends_the_run_by_its_name_and_the_others_are_kept(tmp_path: Path) -> None:
    run = run_with(tmp_path, rows=20, shard_size=10)

    async def observe(row: Row, _tools: None) -> Observation:
        if row["mx_host"] == "mx13.example" and is_poisoned:
            raise ValueError("no answer")
        return host(row)

    is_poisoned = True
    told = r"^stage made_up, mx_host mx13.example: ValueError: no answer \(test_engine.py, line \d+\)$"
    for _ in range(2):
        with engine_for(Counts(), Interruption()) as engine, pytest.raises(StoppedError, match=told):
            engine.run(stage(observe), run, SETTINGS)
        assert 1 not in run.shards("mx_hosts")
    is_poisoned = False
    with engine_for(Counts(), Interruption()) as engine:
        engine.run(stage(observe), run, SETTINGS)
    assert len(hosts_in(run)) == 20


def test_a_stage_without_rows_leaves_an_empty_part(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    empty = pa.table({"mx_host": pa.array([], pa.string()), "shard": pa.array([], pa.int64())})
    write_parquet(work_list(run, "made_up"), empty)
    with engine_for(Counts(), Interruption()) as engine:
        engine.run(stage(observe_at_once), run, SETTINGS)
    assert run.shards("mx_hosts") == [0]
    assert hosts_in(run) == []


def test_a_full_disk_is_said_as_the_system_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "part-000000.parquet")

    monkeypatch.setattr(RunFolder, "write_part_table", fail)
    run = run_with(tmp_path, rows=5, shard_size=5)
    with engine_for(Counts(), Interruption()) as engine, pytest.raises(OSError, match="No space left"):
        engine.run(stage(observe_at_once), run, SETTINGS)


def test_a_paced_stage_pauses_while_the_watch_knows_of_a_problem(tmp_path: Path) -> None:
    run, counts = run_with(tmp_path, rows=3, shard_size=3), Counts()
    watch = Watched(problem="port 25 is blocked")
    paused = threading.Event()

    @contextlib.asynccontextmanager
    async def open_pacer(_settings: Settings) -> AsyncIterator["PausedTools"]:
        yield PausedTools(FakePacer(paused))

    async def observe(row: Row, _tools: object) -> Observation:
        with trio.fail_after(10):
            while not paused.is_set():
                await trio.sleep(0.01)
            watch.problem = None
            while paused.is_set():
                await trio.sleep(0.01)
        return host(row)

    paced = dataclasses.replace(stage(observe), open_tools=open_pacer, is_paced=True)
    with engine_for(counts, Interruption(), workers=1) as engine:
        engine.run(paced, run, SETTINGS, watch)
    assert counts.notes == [
        "paused: port 25 is blocked (paused=True)",
        "goes on: the control hosts answer (paused=False)",
    ]
    assert counts.done == 3
    assert watch.records == 2


def test_a_stage_that_asks_no_mail_host_minds_no_watch(tmp_path: Path) -> None:
    run, counts = run_with(tmp_path, rows=3, shard_size=3), Counts()
    with engine_for(counts, Interruption()) as engine:
        engine.run(stage(observe_at_once), run, SETTINGS, Watched(problem="port 25 is blocked"))
    assert counts.notes == []


def test_a_queue_is_never_in_two_lanes() -> None:
    dealt = deal_shards([0, 1, 2, QUEUES, QUEUES + 1, 2 * QUEUES, 3 * QUEUES], lanes=2)
    assert sorted(shard for lane in dealt for shard in lane) == [0, 1, 2, 64, 65, 128, 192]
    queues = [{shard % QUEUES for shard in lane} for lane in dealt]
    assert queues[0].isdisjoint(queues[1])


def test_a_lane_takes_from_its_queues_in_proportion() -> None:
    (lane,) = deal_shards([*range(0, 5 * QUEUES, QUEUES), 1, QUEUES + 1], lanes=1)
    assert [shard % QUEUES for shard in lane] == [0, 1, 0, 0, 0, 1, 0]


def test_there_are_no_lanes_without_shards() -> None:
    assert deal_shards([5], lanes=3) == [(5,)]
    assert deal_shards([], lanes=3) == []


@given(shards=st.sets(st.integers(0, 2000)), lanes=st.integers(1, 9))
def test_every_shard_is_dealt_once(shards: set[int], lanes: int) -> None:
    dealt = deal_shards(shards, lanes)
    assert sorted(shard for lane in dealt for shard in lane) == sorted(shards)
    assert len(dealt) <= lanes


def test_the_rate_of_the_whole_is_shared_among_the_lanes(tmp_path: Path) -> None:
    run, shares = run_with(tmp_path, rows=20, shard_size=10), []

    @contextlib.asynccontextmanager
    async def note_share(settings: Settings) -> AsyncIterator[None]:
        shares.append(settings.sessions_per_second)
        yield

    with engine_for(Counts(), Interruption()) as engine:
        engine.run(dataclasses.replace(stage(observe_at_once), open_tools=note_share), run, SETTINGS)
    assert shares == [SETTINGS.sessions_per_second / 2] * 2


def test_lanes_that_wait_for_workers_to_come_are_of_stages_that_are_not_paced(tmp_path: Path) -> None:
    run, shares = run_with(tmp_path, rows=20, shard_size=1), list[float]()

    @contextlib.asynccontextmanager
    async def note_share(settings: Settings) -> AsyncIterator[PausedTools]:
        shares.append(settings.sessions_per_second)
        yield PausedTools(FakePacer(threading.Event()))

    noted = dataclasses.replace(stage(observe_at_once), open_tools=note_share)
    for is_paced, lanes in ((False, 8), (True, 2)):
        run.remove_parts("mx_hosts")
        shares.clear()
        with engine_for(Counts(), Interruption()) as engine:
            engine = dataclasses.replace(engine, lanes_per_worker=4)
            engine.run(dataclasses.replace(noted, is_paced=is_paced), run, SETTINGS)
        assert shares == [SETTINGS.sessions_per_second / lanes] * lanes


def test_rows_that_are_done_again_are_counted_once(tmp_path: Path) -> None:
    run, counts = run_with(tmp_path, rows=3, shard_size=3), Counts()
    with engine_for(counts, Interruption()) as engine:
        engine.channels.reports.put(Report(0, 2, {}, None, 0, {}))  # of a worker that died before it saved
        engine.run(stage(observe_at_once), run, SETTINGS)
    assert counts.done == 3
    assert len(hosts_in(run)) == 3


def test_a_lane_that_hears_nobody_any_more_saves_nothing(tmp_path: Path) -> None:
    run, asked = run_with(tmp_path, rows=10, shard_size=10), list[str]()

    async def observe_half(row: Row, _tools: None) -> Observation:
        asked.append(row["mx_host"])
        if len(asked) > 5:
            await trio.sleep_forever()
        return host(row)

    class Lost:
        def is_set(self) -> bool:
            raise SilenceError

    join_channels(Channels(reports=queue.SimpleQueue(), stop=Lost(), pause=threading.Event()))
    lane = Lane(stage=stage(observe_half), folder=run.path, settings=SETTINGS, shards=(0,))
    with pytest.RaisesGroup(SilenceError, flatten_subgroups=True):
        run_lane(lane)
    assert len(asked) > 5
    assert not list(run.work_path("partial").rglob("*.parquet"))


def test_an_executor_that_breaks_stops_the_run_and_says_why(tmp_path: Path) -> None:
    class Broken(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(BrokenExecutor("nobody is left"))
            return future

    run = run_with(tmp_path, rows=3, shard_size=3)
    with engine_for(Counts(), Interruption()) as engine, Broken() as executor:
        engine = dataclasses.replace(engine, executor=executor)
        with pytest.raises(StoppedError, match="stage made_up: nobody is left"):
            engine.run(stage(observe_at_once), run, SETTINGS)


def test_lanes_that_nobody_will_ever_run_hold_up_no_interruption(tmp_path: Path) -> None:
    lanes: list[Future[Any]] = []

    class Deserted(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            lanes.append(Future())
            return lanes[-1]

    run, interruption = run_with(tmp_path, rows=20, shard_size=10), Interruption()
    interruption.ask()
    with engine_for(Counts(), interruption) as engine, Deserted() as executor:
        engine = dataclasses.replace(engine, executor=executor)
        with pytest.raises(StoppedError, match="interrupted"):
            engine.run(stage(observe_at_once), run, SETTINGS)
    assert [lane.cancelled() for lane in lanes] == [True, True]


def test_what_was_done_of_a_shard_is_not_done_again(tmp_path: Path) -> None:
    run, interruption, asked = run_with(tmp_path, rows=20, shard_size=20), Interruption(), list[str]()

    async def observe_half(row: Row, _tools: None) -> Observation:
        asked.append(row["mx_host"])
        if len(asked) > 10:
            await trio.sleep_forever()
        return host(row)

    with (
        engine_for(Counts(on_advance=interruption.ask), interruption, workers=1) as engine,
        pytest.raises(StoppedError, match="interrupted"),
    ):
        engine.run(stage(observe_half), run, SETTINGS)
    assert run.shards("mx_hosts") == []
    assert sum(rows_in_partials(run, stage(observe_half)).values()) == 10
    done, asked[:] = set(asked[:10]), []

    async def observe_rest(row: Row, _tools: None) -> Observation:
        asked.append(row["mx_host"])
        return host(row)

    counts = Counts()
    with engine_for(counts, Interruption()) as engine:
        engine.run(stage(observe_rest), run, SETTINGS)
    assert done.isdisjoint(asked)
    assert len(hosts_in(run)) == len(set(hosts_in(run))) == counts.done == 20
    assert not list(run.work_path("partial").rglob("*.parquet"))


def test_what_is_done_of_a_shard_is_saved_now_and_then(tmp_path: Path) -> None:
    run = run_with(tmp_path, rows=20, shard_size=20)
    saved = 0

    async def observe(row: Row, _tools: None) -> Observation:
        nonlocal saved
        with trio.fail_after(10):
            while row["mx_host"] == "mx19.example" and saved < 19:
                saved = sum(rows_in_partials(run, stage(observe)).values())
                await trio.sleep(0.01)
        return host(row)

    with engine_for(Counts(), Interruption()) as engine:
        engine.run(stage(observe), run, dataclasses.replace(SETTINGS, save_seconds=0.02))
    assert saved == 19
    assert len(hosts_in(run)) == 20


def test_rows_that_are_done_faster_than_written_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, asked, unwritten = run_with(tmp_path, rows=900, shard_size=5), list[str](), list[int]()
    write = OpenShard.write

    def write_slowly(shard: OpenShard) -> None:
        time.sleep(0.002)
        write(shard)
        unwritten.append(len(asked) - 5 * len(unwritten))

    async def observe(row: Row, _tools: None) -> Observation:
        asked.append(row["mx_host"])
        return await observe_at_once(row, None)

    monkeypatch.setattr(OpenShard, "write", write_slowly)
    with engine_for(Counts(), Interruption(), workers=1) as engine:
        engine.run(stage(observe), run, dataclasses.replace(SETTINGS, domains_in_flight=150))
    assert len(hosts_in(run)) == 900
    assert max(unwritten) <= 350  # 150 in flight, five shards; without waiting it would be 750


def test_a_partial_that_is_not_whole_does_not_count(tmp_path: Path) -> None:
    run, two = run_with(tmp_path, rows=4, shard_size=4), ("certificates", "mx_hosts")
    staged = dataclasses.replace(stage(observe_at_once), tables=two)
    write_parquet(partial_path(run, staged, "certificates", 0, 0), to_table(Certificate, []))
    assert len(OpenShard(run, staged, 0).work) == 4


def test_a_shard_whose_rows_were_all_saved_is_written_without_asking_again(tmp_path: Path) -> None:
    run = run_with(tmp_path, rows=4, shard_size=4)
    shard = OpenShard(run, stage(observe_at_once), 0)
    for row in shard.work.to_pylist():
        shard.add(host(row))
    shard.save()
    counts = Counts()

    async def observe(row: Row, _tools: None) -> Observation:
        raise AssertionError(row)

    with engine_for(counts, Interruption()) as engine:
        engine.run(stage(observe), run, SETTINGS)
    assert len(hosts_in(run)) == counts.done == 4


@dataclass
class WaitingTools:
    """Tools that say what all wait for."""

    problem: str | None


def test_what_the_lanes_wait_for_is_said_once_and_when_it_is_over(tmp_path: Path) -> None:
    run, counts = run_with(tmp_path, rows=2, shard_size=1), Counts()
    held = WaitingTools("the resolver does not answer")

    @contextlib.asynccontextmanager
    async def open_waiting(_settings: Settings) -> AsyncIterator[WaitingTools]:
        yield held

    async def observe(row: Row, _tools: object) -> Observation:
        with trio.fail_after(10):
            while not counts.notes:
                await trio.sleep(0.01)
        held.problem = None
        return host(row)

    with engine_for(counts, Interruption()) as engine:
        engine.run(dataclasses.replace(stage(observe), open_tools=open_waiting), run, SETTINGS)
    assert counts.notes == [
        "paused: the resolver does not answer (paused=True)",
        "goes on: the resolver answers (paused=False)",
    ]

"""The watch over the network: what pauses a run, what lets it go on, and what run.json keeps of it."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from crawler.control import ControlCheck
from crawler.control_checks import outages, record_checks, remember
from crawler.control_watch import UNGUARDED, ControlWatch
from crawler.engine import Interruption, StoppedError
from crawler.settings import Settings
from crawler.storing.run_folder import RunFolder
from crawler.vantage import begun
from crawler.watching.feedback import Feedback
from tests.control_network import BLOCKED, LISTED, WELL, Behaviour, asked
from tests.probes.peers import lab_settings

HASTE: dict[str, Any] = {"connect_timeout_seconds": 0.01}
Hosts = tuple[Behaviour, ...]
FINE: Hosts = (WELL, WELL)
SHUT: Hosts = (BLOCKED, BLOCKED)
SHUNNED: Hosts = (LISTED, LISTED)


@dataclass
class Notes(Feedback):
    """Remembers what was said."""

    said: list[tuple[str, bool]] = field(default_factory=list)
    on_note: Callable[[], None] = lambda: None

    def note(self, text: str, *, paused: bool = False) -> None:
        self.said.append((text, paused))
        self.on_note()


class Networks:
    """Behaves as each of these in turn, at last as the last for ever; control hosts are asked in no time."""

    def __init__(self, *networks: Hosts) -> None:
        self._networks: Iterator[Hosts] = itertools.chain(networks, itertools.repeat(networks[-1]))
        self.asked_at: list[float] = []

    async def ask(self, settings: Settings) -> ControlCheck:
        self.asked_at.append(trio.current_time())
        return await asked(*next(self._networks), **HASTE)


@contextmanager
def watching(
    tmp_path: Path, networks: Networks, notes: Notes, interruption: Interruption | None = None, **changes: Any
) -> Iterator[ControlWatch]:
    """Give a watch that hurries, over a run."""
    run = RunFolder(tmp_path)
    run.write_manifest({"run_id": "1"})
    settings = lab_settings(**({"control_hosts": ("a", "b"), "control_interval_seconds": 0.01} | changes))
    hurry = {"recheck_seconds": 0.01, "waiting_seconds": 0.01}
    with ControlWatch(
        run, settings, notes, interruption or Interruption(), ask=networks.ask, **hurry
    ) as watch:
        yield watch


def checks_in(tmp_path: Path) -> list[str]:
    return [check["diagnosis"] for check in RunFolder(tmp_path).read_manifest()["control_checks"]]


# --- what is asked when ---


@pytest.mark.parametrize(
    ("networks", "times", "problem"),
    [
        ((FINE,), [0, 300, 600, 900], None),
        ((SHUT, FINE), [0, 5, 305, 605, 905], None),
        ((FINE, SHUT, FINE), [0, 300, 305, 605, 905], None),
        ((FINE, SHUT, SHUT, FINE), [0, 300, 305, 335, 635, 935], None),
        ((FINE, FINE, FINE, SHUT), [0, 300, 600, 900, 905, 935, 965, 995], "port 25"),
        ((FINE, FINE, FINE, SHUT, SHUT, SHUNNED), [0, 300, 600, 900, 905, 935, 965, 995], "turn this"),
    ],
)
async def test_two_failed_checks_are_a_problem_and_one_that_is_well_ends_it(
    autojump_clock: MockClock,
    tmp_path: Path,
    networks: Sequence[Hosts],
    times: list[int],
    problem: str | None,
) -> None:
    asked_of = Networks(*networks)
    settings = lab_settings(control_hosts=("a", "b"))
    watch = ControlWatch(RunFolder(tmp_path), settings, Notes(), Interruption(), ask=asked_of.ask)
    start = trio.current_time()
    with trio.move_on_after(1000):
        await watch.watch()
    assert [round(at - start) for at in asked_of.asked_at] == times
    assert (watch.problem is None) is (problem is None)
    assert (problem or "") in (watch.problem or "")


async def test_one_lost_packet_pauses_nothing(autojump_clock: MockClock, tmp_path: Path) -> None:
    networks = Networks(FINE, SHUT, FINE)
    watch = ControlWatch(
        RunFolder(tmp_path), lab_settings(control_hosts=("a",)), Notes(), Interruption(), ask=networks.ask
    )
    problems = []

    async def look() -> None:
        while True:
            problems.append(watch.problem)
            await trio.sleep(1)

    with trio.move_on_after(400):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await watch.watch()
    assert len(networks.asked_at) == 3
    assert set(problems) == {None}


# --- a run and its watch ---


def test_a_well_network_is_asked_once_and_nothing_is_said(tmp_path: Path) -> None:
    notes, networks = Notes(), Networks(FINE)
    with watching(tmp_path, networks, notes, control_interval_seconds=300) as watch:
        for _stage in range(3):
            watch.begin()
        assert watch.problem is None
    assert (notes.said, len(networks.asked_at)) == ([], 1)
    assert checks_in(tmp_path) == ["all_well"]


def test_a_blocked_network_holds_the_run_until_it_recovers(tmp_path: Path) -> None:
    recovers = threading.Event()

    class Recovering(Networks):
        async def ask(self, settings: Settings) -> ControlCheck:
            return await (asked(*FINE) if recovers.is_set() else super().ask(settings))

    notes = Notes(on_note=recovers.set)
    with watching(tmp_path, Recovering(SHUT), notes) as watch:
        watch.begin()
        assert watch.problem is None
    (wrong, first_paused), (well, then_paused) = notes.said
    assert wrong.startswith("this network cannot survey: port 25 seems blocked")
    assert (first_paused, then_paused) == (True, False)
    assert well == "goes on: the control hosts answer"
    assert checks_in(tmp_path)[:3] == ["port_blocked", "port_blocked", "all_well"]


def test_another_problem_is_said_as_well_and_the_same_one_is_not(tmp_path: Path) -> None:
    """The network is shut for five checks after that was said; then it is listed."""
    interruption = Interruption()
    notes = Notes()

    class Changing(Networks):
        async def ask(self, settings: Settings) -> ControlCheck:
            return await super().ask(settings) if notes.said else await asked(*SHUT, **HASTE)

    notes.on_note = lambda: interruption.ask() if len(notes.said) == 2 else None
    with (
        watching(tmp_path, Changing(*[SHUT] * 5, SHUNNED), notes, interruption) as watch,
        pytest.raises(StoppedError, match="interrupted"),
    ):
        watch.begin()
    (first, _), (second, _) = notes.said
    assert first.startswith("this network cannot survey: port 25 seems blocked")
    assert second.startswith("this network cannot survey: control hosts turn this scanner away")


def test_ctrl_c_stops_a_run_that_waits(tmp_path: Path) -> None:
    interruption = Interruption()
    notes = Notes(on_note=interruption.ask)
    with (
        watching(tmp_path, Networks(SHUT), notes, interruption) as watch,
        pytest.raises(StoppedError, match="interrupted"),
    ):
        watch.begin()
    assert set(checks_in(tmp_path)) == {"port_blocked"}


def test_ctrl_c_stops_a_run_whose_first_check_is_under_way(tmp_path: Path) -> None:
    interruption = Interruption()

    async def ask(_settings: Settings) -> ControlCheck:
        interruption.ask()
        await trio.sleep_forever()
        raise AssertionError

    run = RunFolder(tmp_path)
    settings = lab_settings(control_hosts=("a",))
    with (
        ControlWatch(run, settings, Notes(), interruption, ask=ask) as watch,
        pytest.raises(StoppedError),
    ):
        watch.begin()
    assert not run.manifest_path.exists()


def test_a_network_that_fails_later_is_a_problem_then(tmp_path: Path) -> None:
    with watching(tmp_path, Networks(FINE, SHUNNED), Notes()) as watch:
        watch.begin()
        for _ in range(500):
            if watch.problem is not None:
                break
            time.sleep(0.01)
        assert "turn this scanner away" in (watch.problem or "")
    assert checks_in(tmp_path)[:2] == ["all_well", "turned_away"]


def test_without_control_hosts_that_is_said_once_and_nobody_is_asked(tmp_path: Path) -> None:
    notes, networks = Notes(), Networks(SHUT)
    with watching(tmp_path, networks, notes, control_hosts=()) as watch:
        watch.begin()
        watch.begin()
        assert watch.problem is None
    assert notes.said == [(UNGUARDED, False)]
    assert networks.asked_at == []
    assert RunFolder(tmp_path).read_manifest() == {"run_id": "1"}


def test_a_watch_that_never_begins_asks_nobody_and_writes_nothing(tmp_path: Path) -> None:
    networks = Networks(FINE)
    with watching(tmp_path, networks, Notes()):
        pass
    assert networks.asked_at == []
    assert RunFolder(tmp_path).read_manifest() == {"run_id": "1"}


def test_a_programming_error_in_the_watch_is_not_taken_for_a_network(tmp_path: Path) -> None:
    async def ask(_settings: Settings) -> ControlCheck:
        raise ZeroDivisionError

    settings = lab_settings(control_hosts=("a",))
    with (
        ControlWatch(RunFolder(tmp_path), settings, Notes(), Interruption(), ask=ask) as watch,
        pytest.raises(ZeroDivisionError),
    ):
        watch.begin()


# --- run.json ---


def check(diagnosis: str, number: int) -> dict[str, Any]:
    return {"diagnosis": diagnosis, "checked_at": str(number)}


def kept_of(diagnoses: str) -> str:
    kept: list[dict[str, Any]] = []
    for number, diagnosis in enumerate(diagnoses):
        remember(kept, check(diagnosis, number))
    return " ".join(entry["diagnosis"] + entry["checked_at"] for entry in kept)


@pytest.mark.parametrize(
    ("diagnoses", "kept"),
    [
        ("a", "a0"),
        ("aa", "a0 a1"),
        ("aaaaa", "a0 a4"),
        ("aaabbbba", "a0 a2 b3 b6 a7"),
        ("abab", "a0 b1 a2 b3"),
    ],
)
def test_the_first_check_the_last_and_every_change_are_kept(diagnoses: str, kept: str) -> None:
    assert kept_of(diagnoses) == kept


def test_what_is_kept_of_a_restless_network_is_bounded() -> None:
    kept = kept_of("ab" * 5000).split()
    assert len(kept) == 200
    assert (kept[0], kept[-1]) == ("a0", "b9999")


def test_checks_of_a_run_that_goes_on_are_added_to_those_before(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_manifest({"run_id": "1"})
    record_checks(run, [check("a", 0), check("b", 1)], {"made": 3, "failed": 1})
    record_checks(run, [], {})
    record_checks(run, [check("b", 2), check("b", 3)], {"made": 2, "failed": 0})
    manifest = run.read_manifest()
    assert manifest["run_id"] == "1"
    assert [entry["checked_at"] for entry in manifest["control_checks"]] == ["0", "1", "3"]
    assert manifest["control_totals"] == {"made": 5, "failed": 1}


def test_the_vantage_learns_from_checks_which_addresses_this_machine_sends_from(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    vantage = begun(lab_settings(hello_name="scan.test", resolver="127.0.0.1:53"), None)
    unknown = {"ipv4_sources": None, "ipv6_sources": None}
    assert vantage == {"hello_name": "scan.test", "resolver": "127.0.0.1:53", **unknown}
    run.write_manifest({"vantage": vantage})
    record_checks(run, [check("a", 0)], {})
    assert run.read_manifest()["vantage"] == vantage
    for sources in (["192.0.2.7"], ["192.0.2.9", "192.0.2.7"]):
        record_checks(run, [check("a", 1) | {"sources": sources}], {})
    known = {"ipv4_sources": ["192.0.2.7", "192.0.2.9"], "ipv6_sources": []}
    assert run.read_manifest()["vantage"] == vantage | known
    elsewhere = begun(lab_settings(resolver="[::1]:53"), run.read_manifest()["vantage"])
    assert elsewhere["resolver"] == "[::1]:53"
    assert elsewhere["ipv4_sources"] == known["ipv4_sources"]


async def test_a_check_tells_from_where_the_control_hosts_are_asked(autojump_clock: MockClock) -> None:
    assert (await asked(WELL, BLOCKED, **HASTE)).entry()["sources"] == ["127.0.0.1"]


def at(minute: int) -> datetime:
    return datetime(2026, 3, 1, 12, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("checks", "times"),
    [
        ("", []),
        ("wwww", []),
        ("wwbbw", [(1, 4)]),
        ("wbwwbw", [(0, 2), (3, 5)]),
        ("bbw", [(0, 2)]),
        ("wwb", [(1, 2)]),
        ("b", [(0, 0)]),
    ],
)
def test_an_outage_lasts_from_the_last_good_check_to_the_next(
    checks: str, times: list[tuple[int, int]]
) -> None:
    entries = [
        {"checked_at": at(minute).isoformat(), "is_well": letter == "w"}
        for minute, letter in enumerate(checks)
    ]
    assert outages(entries) == [(at(begun), at(ended)) for begun, ended in times]

"""The lab's hostile and passing hosts, met by real sessions: each must come to the truth declared of it."""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
import trio

from crawler.lab.certificate_scenarios import CERTIFICATE_SCENARIOS
from crawler.lab.smtp_scenarios import HOSTILE_SCENARIOS, PASSING_SCENARIOS, SMTP_SCENARIOS
from crawler.lab.world import World
from crawler.lab.zones import INSECURE
from crawler.probes.session import observe_session
from crawler.records import Session
from crawler.settings import Settings

if TYPE_CHECKING:
    from tests.lab.conftest import RunningLab, StartLab

Row = dict[str, Any]

SHORT_SECONDS = 0.7
"""Limit of the stage in which a server is slow, or the first attempt not patient enough."""
PATIENCE_SECONDS = 20.0
GREETING_DELAY_SECONDS = 1.2
"""In place of the lab's, which is made for a survey's limits."""

_LIMIT_OF_STAGE = {
    "greeting": "greeting_timeout_seconds",
    "hello": "reply_timeout_seconds",
    "starttls": "reply_timeout_seconds",
    "handshake": "handshake_timeout_seconds",
    "hello_tls": "reply_timeout_seconds",
}


def a_world(words: Iterable[str]) -> World:
    """Return one host for each word of SMTP_SCENARIOS, named by it."""
    world = World(addresses_per_behaviour=1, addresses_per_slow_behaviour=1)
    certificate = CERTIFICATE_SCENARIOS["good"]
    for word in words:
        name = f"{word.replace('_', '-')}.example"
        site = world.shared_site(word, "modern", name)
        certified = world.certify(certificate, name, name, "ecdsa")
        world.mail_host(name, INSECURE, name, [site], certified)
    for name, server in world.internet.mail_servers.items():
        if server.greeting_delay_seconds:
            world.internet.mail_servers[name] = dataclasses.replace(
                server, greeting_delay_seconds=GREETING_DELAY_SECONDS
            )
    return world


def settings_for(row: Row, port: int) -> Settings:
    """Return limits under which only what the row calls a timeout is one."""
    limits = dict.fromkeys((*_LIMIT_OF_STAGE.values(), "session_timeout_seconds"), PATIENCE_SECONDS)
    if row["failure"] == "timeout":
        limits[_LIMIT_OF_STAGE[row["stage"]]] = SHORT_SECONDS
    return Settings(hello_name="scan.test", allowed_ranges=("127.0.0.0/8",), smtp_port=port, **limits)  # type: ignore[arg-type]  # all limits are floats


async def meet(rows: Iterable[Row], port: int) -> dict[str, Session]:
    """Hold a session for each row, all at once."""
    sessions: dict[str, Session] = {}

    async def meet_one(row: Row) -> None:
        host = row["mx_host"]
        observed = await observe_session(
            host, row["address"], None, settings_for(row, port), attempt=row["attempt"]
        )
        sessions[host] = observed.session

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for row in rows:
                nursery.start_soon(meet_one, row)
    return sessions


def differing(declared: Row, found: Row, lab: "RunningLab") -> Row:
    """Return the columns that are not as declared."""
    return {
        name: (value, found[name])
        for name, value in declared.items()
        if name not in ("tlsa", "mx_host") and not agrees(value, found[name], lab)
    }


def agrees(declared: Any, found: Any, lab: "RunningLab") -> bool:
    if isinstance(declared, dict):
        return found is not None and all(agrees(declared[n], found[n], lab) for n in declared)
    if isinstance(declared, tuple):
        return [digest for order in declared for digest in lab.issued[order].digests] == list(found)
    return bool((list(found) if isinstance(declared, list) and found is not None else found) == declared)


@pytest.mark.parametrize("words", [HOSTILE_SCENARIOS, PASSING_SCENARIOS], ids=["hostile", "passing"])
def test_every_attempt_comes_to_what_is_declared(start: "StartLab", words: dict[str, Any]) -> None:
    internet = a_world(words).internet
    lab = start(internet)
    rows = internet.truth["sessions"]
    for attempt in (1, 2):
        due = [row for row in rows if row["attempt"] == attempt]
        sessions = trio.run(meet, due, lab.ports.smtp)
        wrong = {
            row["mx_host"]: differing(row, dataclasses.asdict(sessions[row["mx_host"]]), lab) for row in due
        }
        assert {host: columns for host, columns in wrong.items() if columns} == {}
    assert len(rows) > len(words)


def test_there_are_many_hostile_servers_and_each_has_a_word_of_its_own() -> None:
    assert len(HOSTILE_SCENARIOS) >= 80
    assert HOSTILE_SCENARIOS.items() <= SMTP_SCENARIOS.items()
    behaviours = {(scenario.server["script"], scenario.tls) for scenario in HOSTILE_SCENARIOS.values()}
    assert len(behaviours) == len(HOSTILE_SCENARIOS)


def test_an_address_that_is_asked_too_often_pushes_back_and_is_well_a_second_later(
    start: "StartLab",
) -> None:
    internet = a_world(["pushes_back"]).internet
    port = start(internet).ports.smtp
    (row,) = internet.truth["sessions"]
    asked: Row = row | {"failure": None, "attempt": 1}

    async def ask_often() -> list[str | None]:
        found = []
        for pause in (0, 0, 0, 0, 0, 0, 0, 1.1):
            await trio.sleep(pause)
            (session,) = (await meet([asked], port)).values()
            found.append(session.failure and session.failure.value)
        return found

    assert trio.run(ask_often) == [None] * 5 + ["service_closing"] * 2 + [None]

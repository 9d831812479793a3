"""Control hosts, and what their answers say of this machine's network."""

from ipaddress import IPv4Network
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from crawler.control import REMEDIES, Diagnosis, ask_control_hosts, check_control_hosts
from crawler.lab.script import GREETING, HELLO, Close, Line, Reset, Silence
from crawler.opt_out import OptOut
from crawler.outcomes import Failure, LookupStatus
from tests.control_network import (
    BLOCKED,
    LISTED,
    WELL,
    WITHOUT_STARTTLS,
    Behaviour,
    asked,
    network,
)
from tests.probes.peers import lab_settings

MASKED: Behaviour = (
    b"220 ******************\r\n",
    Line(),
    b"250-mx\r\n250 XXXXXXXA\r\n",
    Line(),
    b"221 x\r\n",
)
REFUSING_STARTTLS: Behaviour = (*HELLO, Line(), b"454 TLS not available\r\n")
NO_TLS: Behaviour = (*HELLO, Line(), b"220 go ahead\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n")
NAME_REFUSED: Behaviour = (GREETING, Line(), b"550 who?\r\n", Line(), b"550 who?\r\n")


@pytest.mark.parametrize(
    ("behaviours", "diagnosis"),
    [
        ((WELL, WELL), Diagnosis.ALL_WELL),
        ((WELL, BLOCKED), Diagnosis.WELL_ENOUGH),
        ((WELL, BLOCKED, BLOCKED), Diagnosis.MIXED),
        ((BLOCKED, BLOCKED), Diagnosis.PORT_BLOCKED),
        ((BLOCKED, Failure.REFUSED, Failure.UNREACHABLE), Diagnosis.PORT_BLOCKED),
        (((Silence(),), (Close(),), (Reset(),)), Diagnosis.CUT_OFF),
        ((LISTED, LISTED), Diagnosis.TURNED_AWAY),
        ((LISTED, (b"421 too many connections\r\n",)), Diagnosis.TURNED_AWAY),
        (((b"554 no\r\n",), (GREETING, Line(), b"421 rate limited\r\n")), Diagnosis.TURNED_AWAY),
        ((NAME_REFUSED, LISTED), Diagnosis.TURNED_AWAY),
        ((WITHOUT_STARTTLS, MASKED, REFUSING_STARTTLS, NO_TLS), Diagnosis.STRIPPED),
        ((LookupStatus.SERVFAIL, LookupStatus.NXDOMAIN), Diagnosis.UNRESOLVED),
        ((Failure.LOCAL_ERROR, Failure.LOCAL_ERROR), Diagnosis.LOCAL_FAULT),
        ((BLOCKED, LISTED), Diagnosis.MIXED),
        (((b"hello\r\n",), (GREETING, Line(), b"hello\r\n")), Diagnosis.MIXED),
    ],
)
async def test_what_the_hosts_show_names_what_is_wrong(
    autojump_clock: MockClock, behaviours: tuple[Behaviour, ...], diagnosis: Diagnosis
) -> None:
    check = await asked(*behaviours)
    assert check.diagnosis is diagnosis
    assert (check.problem is None) is diagnosis.is_well


@pytest.mark.parametrize("diagnosis", [word for word in Diagnosis if word is not Diagnosis.ALL_WELL])
def test_there_is_something_to_do_about_every_diagnosis(diagnosis: Diagnosis) -> None:
    assert REMEDIES[diagnosis]


async def test_a_handshake_is_enough_whatever_comes_inside(autojump_clock: MockClock) -> None:
    assert isinstance(WELL, tuple)
    check = await asked((*WELL[:-3], b"554 go away\r\n"))
    assert check.diagnosis is Diagnosis.ALL_WELL


async def test_the_problem_says_which_hosts_failed_how_and_what_to_do(autojump_clock: MockClock) -> None:
    check = await asked(LISTED, LISTED)
    assert check.problem is not None
    assert check.problem.startswith("control hosts turn this scanner away")
    assert "control-1.test at 127.0.0.1: permanent_reply in stage greeting" in check.problem
    assert '"554 5.7.1 Service unavailable; client host blocked using Spamhaus"' in check.problem
    assert check.problem.endswith(f"to do: {REMEDIES[Diagnosis.TURNED_AWAY]}")
    assert "\n" not in check.problem


async def test_a_flood_of_text_is_not_shown(autojump_clock: MockClock) -> None:
    check = await asked((b"554 " + b"x" * 2000 + b"\r\n",))
    assert len(check.problem or "") < 600


async def test_every_failing_host_is_told_of(autojump_clock: MockClock) -> None:
    check = await asked(WELL, LookupStatus.SERVFAIL, WITHOUT_STARTTLS, BLOCKED)
    assert check.failing == (
        "control-2.test: servfail; control-3.test at 127.0.0.3: no STARTTLS in stage hello; "
        "control-4.test at 127.0.0.4: timeout in stage connect"
    )


async def test_a_check_takes_as_long_as_its_slowest_host_and_not_for_ever(autojump_clock: MockClock) -> None:
    start = trio.current_time()
    slow = (b"220-mx\r\n", Silence())
    check = await asked(
        BLOCKED, BLOCKED, slow, slow, greeting_timeout_seconds=300, session_timeout_seconds=900
    )
    assert trio.current_time() - start == pytest.approx(45)
    assert check.diagnosis is Diagnosis.MIXED


async def test_run_json_has_hosts_in_order_with_address_stage_and_failure(autojump_clock: MockClock) -> None:
    check = await asked(WELL, LookupStatus.NXDOMAIN, LookupStatus.TIMEOUT, BLOCKED)
    entry = check.entry()
    assert entry["diagnosis"] == "mixed"
    assert entry["checked_at"].endswith("+00:00")
    assert [tuple(host.values()) for host in entry["hosts"]] == [
        ("control-1.test", "127.0.0.1", "hello_tls", None),
        ("control-2.test", None, "not_attempted", "no_address"),
        ("control-3.test", None, "not_attempted", "lookup_failed"),
        ("control-4.test", "127.0.0.4", "connect", "timeout"),
    ]


async def test_each_host_is_asked_once_where_this_machine_has_a_route(autojump_clock: MockClock) -> None:
    async with network(WELL, WELL, other_addresses={1: "::1"}) as around:
        resolver: Any = around
        settings = lab_settings(control_hosts=tuple(around.addresses))
        for outward, expected in (
            (lambda address: "::1" if ":" in address else None, ["127.0.0.2", "::1"]),
            (lambda address: "127.0.0.1", ["127.0.0.1", "127.0.0.2"]),
        ):
            around.asked.clear()
            check = await ask_control_hosts(
                resolver, settings, OptOut(), connect=around.connect, outward=outward
            )
            assert check.diagnosis is Diagnosis.ALL_WELL
            assert sorted(around.asked) == expected


@pytest.mark.parametrize(
    "opt_out",
    [
        OptOut(["control-1.test", "control-2.test"]),
        OptOut(["test"]),
        OptOut(networks=[IPv4Network("127.0.0.0/29")]),
    ],
)
async def test_a_control_host_that_opted_out_is_not_asked(autojump_clock: MockClock, opt_out: OptOut) -> None:
    check = await asked(WELL, WELL, opt_out=opt_out)
    assert check.diagnosis is Diagnosis.UNRESOLVED
    assert check.failing == "control-1.test: opted_out; control-2.test: opted_out"
    assert check.entry()["hosts"][0]["failure"] == "opted_out"


async def test_an_opted_out_network_elsewhere_changes_nothing(autojump_clock: MockClock) -> None:
    check = await asked(WELL, WELL, opt_out=OptOut(["other.test"], [IPv4Network("192.0.2.0/24")]))
    assert check.diagnosis is Diagnosis.ALL_WELL


async def test_a_resolver_that_gives_private_addresses_is_none(autojump_clock: MockClock) -> None:
    check = await asked(WELL, WELL, allowed_ranges=())
    assert check.diagnosis is Diagnosis.UNRESOLVED


async def test_without_a_route_to_the_resolver_nothing_is_resolved() -> None:
    check = await check_control_hosts(
        lab_settings(resolver="255.255.255.255:53", control_hosts=("control-1.test",))
    )
    assert check.diagnosis is Diagnosis.UNRESOLVED
    assert "control-1.test: no way to the resolver" in (check.problem or "")

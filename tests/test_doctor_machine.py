"""The doctor before machines and networks that are well, cut off, unnamed, short of files, or late."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype
import pytest
import trio
from trio.testing import MockClock

from crawler.doctor.examination import CHECKS, examine
from crawler.doctor.machine_checks import has_enough_files, tells_the_time
from crawler.doctor.name_checks import address_leads_back, hello_name_leads_here, says_who_asks
from crawler.doctor.network_checks import has_a_way_to_ipv6, reaches_control_hosts
from crawler.doctor.subject import Check, Finding, Machine, ReferenceNames, State, Subject
from crawler.opt_out import OptOut
from crawler.probes.web_page import PageError, WebPage
from tests.control_network import BLOCKED, LISTED, WELL, Behaviour, network
from tests.probes.dns_peer import Question, resolver_with
from tests.probes.peers import lab_settings

OK, WARNING, FAILED, UNKNOWN, SKIPPED = State
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = ReferenceNames()

HERE, HERE_IPV6 = "52.1.2.3", "2a00:1::5"
"""This machine's addresses, in these tests."""
NAME = "scan.example"
ZONE: dict[tuple[str, str], str] = {
    (NAME, "A"): HERE,
    (NAME, "AAAA"): HERE_IPV6,
    ("3.2.1.52.in-addr.arpa", "PTR"): f"{NAME}.",
    ("5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.a.2.ip6.arpa", "PTR"): f"{NAME}.",
    ("control.example", "A"): "52.9.9.9",
}


def only_ipv4(towards: str) -> str | None:
    return None if ":" in towards else HERE


def both(towards: str) -> str | None:
    return HERE_IPV6 if ":" in towards else HERE


def answering(zone: Mapping[tuple[str, str], str]) -> Callable[[Question], dns.message.Message]:
    def answer(question: Question) -> dns.message.Message:
        asked = question.message.question[0]
        name = asked.name.to_text(omit_final_dot=True)
        data = zone.get((name, dns.rdatatype.to_text(asked.rdtype)))
        if data == "SERVFAIL":
            return question.reply(rcode=dns.rcode.SERVFAIL)
        if data is None:
            return question.reply()
        return question.reply(f"{name}. 60 IN {dns.rdatatype.to_text(asked.rdtype)} {data}")

    return answer


async def found(
    check: Check,
    machine: Machine | None = None,
    zone: Mapping[tuple[str, str], str] = ZONE,
    **changes: Any,
) -> Finding:
    """Return what a check finds where this is what the DNS holds."""
    async with resolver_with(answering(zone)) as (resolver, peer):
        named = {"hello_name": NAME, "control_hosts": ("control.example",)}
        settings = lab_settings(**(named | changes), resolver=f"127.0.0.1:{peer.port}")
        machine = machine or Machine(outward_address=both)
        finding = await check(Subject(settings, NAMES, machine, OptOut(), resolver, resolver))
    assert finding is not None
    return finding


# --- control hosts ---


async def before(*behaviours: Behaviour, **changes: Any) -> Finding:
    async with network(*behaviours) as around:
        settings = lab_settings(**({"control_hosts": tuple(around.addresses)} | changes))
        machine = Machine(connect=around.connect, outward_address=lambda _: "127.0.0.1")
        resolver: Any = around
        return await reaches_control_hosts(Subject(settings, NAMES, machine, OptOut(), resolver, resolver))


async def test_control_hosts_that_answer_are_well(autojump_clock: MockClock) -> None:
    finding = await before(WELL, WELL)
    assert (finding.state, finding.detail) == (OK, "TLS with control-1.test and control-2.test")


async def test_one_control_host_of_two_that_fails_is_a_warning_that_names_it(
    autojump_clock: MockClock,
) -> None:
    finding = await before(WELL, BLOCKED)
    assert finding.state is WARNING
    assert finding.detail.endswith("control-2.test at 127.0.0.2: timeout in stage connect")


@pytest.mark.parametrize(
    ("behaviour", "detail", "remedy"),
    [(BLOCKED, "port 25 seems blocked", "port 25"), (LISTED, "using Spamhaus", "list")],
)
async def test_a_network_that_blocks_or_is_listed_fails(
    autojump_clock: MockClock, behaviour: Behaviour, detail: str, remedy: str
) -> None:
    finding = await before(behaviour, behaviour)
    assert finding.state is FAILED
    assert detail in finding.detail
    assert remedy in (finding.remedy or "")


async def test_without_control_hosts_there_is_a_warning() -> None:
    finding = await before(control_hosts=())
    assert finding.state is WARNING
    assert "control_hosts" in (finding.remedy or "")


# --- IPv6 ---


@pytest.mark.parametrize(
    ("outward", "state", "detail"),
    [
        (both, OK, "from 2a00:1::5"),
        (only_ipv4, WARNING, "no route"),
        (lambda _: "fd00::1", WARNING, "only from fd00::1"),
    ],
)
async def test_a_machine_without_a_way_to_ipv6_is_told_so(
    outward: Callable[[str], str | None], state: State, detail: str
) -> None:
    finding = await found(has_a_way_to_ipv6, Machine(outward_address=outward))
    assert finding.state is state
    assert finding.detail.startswith(detail)


# --- own names ---


async def test_a_name_and_its_addresses_that_lead_to_each_other_are_well() -> None:
    forward, back = await found(hello_name_leads_here), await found(address_leads_back)
    assert (forward.state, back.state) == (OK, OK)
    assert forward.detail == f"{NAME} has {HERE}, {HERE_IPV6}, where sessions come from"
    assert back.detail == f"PTR of {HERE}, {HERE_IPV6}: {NAME}"


async def test_the_case_of_the_name_does_not_matter() -> None:
    assert (await found(address_leads_back, hello_name="Scan.Example")).state is OK


@pytest.mark.parametrize("name", ["localhost", "scanner", "[52.1.2.3]", "a_b.example", "scan.example."])
async def test_a_name_that_is_no_full_host_name_fails(name: str) -> None:
    finding = await found(hello_name_leads_here, hello_name=name)
    assert finding.state is FAILED
    assert (await found(address_leads_back, hello_name=name)).state is SKIPPED


async def test_a_name_without_an_address_fails() -> None:
    finding = await found(hello_name_leads_here, hello_name="nowhere.example")
    assert (finding.state, finding.detail) == (FAILED, "nowhere.example has no address")


async def test_a_name_with_another_machines_address_fails() -> None:
    finding = await found(hello_name_leads_here, zone=ZONE | {(NAME, "A"): "52.7.7.7"})
    assert finding.state is FAILED
    assert f"52.7.7.7, {HERE_IPV6}, but sessions come from {HERE}" in finding.detail


async def test_a_name_without_the_ipv6_address_that_is_used_fails() -> None:
    zone = {key: data for key, data in ZONE.items() if key != (NAME, "AAAA")}
    assert (await found(hello_name_leads_here, zone=zone)).state is FAILED
    assert (await found(hello_name_leads_here, Machine(outward_address=only_ipv4), zone)).state is OK


async def test_an_address_that_could_not_be_looked_up_is_not_missing() -> None:
    finding = await found(hello_name_leads_here, zone=ZONE | {(NAME, "AAAA"): "SERVFAIL"})
    assert finding.state is UNKNOWN


@pytest.mark.parametrize("private", ["10.0.0.5", "192.168.1.2", "100.64.0.9"])
async def test_behind_address_translation_nothing_is_claimed_and_the_operator_told_what_to_see(
    private: str,
) -> None:
    machine = Machine(outward_address=lambda towards: None if ":" in towards else private)
    forward = await found(hello_name_leads_here, machine)
    back = await found(address_leads_back, machine)
    assert (forward.state, back.state) == (UNKNOWN, UNKNOWN)
    assert private in forward.detail
    assert HERE in (forward.remedy or "")
    assert "dig -x" in (back.remedy or "")


async def test_a_local_ipv6_address_is_no_address_translation() -> None:
    machine = Machine(outward_address=lambda towards: "fd00::1" if ":" in towards else HERE)
    assert (await found(hello_name_leads_here, machine)).state is OK
    assert (await found(address_leads_back, machine)).state is OK


async def test_a_machine_without_any_route_is_no_proof_of_anything() -> None:
    finding = await found(hello_name_leads_here, Machine(outward_address=lambda _: None))
    assert finding.state is UNKNOWN
    assert "no route" in finding.detail


async def test_the_outward_address_is_the_one_towards_a_control_host() -> None:
    machine = Machine(outward_address=lambda towards: HERE if towards == "52.9.9.9" else None)
    assert (await found(hello_name_leads_here, machine)).state is OK


async def test_without_control_hosts_the_outward_address_is_found_all_the_same() -> None:
    assert (await found(hello_name_leads_here, control_hosts=())).state is OK


@pytest.mark.parametrize(
    ("pointer", "state", "detail"),
    [
        ("vm-17.hoster.example.", WARNING, "vm-17.hoster.example, not scan.example"),
        (None, WARNING, "no PTR record, not scan.example"),
        ("SERVFAIL", UNKNOWN, "lookups failed"),
    ],
)
async def test_an_address_that_leads_elsewhere_is_a_warning(
    pointer: str | None, state: State, detail: str
) -> None:
    zone = {key: data for key, data in ZONE.items() if key[1] != "PTR"}
    if pointer is not None:
        zone["3.2.1.52.in-addr.arpa", "PTR"] = pointer
    finding = await found(address_leads_back, zone=zone)
    assert finding.state is state
    assert detail in finding.detail


# --- contact page and clock ---


def page_machine(
    status: int = 200, octets: int = 500, seconds: float | None = 0, error: str | None = None
) -> Machine:
    async def fetch(_url: str, _anchors: str) -> WebPage:
        await trio.lowlevel.checkpoint()
        if error is not None:
            raise PageError(error)
        sent_at = None if seconds is None else NOW - timedelta(seconds=seconds)
        return WebPage(status=status, octets=octets, sent_at=sent_at, came_at=NOW)

    return Machine(outward_address=both, fetch_page=fetch)


PAGE: dict[str, Any] = {"contact_page": "https://www.example/about-the-scan"}


@pytest.mark.parametrize(
    ("machine", "state", "detail"),
    [
        (page_machine(), OK, "https://www.example/about-the-scan"),
        (page_machine(status=204), FAILED, "status 204"),
        (page_machine(octets=0), FAILED, "an empty page"),
        (page_machine(error="certificate verify failed"), FAILED, "certificate verify failed"),
    ],
)
async def test_the_contact_page_must_be_there(machine: Machine, state: State, detail: str) -> None:
    finding = await found(says_who_asks, machine, **PAGE)
    assert finding.state is state
    assert finding.detail.endswith(detail)


async def test_no_contact_page_is_a_warning_and_leaves_no_clock() -> None:
    assert (await found(says_who_asks)).state is WARNING
    assert (await found(tells_the_time)).state is UNKNOWN


@pytest.mark.parametrize(
    ("machine", "state", "detail"),
    [
        (page_machine(seconds=2), OK, "within 60 s"),
        (page_machine(seconds=-59), OK, "within 60 s"),
        (page_machine(seconds=3600), WARNING, "3,600 s from"),
        (page_machine(seconds=-90), WARNING, "90 s from"),
        (page_machine(seconds=None), UNKNOWN, "without a date"),
        (page_machine(error="timed out"), UNKNOWN, "timed out"),
    ],
)
async def test_the_clock_is_held_against_the_contact_pages_server(
    machine: Machine, state: State, detail: str
) -> None:
    finding = await found(tells_the_time, machine, **PAGE)
    assert finding.state is state
    assert detail in finding.detail


@pytest.mark.parametrize("host", [NAME, HERE, f"[{HERE_IPV6}]", "127.0.0.1:8080", "[::1]"])
async def test_a_page_on_this_machine_is_no_clock(host: str) -> None:
    finding = await found(tells_the_time, page_machine(), contact_page=f"https://{host}/")
    assert (finding.state, "is on this machine" in finding.detail) == (UNKNOWN, True)


# --- files ---


@pytest.mark.parametrize(
    ("limits", "state", "detail"),
    [
        ((1024, 4096), OK, "1,024 may be open at once, 564 are needed"),
        ((256, 4096), OK, "raises its limit from 256 to 4,096"),
        ((256, float("inf")), OK, "to any number"),
        ((256, 512), FAILED, "512 files open, and needs 564"),
    ],
)
async def test_a_limit_of_open_files_below_what_is_in_flight_fails(
    limits: tuple[float, float], state: State, detail: str
) -> None:
    machine = Machine(file_limits=lambda: limits)
    finding = await found(has_enough_files, machine, sessions_in_flight=500, domains_in_flight=300)
    assert finding.state is state
    assert detail in finding.detail


# --- all together ---


async def test_every_check_is_made_and_each_says_something() -> None:
    async def refuse(_address: str, _port: int) -> trio.abc.Stream:
        raise AssertionError("the control hosts of this test have no address")

    machine = Machine(connect=refuse, outward_address=only_ipv4, fetch_page=page_machine().fetch_page)
    async with resolver_with(answering(ZONE)) as (_, peer):
        settings = lab_settings(
            hello_name=NAME, control_hosts=("nowhere.example",), resolver=f"127.0.0.1:{peer.port}", **PAGE
        )
        findings = await examine(settings, ReferenceNames(large="large.example"), machine)
    assert len(findings) == len(CHECKS)
    assert {finding.name: finding.state for finding in findings[8:]} == {
        "reaches control hosts": FAILED,
        "has a way to IPv6": WARNING,
        "its name leads here": OK,
        "its address leads back": OK,
        "says who asks": OK,
        "has enough files": OK,
        "tells the time": OK,
    }

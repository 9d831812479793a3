"""A survey's own checks, made in the lab: its resolver, control hosts and names must pass for sound ones."""

from typing import TYPE_CHECKING

import pytest
import trio

from crawler.commands.lab_commands import LAB_SETTINGS
from crawler.doctor.examination import RESOLVER_CHECKS, examine
from crawler.doctor.name_checks import address_leads_back, hello_name_leads_here
from crawler.doctor.network_checks import reaches_control_hosts
from crawler.doctor.subject import ReferenceNames, State
from crawler.lab.authority import Authority
from crawler.lab.internet import DnsAnswer, Internet
from crawler.lab.landmarks import BOGUS_NAME, CONTROL_HOSTS, LARGE_NAME, SCANNER, place_landmarks
from crawler.lab.population import ListedName, populate
from crawler.lab.profile import PROFILES, load_profile
from crawler.settings import settings_from

if TYPE_CHECKING:
    from tests.lab.conftest import StartLab

CHECKS = (*RESOLVER_CHECKS, reaches_control_hosts, hello_name_leads_here, address_leads_back)


@pytest.fixture
def internet() -> Internet:
    listed = [ListedName(f"town{n}.gov", n % 2 == 0) for n in range(5)]
    internet = populate(listed, load_profile(PROFILES / "dotgov.toml"), 1, ipv6=False)
    place_landmarks(internet)
    return internet


def test_the_doctor_finds_nothing_wrong_in_the_lab(start: "StartLab", internet: Internet) -> None:
    ports = start(internet).ports
    provided = {"resolver": f"127.0.0.1:{ports.dns}", "smtp_port": ports.smtp, "control_hosts": CONTROL_HOSTS}
    settings = settings_from(LAB_SETTINGS | provided)
    findings = trio.run(examine, settings, ReferenceNames(large=LARGE_NAME), None, CHECKS)
    assert [finding for finding in findings if finding.state is not State.OK] == []
    assert len(findings) == len(CHECKS)


def test_control_hosts_are_in_the_dns_and_in_no_truth(internet: Internet, authority: Authority) -> None:
    known = str(internet.truth)
    for host in CONTROL_HOSTS:
        ((_, _, address),) = internet.answers[host, "A"].records
        assert address == internet.mail_servers[host].address
        assert host not in known
    addresses = [server.address for server in internet.mail_servers.values()]
    assert len(set(addresses)) == len(addresses)


def test_the_scanner_is_who_a_survey_of_the_lab_says_it_is() -> None:
    assert LAB_SETTINGS["hello_name"] == SCANNER


def test_a_landmark_that_is_a_listed_name_stays_what_the_population_makes_it() -> None:
    listed = DnsAnswer(records=((BOGUS_NAME, "A", "127.1.1.1"),))
    internet = Internet(answers={(BOGUS_NAME, "A"): listed})
    place_landmarks(internet)
    assert internet.answers[BOGUS_NAME, "A"] is listed

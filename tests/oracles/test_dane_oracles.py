"""DANE is judged as posttls-finger and openssl s_client do, but for what tests/oracles.md lists.

The zones are signed ones on NSD, the resolver is Unbound, the mail servers are Postfix.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from crawler.outcomes import DaneReason, DaneStatus
from crawler.verdicts.dane import DaneVerdict
from tests.oracles.dane_cases import CASES
from tests.oracles.dane_chains import issue_chains
from tests.oracles.dane_judges import (
    Ours,
    connect_with_openssl,
    finger_domains,
    judge_domains,
    start_case_servers,
)
from tests.oracles.dane_zones import build_case_zones, domain_of, listeners_of
from tests.oracles.disagreements import Disagreement, listed
from tests.servers.dns_servers import PACKAGES
from tests.servers.mail_packages import missing_trees
from tests.servers.mail_servers import servers_that_run
from tests.servers.namespace import Namespace, cannot_run, required_namespace
from tests.servers.server_root import NoServerRootError

pytestmark = pytest.mark.needs_network_namespace

FINGER, OPENSSL = "posttls-finger", "openssl s_client"
POSTFIX = "postfix"

_TRIED = (DaneStatus.MATCHED, DaneStatus.MISMATCHED, DaneStatus.UNUSABLE)
_OF_BOTH = (DaneReason.EXPIRED, DaneReason.NOT_YET_VALID, DaneReason.NAME_MISMATCH)
"""The reasons for which openssl has a word too."""


@dataclass(frozen=True)
class Answers:
    """What each judge says, by name of the case."""

    ours: Mapping[str, Ours]
    finger: Mapping[str, str]
    openssl: Mapping[str, str]
    """Only where TLSA records are to be tried on a certificate: that is all it judges."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    if missing := [phrase for phrase in missing_trees() if POSTFIX in phrase.split()]:
        cannot_run(missing)
    folder = tmp_path_factory.mktemp("dane")
    with required_namespace({**PACKAGES, "openssl": "openssl"}, folder / "log", mounts=True) as namespace:
        if POSTFIX not in namespace.call(servers_that_run):
            cannot_run([f"{POSTFIX} changes to users of its own, which takes root"])
        now = datetime.now(UTC)
        certificates = issue_chains(now)
        listeners = listeners_of(certificates)
        zones = build_case_zones(now, CASES.values(), certificates, listeners)
        try:
            root = namespace.call(
                start_case_servers, folder, zones, certificates.served, list(listeners.values())
            )
        except NoServerRootError as error:
            cannot_run([str(error)])
        domains = [domain_of(case) for case in CASES.values()]
        ours = dict(zip(CASES, namespace.call(judge_domains, domains), strict=True))
        finger = dict(zip(CASES, namespace.call(finger_domains, root, domains), strict=True))
        yield Answers(ours, finger, _ask_openssl(namespace, ours))


def _ask_openssl(namespace: Namespace, ours: Mapping[str, Ours]) -> dict[str, str]:
    tried = {name: each for name, each in ours.items() if each.verdict.status in _TRIED}
    return dict(zip(tried, namespace.call(connect_with_openssl, list(tried.values())), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_a_case_comes_to_what_it_was_made_for(answers: Answers, name: str) -> None:
    verdict = answers.ours[name].verdict
    assert (verdict.status, verdict.reason) == (CASES[name].status, CASES[name].reason)


def test_at_least_thirty_cases_are_judged_by_each(answers: Answers) -> None:
    assert len(answers.finger) == len(CASES) > 100
    assert len(answers.openssl) > 80


def test_the_others_disagree_where_it_is_listed_and_nowhere_else(answers: Answers) -> None:
    found: set[Disagreement] = set()
    for name, ours in answers.ours.items():
        for judge, there, here in (
            (FINGER, answers.finger[name], coarse_word(ours.verdict)),
            (OPENSSL, answers.openssl.get(name), fine_word(ours.verdict)),
        ):
            if there not in (None, here):
                found.add((name, judge, there, here))
    assert found == listed("DANE")


def coarse_word(verdict: DaneVerdict) -> str:
    """Return a verdict in the words that `read_finger` knows."""
    return DaneStatus.ABSENT if verdict.status is DaneStatus.NOT_APPLICABLE else verdict.status


def fine_word(verdict: DaneVerdict) -> str:
    """Return a verdict in the words that `read_openssl` knows."""
    return verdict.reason if verdict.reason in _OF_BOTH else verdict.status

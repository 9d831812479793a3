"""The lab's rules for DANE and delivery, held against what each case declares."""

from random import Random
from typing import Any

import pytest

from crawler import outcomes
from crawler.lab.certificate_scenarios import CERTIFICATE_SCENARIOS
from crawler.lab.dane_cases import DANE_CASES, DELIVERY_CASES, DaneCase, DeliveryCase
from crawler.lab.dane_rules import names
from crawler.lab.delivery_rules import MailHost, delivery_truth
from crawler.lab.internet import Internet
from crawler.lab.mail_scenarios import MAIL_SCENARIOS
from crawler.lab.policy_scenarios import POLICY_SCENARIOS
from crawler.lab.population import ListedName, populate
from crawler.lab.profile import profile_from
from crawler.lab.publishing import publish_sts
from crawler.lab.tlsa_scenarios import TLSA_SCENARIOS
from crawler.lab.world import World
from crawler.lab.zones import INSECURE

Row = dict[str, Any]
DOMAIN = "town.gov"
SOUND: Row = {
    "address": "127.16.0.1",
    "outcome": "tls_ok",
    "pkix_ok": True,
    "reason": None,
    "dane": "absent",
    "dane_reason": None,
}
"""A session verdict."""
HOSTS_OF_PAIR = ("mail.town.gov", "mx2.town.gov")


def of(*, signed: bool, **words: str | None) -> Internet:
    """Populate with one domain for which each of these words is drawn."""
    rates = {table: {word: 1} for table, word in words.items() if word is not None}
    return populate([ListedName(DOMAIN, signed)], profile_from({"rates": rates}), 1, ipv6=False)


def of_case(case: DaneCase) -> Internet:
    words = {"mail": case.mail, "sessions": case.session, "certificates": case.certificate, "tlsa": case.tlsa}
    return of(signed=bool(case.needs_signed), **words)


def of_delivery(case: DeliveryCase) -> Row:
    words = {"mail": case.mail, "certificates": case.certificate, "tlsa": case.tlsa}
    record = "valid" if case.sts_policy else None
    internet = of(signed=case.needs_signed, sts_records=record, sts_policies=case.sts_policy, **words)
    return internet.truth["domain_verdicts"][0]


def named(case: Any) -> str:
    return "-".join(str(word) for word in vars_of(case) if isinstance(word, str))


def vars_of(case: Any) -> list[Any]:
    return [getattr(case, name) for name in case.__slots__]


def read_record(record: Row) -> str | None:
    """Return the word by which a case says what a record came to."""
    if record["is_matched"]:
        return "matched"
    word: str | None = record["problem"] or record["reason"]
    return "passed_over" if record["is_passed_over"] else word


@pytest.mark.parametrize("case", DANE_CASES, ids=named)
def test_dane_comes_to_what_its_case_declares(case: DaneCase) -> None:
    internet = of_case(case)
    (verdict,) = internet.truth["session_verdicts"]
    (session,) = internet.truth["sessions"][-1:]
    bases = {None: None, "own": verdict["mx_host"]}
    steps = internet.truth["mx_hosts"][0]["a"]["cname_chain"]
    if steps:
        bases["expanded"] = steps[-1]["target"]
    found = (verdict["dane"], verdict["dane_reason"], verdict["dane_usage"], verdict["dane_base_domain"])
    assert found == (case.dane, case.reason, case.usage, bases[case.base])
    assert tuple(map(read_record, verdict["tlsa_records"])) == case.tried
    assert (session["tlsa_expanded"] is None) == (not steps)


@pytest.mark.parametrize("case", DELIVERY_CASES, ids=named)
def test_senders_do_what_their_case_declares(case: DeliveryCase) -> None:
    verdict = of_delivery(case)
    columns = ("dane", "dane_action", "sts_action", "sts_step", "authenticated_by")
    assert {name: verdict[name] for name in columns} == {name: getattr(case, name) for name in columns}
    assert (verdict["sts_consistent"] is True) == (case.sts_step == 6)


def test_every_scenario_of_tlsa_records_has_a_case_of_its_own() -> None:
    assert {case.tlsa for case in DANE_CASES} == set(TLSA_SCENARIOS)


@pytest.mark.parametrize(
    ("column", "declared", "vocabulary"),
    [
        ("dane", {case.dane for case in DANE_CASES}, outcomes.DaneStatus),
        ("reason", {case.reason for case in DANE_CASES} - {None}, outcomes.DaneReason),
        ("domain", {case.dane for case in DELIVERY_CASES} | {"hosted"}, outcomes.DaneDomain),
        ("action", {case.sts_action for case in DELIVERY_CASES} | {"unknown"}, outcomes.SenderAction),
        ("by", {case.authenticated_by for case in DELIVERY_CASES}, outcomes.AuthenticatedBy),
    ],
)
def test_cases_come_to_every_word_there_is(
    column: str, declared: set[str], vocabulary: type[outcomes.Vocabulary]
) -> None:
    never = {"not_attempted", "withheld"}  # the lab's resolver is trusted, and everything may be asked
    assert declared == {word.value for word in vocabulary} - never, column


def test_problems_of_records_are_words_of_the_survey_and_all_come() -> None:
    found = {entry.problem for s in TLSA_SCENARIOS.values() for entry in s.entries}
    assert found - {None} == {word.value for word in outcomes.TlsaProblem}


@pytest.mark.parametrize("word", CERTIFICATE_SCENARIOS)
def test_certificates_are_for_the_names_that_their_scenarios_say(word: str) -> None:
    scenario = CERTIFICATE_SCENARIOS[word]
    host = scenario.host_name("mail", DOMAIN)
    order = scenario.make_order("panel.example" if scenario.hosting_provider else host, DOMAIN, "ecdsa")
    assert names(order, host) == (scenario.name_ok or scenario.cn_only_match)


@pytest.mark.parametrize(
    ("word", "covered"),
    [("enforce", "all"), ("wildcard", "all"), ("some_mx", "first"), ("testing_some_mx", "first"),
     ("other_mx", "none"), ("wildcard_too_high", "none"), ("none", "none")],
)  # fmt: skip
def test_policies_cover_all_some_or_none_of_the_hosts(word: str, covered: str) -> None:
    words = {"certificates": "good", "mail": "good_pair"}
    internet = of(signed=False, sts_records="valid", sts_policies=word, **words)
    (verdict,) = internet.truth["domain_verdicts"]
    uncovered = {"all": [], "first": [HOSTS_OF_PAIR[1]], "none": list(HOSTS_OF_PAIR)}[covered]
    assert verdict["sts_uncovered"] == uncovered
    assert [route["sts_covered"] for route in verdict["routes"]] == [
        host not in uncovered for host in HOSTS_OF_PAIR
    ]


@pytest.mark.parametrize(
    ("word", "result"),
    [("enforce", None), ("not_found", "sts-policy-fetch-error"), ("expired", "sts-webpki-invalid"),
     ("empty", "sts-policy-invalid"), ("connect_refused", "sts-policy-fetch-error")],
)  # fmt: skip
def test_a_policy_that_fails_has_its_registered_word(word: str, result: str | None) -> None:
    (verdict,) = of(signed=False, sts_records="valid", sts_policies=word).truth["domain_verdicts"]
    assert verdict["sts_policy_result"] == result


def test_every_end_of_a_policy_has_its_step() -> None:
    world = World(addresses_per_behaviour=1, addresses_per_slow_behaviour=1)
    host = MailHost("mail.town.gov", (SOUND,))
    steps = {}
    for word in POLICY_SCENARIOS:
        domain = f"{word.replace('_', '-')}.gov"
        _, verdict = publish_sts(world, Random(1), domain, INSECURE, "valid", word, [host.name])
        steps[word] = delivery_truth(domain, None, [(10, host)], verdict)["sts_step"]
    assert set(steps.values()) == {1, 2, 3, 4, 6}
    assert {steps[word] for word, s in POLICY_SCENARIOS.items() if s.verdict == "valid"} == {4, 6}


@pytest.mark.parametrize(
    ("session", "tlsa", "result"),
    [
        ("good", "ee", None),
        ("good", "mismatch", "validation-failure"),
        ("good", "short_data", "tlsa-invalid"),
        ("good", "servfail", "dnssec-invalid"),
        ("no_starttls", "mismatch", "starttls-not-supported"),
        ("handshake_alert", "mismatch", "validation-failure"),
        ("connect_refused", "mismatch", None),
    ],
)
def test_a_route_that_fails_dane_has_its_registered_word(session: str, tlsa: str, result: str | None) -> None:
    (verdict,) = of(signed=True, sessions=session, tlsa=tlsa).truth["domain_verdicts"]
    assert [route["dane_result"] for route in verdict["routes"]] == [result]


@pytest.mark.parametrize(
    ("certificate", "result"),
    [
        ("good", None),
        ("expired", "certificate-expired"),
        ("wrong_name", "certificate-host-mismatch"),
        ("self_signed", "certificate-not-trusted"),
    ],
)
def test_a_route_that_fails_a_policy_has_its_registered_word(certificate: str, result: str | None) -> None:
    internet = of(signed=False, certificates=certificate, sts_records="valid", sts_policies="testing")
    (route,) = internet.truth["domain_verdicts"][0]["routes"]
    assert (route["sts_result"], route["meets_sts"]) == (result, result is None)


def test_a_certificate_for_the_domain_alone_counts_only_where_the_mx_records_are_secure() -> None:
    words = {"certificates": "domain_only", "tlsa": "ta"}
    internet = of(signed=True, **words)
    (route,) = internet.truth["domain_verdicts"][0]["routes"]
    assert (route["dane"], internet.truth["session_verdicts"][0]["dane"]) == ("matched", "mismatched")
    (row,) = internet.truth["domains"]
    assert row["mx"]["dnssec_status"] == "secure"


def test_a_domain_without_hosts_has_no_routes_and_a_host_without_address_has_one() -> None:
    for word in ("null_mx", "nxdomain", "servfail"):
        (verdict,) = of(signed=False, mail=word).truth["domain_verdicts"]
        assert (verdict["routes"], verdict["dane"]) == ([], "unknown")
    for word in ("host_no_address", "localhost", "implicit_no_address"):
        (verdict,) = of(signed=False, mail=word).truth["domain_verdicts"]
        assert [(route["address"], route["dane"]) for route in verdict["routes"]] == [(None, "unknown")]


def test_what_a_host_below_a_domain_may_be_is_a_word_of_its_table() -> None:
    for scenario in MAIL_SCENARIOS.values():
        for _, target in scenario.exchanges or ():
            kind, *words = target.split(":")
            assert words == [] or kind == "site"
            assert words[1:] == [word for word in words[1:] if word in TLSA_SCENARIOS]


def test_a_host_listed_twice_is_one_route_at_its_best_preference() -> None:
    (verdict,) = of(signed=False, mail="listed_twice").truth["domain_verdicts"]
    found = [(route["mx_host"], route["preference"], route["is_primary"]) for route in verdict["routes"]]
    assert found == [("mail.town.gov", 10, True), ("mx3.town.gov", 15, False)]


def test_what_cannot_be_made_without_a_certificate_is_denied_as_its_zone_denies() -> None:
    for word in ("ee", "unsigned"):
        internet = of(signed=True, sessions="no_starttls", tlsa=word)
        assert {row["tlsa"]["dnssec_status"] for row in internet.truth["sessions"]} == {"secure"}
        assert [row["dane"] for row in internet.truth["session_verdicts"]] == ["absent"]

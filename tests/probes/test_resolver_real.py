"""The resolver before real servers: NSD for root, TLDs and domains, and Unbound as it is shipped."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from crawler.doctor.examination import RESOLVER_CHECKS
from crawler.doctor.subject import Finding, ReferenceNames, State
from crawler.outcomes import DnssecStatus, LookupStatus, UnusableExchange
from crawler.records import (
    AddressLookup,
    CnameStep,
    Lookup,
    MxLookup,
    MxRecord,
    TlsaLookup,
    TlsaRecord,
    TxtLookup,
)
from tests.servers.dns_servers import PACKAGES, examine_resolver, look_up, start_dns
from tests.servers.dns_zones import LARGE_TEXTS, MAIL_ADDRESS, MANY_MX, TLSA, build_zones
from tests.servers.namespace import Namespace, required_namespace

pytestmark = pytest.mark.needs_network_namespace

SECURE, INSECURE, BOGUS, INDETERMINATE = (
    DnssecStatus.SECURE,
    DnssecStatus.INSECURE,
    DnssecStatus.BOGUS,
    DnssecStatus.INDETERMINATE,
)
NOERROR, NODATA, NXDOMAIN, SERVFAIL = (
    LookupStatus.NOERROR,
    LookupStatus.NODATA,
    LookupStatus.NXDOMAIN,
    LookupStatus.SERVFAIL,
)

# Extended errors (RFC 8914 s4).
EXPIRED, NOT_YET_VALID, DNSKEY_MISSING, SIGNATURE_BOGUS, NSEC_MISSING = 7, 8, 9, 6, 12
NO_AUTHORITY = {None, 22, 23}
"""Unbound 1.17 gives no code where no authority answers; newer ones may say "No Reachable Authority" or
"Network Error"."""

REMEMBERED = SIGNATURE_BOGUS
"""Unbound 1.17 remembers that a zone or an answer is bogus, but not always why: then it gives the general
code, "DNSSEC Bogus". Newer ones remember the reason."""

Kind = TypeVar("Kind", bound=Lookup)


class Lab:
    """Asks the survey's resolver, which asks Unbound, which asks the authorities."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def all(self, *questions: tuple[str, str], **settings: Any) -> list[Lookup]:
        return self._namespace.call(look_up, questions, settings)

    def _one(self, kind: type[Kind], method: str, name: str) -> Kind:
        (answer,) = self.all((method, name))
        assert isinstance(answer, kind)
        return answer

    def examination(self, names: ReferenceNames) -> list[Finding]:
        return self._namespace.call(examine_resolver, names)

    def mx(self, domain: str) -> MxLookup:
        return self._one(MxLookup, "mx", domain)

    def a(self, host: str) -> AddressLookup:
        return self._one(AddressLookup, "a", host)

    def txt(self, name: str) -> TxtLookup:
        return self._one(TxtLookup, "txt", name)

    def tlsa(self, host: str) -> TlsaLookup:
        return self._one(TlsaLookup, "tlsa", host)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder: Path = tmp_path_factory.mktemp("dns")
    with required_namespace(PACKAGES, folder / "log") as namespace:
        namespace.call(start_dns, folder, build_zones(datetime.now(UTC)))
        yield Lab(namespace)


def facts(lookup: Lookup) -> tuple[LookupStatus, DnssecStatus, int | None]:
    return lookup.status, lookup.dnssec_status, lookup.extended_error


def own_mx(domain: str) -> tuple[MxRecord, ...]:
    return (MxRecord(preference=10, exchange=f"mx.{domain}"),)


# --- what the parent says of a zone, and what the zone holds ---


@pytest.mark.parametrize(
    ("domain", "dnssec_status"),
    [
        ("secure.signed", SECURE),
        ("insecure.signed", INSECURE),
        ("island.signed", INSECURE),
        ("unsupported.signed", INSECURE),
        ("secure.opt-out", SECURE),
        ("insecure.opt-out", INSECURE),
        ("insecure.unsigned", INSECURE),
    ],
)
def test_records_are_as_secure_as_the_chain_of_trust_to_them(
    lab: Lab, domain: str, dnssec_status: DnssecStatus
) -> None:
    mx, address, tlsa, text = lab.all(
        ("mx", domain), ("a", f"mx.{domain}"), ("tlsa", f"mx.{domain}"), ("txt", f"_mta-sts.{domain}")
    )
    for answer in (mx, address, tlsa, text):
        assert facts(answer) == (NOERROR, dnssec_status, None)
        assert answer.attempts == 1
    assert isinstance(mx, MxLookup)
    assert isinstance(address, AddressLookup)
    assert isinstance(tlsa, TlsaLookup)
    assert isinstance(text, TxtLookup)
    assert mx.records == own_mx(domain)
    assert address.addresses == (MAIL_ADDRESS,)
    usage, selector, matching_type, association_data = TLSA.split()
    assert tlsa.records == (
        TlsaRecord(
            usage=int(usage),
            selector=int(selector),
            matching_type=int(matching_type),
            association_data=association_data,
        ),
    )
    assert text.texts == ("v=STSv1; id=1",)


@pytest.mark.parametrize(
    ("name", "status", "dnssec_status"),
    [
        ("nothing.signed", NXDOMAIN, SECURE),
        ("nothing.secure.signed", NXDOMAIN, SECURE),
        ("no-mx.signed", NODATA, SECURE),
        ("nothing.insecure.signed", NXDOMAIN, INSECURE),
        ("mx.insecure.signed", NODATA, INSECURE),
        ("nothing.opt-out", NXDOMAIN, INSECURE),
        ("nothing.secure.opt-out", NXDOMAIN, SECURE),
        ("nothing.unsigned", NXDOMAIN, INSECURE),
        ("nothing", NXDOMAIN, SECURE),
    ],
)
def test_a_denial_has_a_security_status_of_its_own(
    lab: Lab, name: str, status: LookupStatus, dnssec_status: DnssecStatus
) -> None:
    answer = lab.mx(name)
    assert facts(answer) == (status, dnssec_status, None)
    assert answer.records == ()


@pytest.mark.parametrize(
    ("domain", "extended_error"),
    [
        ("expired.signed", EXPIRED),
        ("not-yet-valid.signed", NOT_YET_VALID),
        ("wrong-ds.signed", DNSKEY_MISSING),
        ("ds-but-unsigned.signed", DNSKEY_MISSING),
    ],
)
def test_a_zone_that_breaks_its_parents_promise_is_bogus(lab: Lab, domain: str, extended_error: int) -> None:
    first = lab.mx(domain)
    assert facts(first) == (SERVFAIL, BOGUS, extended_error)
    assert first.attempts == 3
    assert first.records == ()
    for question in (("a", f"mx.{domain}"), ("tlsa", f"mx.{domain}"), ("aaaa", domain), ("mx", domain)):
        (answer,) = lab.all(question)
        assert (answer.status, answer.dnssec_status) == (SERVFAIL, BOGUS)
        assert answer.extended_error in {extended_error, REMEMBERED}


def test_a_spoiled_tlsa_signature_leaves_the_rest_of_the_zone_secure(lab: Lab) -> None:
    assert facts(lab.tlsa("mx.spoiled-tlsa.signed")) == (SERVFAIL, BOGUS, SIGNATURE_BOGUS)
    assert lab.tlsa("mx.spoiled-tlsa.signed").records == ()
    assert facts(lab.mx("spoiled-tlsa.signed")) == (NOERROR, SECURE, None)
    assert facts(lab.a("mx.spoiled-tlsa.signed")) == (NOERROR, SECURE, None)


def test_a_stripped_denial_is_bogus_and_never_no_tlsa(lab: Lab) -> None:
    assert facts(lab.tlsa("mx.stripped.signed")) == (SERVFAIL, BOGUS, NSEC_MISSING)
    assert facts(lab.mx("stripped.signed")) == (NOERROR, SECURE, None)
    assert facts(lab.a("mx.stripped.signed")) == (NOERROR, SECURE, None)


# --- authorities that give no answer ---


@pytest.mark.parametrize("domain", ["refusing.signed", "lame.signed", "servfail.signed"])
def test_an_authority_that_answers_with_an_error_leaves_the_lookup_indeterminate(
    lab: Lab, domain: str
) -> None:
    status, dnssec_status, extended_error = facts(lab.mx(domain))
    assert (status, dnssec_status) == (SERVFAIL, INDETERMINATE)
    assert extended_error in NO_AUTHORITY


def test_a_dead_authority_is_given_up_by_unbound_before_the_survey_gives_up(lab: Lab) -> None:
    for answer in lab.all(("mx", "silent.signed"), ("mx", "closed.signed")):
        assert (answer.status, answer.dnssec_status) == (SERVFAIL, INDETERMINATE)
        assert answer.extended_error in NO_AUTHORITY


def test_an_impatient_survey_calls_a_silent_authority_a_timeout(lab: Lab) -> None:
    (answer,) = lab.all(("mx", "also-silent.signed"), dns_timeout_seconds=0.2, dns_attempts=3)
    assert facts(answer) == (LookupStatus.TIMEOUT, INDETERMINATE, None)
    assert answer.attempts == 3


# --- from one zone into another ---


def test_a_secure_mx_may_name_a_host_in_an_insecure_zone(lab: Lab) -> None:
    mx = lab.mx("into-insecure.signed")
    assert facts(mx) == (NOERROR, SECURE, None)
    (host,) = [record.exchange for record in mx.records]
    assert host == "mx.insecure.signed"
    assert facts(lab.a(host)) == facts(lab.tlsa(host)) == (NOERROR, INSECURE, None)


def test_an_insecure_mx_may_name_a_host_in_a_secure_zone(lab: Lab) -> None:
    mx = lab.mx("into-secure.signed")
    assert facts(mx) == (NOERROR, INSECURE, None)
    (host,) = [record.exchange for record in mx.records]
    assert host == "mx.secure.signed"
    assert facts(lab.a(host)) == facts(lab.tlsa(host)) == (NOERROR, SECURE, None)


@pytest.mark.parametrize(
    ("alias", "host", "step"),
    [
        ("alias.into-insecure.signed", "mx.insecure.signed", SECURE),
        ("alias.into-secure.signed", "mx.secure.signed", INSECURE),
    ],
)
def test_an_alias_across_a_security_boundary_is_insecure_whichever_way_it_leads_but_not_its_step(
    lab: Lab, alias: str, host: str, step: DnssecStatus
) -> None:
    address = lab.a(alias)
    assert facts(address) == (NOERROR, INSECURE, None)
    assert address.cname_chain == (CnameStep(target=host, dnssec_status=step),)
    assert address.addresses == (MAIL_ADDRESS,)
    tlsa = lab.tlsa(alias)
    assert facts(tlsa) == (NOERROR, INSECURE, None)
    assert tlsa.cname_chain == (CnameStep(target=f"_25._tcp.{host}", dnssec_status=step),)
    assert len(tlsa.records) == 1


@pytest.mark.parametrize(
    ("alias", "expected", "targets"),
    [
        ("one", (NOERROR, SECURE, None), ("two.aliases.signed", "mx.secure.signed")),
        ("to-nothing", (NXDOMAIN, SECURE, None), ("nothing.secure.signed",)),
        ("to-nodata", (NODATA, SECURE, None), ("secure.signed",)),
    ],
)
def test_an_alias_from_secure_zone_to_zone_is_as_good_as_its_end(
    lab: Lab,
    alias: str,
    expected: tuple[LookupStatus, DnssecStatus, int | None],
    targets: tuple[str, ...],
) -> None:
    answer = lab.a(f"{alias}.aliases.signed")
    assert facts(answer) == expected
    assert answer.cname_chain == tuple(CnameStep(target=name, dnssec_status=SECURE) for name in targets)


def test_a_chain_in_and_out_of_secure_zones_has_the_security_of_each_step(lab: Lab) -> None:
    answer = lab.a("winding.aliases.signed")
    assert facts(answer) == (NOERROR, INSECURE, None)
    assert answer.addresses == (MAIL_ADDRESS,)
    assert answer.cname_chain == (
        CnameStep(target="alias.into-secure.signed", dnssec_status=SECURE),
        CnameStep(target="mx.secure.signed", dnssec_status=INSECURE),
    )


def test_an_alias_that_leads_into_a_bogus_zone_is_bogus(lab: Lab) -> None:
    answer = lab.a("to-bogus.aliases.signed")
    assert (answer.status, answer.dnssec_status) == (SERVFAIL, BOGUS)
    assert answer.extended_error in {EXPIRED, REMEMBERED}
    assert answer.addresses == ()


def test_aliases_in_a_circle_are_a_failed_lookup(lab: Lab) -> None:
    answer = lab.a("loop.aliases.signed")
    assert (answer.status, answer.dnssec_status, answer.addresses) == (SERVFAIL, INDETERMINATE, ())


# --- answers of unusual form or size ---


def test_a_wildcard_mx_is_secure_with_the_proof_that_no_closer_name_exists(lab: Lab) -> None:
    answer = lab.mx("any.name.below.wildcard.signed")
    assert facts(answer) == (NOERROR, SECURE, None)
    assert answer.records == own_mx("wildcard.signed")
    assert facts(lab.a("any.name.below.wildcard.signed")) == (NODATA, SECURE, None)
    assert facts(lab.mx("beside.wildcard.signed")) == (NXDOMAIN, SECURE, None)


def test_a_null_mx_is_one_record_with_the_root_as_exchange(lab: Lab) -> None:
    answer = lab.mx("null-mx.signed")
    assert facts(answer) == (NOERROR, SECURE, None)
    assert answer.records == (MxRecord(preference=0, exchange=".", unusable=UnusableExchange.ROOT),)


@pytest.mark.parametrize(
    ("name", "dnssec_status"), [("large.large.signed", SECURE), ("large.large.unsigned", INSECURE)]
)
def test_an_answer_too_large_for_udp_comes_whole_over_tcp(
    lab: Lab, name: str, dnssec_status: DnssecStatus
) -> None:
    answer = lab.txt(name)
    assert facts(answer) == (NOERROR, dnssec_status, None)
    assert answer.attempts == 2
    assert [text[:3] for text in answer.texts] == [f"{number:03}" for number in range(LARGE_TEXTS)]
    assert {len(text) for text in answer.texts} == {200}


def test_fifty_mx_records_come_all_in_order_of_preference(lab: Lab) -> None:
    answer = lab.mx("many-mx.signed")
    assert facts(answer) == (NOERROR, SECURE, None)
    assert [(record.preference, record.exchange) for record in answer.records] == [
        (number, f"mx{number}.many-mx.signed") for number in range(MANY_MX)
    ]


def test_many_questions_at_once_are_answered_as_one_after_another(lab: Lab) -> None:
    questions = [
        question
        for number in range(200)
        for question in (
            ("mx", "secure.signed"),
            ("mx", f"n{number}.signed"),
            ("tlsa", "mx.spoiled-tlsa.signed"),
            ("mx", f"n{number}.secure.opt-out"),
        )
    ]
    expected = [
        (NOERROR, SECURE, None),
        (NXDOMAIN, SECURE, None),
        (SERVFAIL, BOGUS, SIGNATURE_BOGUS),
        (NXDOMAIN, SECURE, None),
    ] * 200
    assert [facts(answer) for answer in lab.all(*questions)] == expected


# --- the doctor ---


def test_the_doctor_finds_the_shipped_resolver_well(lab: Lab) -> None:
    findings = lab.examination(ReferenceNames(bogus="expired.signed", large="large.large.signed"))
    assert {finding.name: finding.state for finding in findings if finding.state is not State.OK} == {}
    assert len(findings) == len(RESOLVER_CHECKS)


def test_the_doctor_says_of_a_name_that_is_not_broken_that_it_cannot_tell(lab: Lab) -> None:
    findings = lab.examination(ReferenceNames(bogus="mx.secure.signed"))
    states = {finding.name: finding.state for finding in findings if finding.state is not State.OK}
    assert states == {"refuses bogus answers": State.UNKNOWN, "explains refusals": State.UNKNOWN}

"""DANE at one MX host and address."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from crawler.outcomes import DaneReason, DaneStatus, DnssecStatus, LookupStatus, Outcome, TlsaProblem
from crawler.protocol.certificate import public_key_info
from crawler.records import AddressLookup, CnameStep, TlsaLookup, TlsaRecord
from crawler.verdicts.dane import Base, DaneVerdict, judge_dane, order_bases
from tests.verdicts.authority import FIRST, LAST, NOW, Issued, issue, reissue_with

HOST = "mx.example.org"
DAY = timedelta(days=1)
SECURE, INSECURE = DnssecStatus.SECURE, DnssecStatus.INSECURE


def record(usage: int, selector: int, matching_type: int, of: Issued | bytes) -> TlsaRecord:
    """Return the record that matches a certificate, or one with the data given."""
    if isinstance(of, bytes):
        data = of
    else:
        selected = of.der if selector == 0 else public_key_info(of.der)
        assert selected is not None
        digests = {1: hashlib.sha256, 2: hashlib.sha512}
        data = digests[matching_type](selected).digest() if matching_type in digests else selected
    return TlsaRecord(
        usage=usage, selector=selector, matching_type=matching_type, association_data=data.hex()
    )


def lookup(
    *records: TlsaRecord, status: LookupStatus | None = None, security: DnssecStatus = SECURE
) -> TlsaLookup:
    status = status or (LookupStatus.NOERROR if records else LookupStatus.NODATA)
    return TlsaLookup(status=status, dnssec_status=security, records=records)


def judge(
    records: Sequence[TlsaRecord],
    *chain: Issued,
    outcome: Outcome = Outcome.TLS_OK,
    next_hops: Sequence[str] = (),
    at: datetime = NOW,
) -> DaneVerdict:
    bases = (Base(domain=HOST, lookup=lookup(*records)),)
    return judge_dane(bases, outcome, [issued.record for issued in chain], next_hops, at)


# --- DANE-EE -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching_type", [0, 1, 2])
def test_a_record_of_the_servers_certificate_or_key_matches(
    leaf: Issued, selector: int, matching_type: int
) -> None:
    verdict = judge([record(3, selector, matching_type, leaf)], leaf)
    assert (verdict.status, verdict.usage, verdict.reason) == (DaneStatus.MATCHED, 3, None)
    assert verdict.base_domain == HOST


def test_names_and_dates_are_ignored_for_the_servers_own_certificate() -> None:
    other = issue("elsewhere.example", dns_names=["elsewhere.example"])
    verdict = judge([record(3, 1, 1, other)], other, at=LAST + 100 * DAY)
    assert verdict.status is DaneStatus.MATCHED


def test_the_key_of_another_certificate_of_the_chain_is_not_the_servers(
    leaf: Issued, intermediate: Issued
) -> None:
    verdict = judge([record(3, 1, 1, intermediate)], leaf, intermediate)
    assert (verdict.status, verdict.reason) == (DaneStatus.MISMATCHED, DaneReason.NO_MATCH)


def test_one_matching_record_is_enough(leaf: Issued, root: Issued) -> None:
    verdict = judge([record(3, 1, 1, root), record(3, 1, 1, leaf)], leaf)
    assert verdict.status is DaneStatus.MATCHED
    assert [each.is_matched for each in verdict.records] == [False, True]


def test_data_in_upper_case_is_the_same_data(leaf: Issued) -> None:
    own = record(3, 1, 1, leaf)
    upper = TlsaRecord(usage=3, selector=1, matching_type=1, association_data=own.association_data.upper())
    assert judge([upper], leaf).status is DaneStatus.MATCHED


def test_a_certificate_that_cannot_be_read_still_matches_by_itself() -> None:
    odd = Issued(b"\x30\x03\x02\x01\x01", None, None)  # type: ignore[arg-type]  # never issued
    assert judge([record(3, 0, 1, odd.der and hashlib.sha256(odd.der).digest())], odd).status is (
        DaneStatus.MATCHED
    )
    assert judge([record(3, 1, 1, bytes(32))], odd).reason is DaneReason.NO_MATCH


# --- DANE-TA -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching_type", [0, 1, 2])
def test_a_trust_anchor_that_was_sent_authenticates(
    leaf: Issued, intermediate: Issued, root: Issued, selector: int, matching_type: int
) -> None:
    for anchor, chain in ((intermediate, (leaf, intermediate)), (root, (leaf, intermediate, root))):
        verdict = judge([record(2, selector, matching_type, anchor)], *chain)
        assert (verdict.status, verdict.usage) == (DaneStatus.MATCHED, 2)


def test_a_digest_of_an_anchor_that_was_not_sent_matches_nothing(
    leaf: Issued, intermediate: Issued, root: Issued
) -> None:
    verdict = judge([record(2, 0, 1, root)], leaf, intermediate)
    assert verdict.reason is DaneReason.NO_MATCH


@pytest.mark.parametrize("selector", [0, 1])
def test_an_anchor_that_is_whole_in_the_record_need_not_be_sent(
    leaf: Issued, intermediate: Issued, root: Issued, selector: int
) -> None:
    assert judge([record(2, selector, 0, root)], leaf, intermediate).status is DaneStatus.MATCHED
    assert judge([record(2, selector, 0, intermediate)], leaf).status is DaneStatus.MATCHED


def test_a_key_that_a_sent_certificate_carries_is_that_certificates(root: Issued) -> None:
    clerk = issue("Clerk", root, is_ca=False)
    served = issue(HOST, clerk, dns_names=[HOST])
    anchor = record(2, 1, 0, clerk)
    assert judge([anchor], served).status is DaneStatus.MATCHED
    assert judge([anchor], served, clerk, root).reason is DaneReason.NO_PATH


def test_what_a_bare_key_signed_must_be_for_servers(root: Issued) -> None:
    authority = issue("Authority", root, is_ca=True, usages=[ExtendedKeyUsageOID.CLIENT_AUTH])
    served = issue(HOST, authority, dns_names=[HOST])
    assert judge([record(2, 1, 0, root)], served, authority).reason is DaneReason.NO_PATH


def test_an_anchor_that_signed_nothing_of_the_chain_has_no_path(leaf: Issued, intermediate: Issued) -> None:
    stranger = issue("Stranger", is_ca=True)
    verdict = judge([record(2, 0, 1, stranger)], leaf, intermediate, stranger)
    assert (verdict.status, verdict.reason) == (DaneStatus.MISMATCHED, DaneReason.NO_PATH)


@pytest.mark.parametrize("is_ca", [False, True])
@pytest.mark.parametrize("matching_type", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
def test_the_servers_own_certificate_is_no_trust_anchor_however_often_it_is_sent(
    selector: int, matching_type: int, is_ca: bool
) -> None:
    own = issue(HOST, dns_names=[HOST], is_ca=is_ca)
    for chain in ((own,), (own, own)):
        verdict = judge([record(2, selector, matching_type, own)], *chain)
        if (selector, matching_type) == (1, 0):  # a key that signed the certificate, whosever it is
            assert verdict.status is DaneStatus.MATCHED
        else:
            assert verdict.reason is DaneReason.NO_MATCH


def test_a_servers_own_certificate_below_others_is_no_trust_anchor(
    leaf: Issued, intermediate: Issued
) -> None:
    assert judge([record(2, 0, 1, leaf)], leaf, intermediate).reason is DaneReason.NO_MATCH


def test_the_path_to_an_anchor_must_be_valid_in_time(
    root: Issued, leaf: Issued, intermediate: Issued
) -> None:
    anchor = record(2, 0, 1, intermediate)
    assert judge([anchor], leaf, intermediate, at=LAST + DAY).reason is DaneReason.EXPIRED
    assert judge([anchor], leaf, intermediate, at=FIRST - DAY).reason is DaneReason.NOT_YET_VALID


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching_type", [0, 1, 2])
@pytest.mark.parametrize(("first", "last"), [(FIRST, NOW - DAY), (NOW + DAY, LAST)])
def test_the_dates_of_a_trust_anchor_itself_do_not_count(
    root: Issued, selector: int, matching_type: int, first: datetime, last: datetime
) -> None:
    for above in (None, root):
        anchor = issue("Anchor", above, is_ca=True, first=first, last=last)
        served = issue(HOST, anchor, dns_names=[HOST])
        chain = (served, anchor, root)
        assert judge([record(2, selector, matching_type, anchor)], *chain).status is DaneStatus.MATCHED
        if above is not None:
            reason = judge([record(2, selector, matching_type, root)], *chain).reason
            assert reason is (DaneReason.EXPIRED if last < NOW else DaneReason.NOT_YET_VALID)


def test_the_limit_that_a_trust_anchor_sets_counts() -> None:
    anchor = issue("Anchor", is_ca=True, path_length=0)
    below = issue("Below", anchor, is_ca=True)
    served = issue(HOST, below, dns_names=[HOST])
    assert judge([record(2, 0, 1, anchor)], served, below, anchor).reason is DaneReason.NO_PATH


def test_the_name_must_be_the_base_domain_or_a_next_hop(root: Issued) -> None:
    other = issue("mail", root, dns_names=["example.org"])
    anchor = record(2, 0, 1, root)
    assert judge([anchor], other, root).reason is DaneReason.NAME_MISMATCH
    assert judge([anchor], other, root, next_hops=["example.org"]).status is DaneStatus.MATCHED


@pytest.mark.parametrize("common_name", [HOST, "*.example.org", HOST.upper()])
def test_a_common_name_is_a_name_where_there_is_no_dns_name(root: Issued, common_name: str) -> None:
    assert judge([record(2, 0, 1, root)], issue(common_name, root), root).status is DaneStatus.MATCHED


def test_a_common_name_beside_a_dns_name_is_none(root: Issued) -> None:
    other = issue(HOST, root, dns_names=["elsewhere.example"])
    assert judge([record(2, 0, 1, root)], other, root).reason is DaneReason.NAME_MISMATCH


def test_a_common_name_beside_dns_names_that_cannot_be_read_is_none(root: Issued) -> None:
    odd = replace(issue(HOST, root).record, dns_names=None)
    bases = (Base(domain=HOST, lookup=lookup(record(2, 0, 1, root))),)
    verdict = judge_dane(bases, Outcome.TLS_OK, [odd, root.record], (), NOW)
    assert verdict.reason is DaneReason.NAME_MISMATCH


def test_a_certificate_that_is_not_for_servers_has_no_path_but_may_be_the_servers_own(root: Issued) -> None:
    for_clients = issue(HOST, root, dns_names=[HOST], usages=[ExtendedKeyUsageOID.CLIENT_AUTH])
    assert judge([record(2, 0, 1, root)], for_clients, root).reason is DaneReason.NO_PATH
    assert judge([record(3, 1, 1, for_clients)], for_clients, root).status is DaneStatus.MATCHED


def test_the_purpose_of_a_trust_anchor_itself_does_not_count(root: Issued) -> None:
    authority = issue("Authority", root, is_ca=True, usages=[ExtendedKeyUsageOID.CLIENT_AUTH])
    served = issue(HOST, authority, dns_names=[HOST])
    assert judge([record(2, 0, 1, authority)], served, authority).status is DaneStatus.MATCHED
    assert judge([record(2, 0, 1, root)], served, authority, root).reason is DaneReason.NO_PATH


def test_dates_that_cannot_be_read_make_no_path() -> None:
    ed25519_root = issue("Root", is_ca=True, key=ed25519.Ed25519PrivateKey.generate())
    leaf = issue(HOST, ed25519_root, dns_names=[HOST])
    odd = reissue_with(leaf, b"260101000000Z", b"269901000000Z", ed25519_root)
    assert judge([record(2, 0, 1, ed25519_root)], odd, ed25519_root).reason is DaneReason.NO_PATH


def test_an_issuer_that_is_no_authority_ends_no_path(root: Issued) -> None:
    clerk = issue("Clerk", root, is_ca=False)
    served = issue(HOST, clerk, dns_names=[HOST])
    assert judge([record(2, 0, 1, root)], served, clerk, root).reason is DaneReason.NO_PATH


def test_the_reason_is_that_of_the_record_that_came_closest(
    leaf: Issued, intermediate: Issued, root: Issued
) -> None:
    misnamed = issue("mail", root, dns_names=["elsewhere.example"])
    records = [record(3, 1, 1, leaf), record(2, 0, 1, root)]
    assert judge(records, misnamed, root).reason is DaneReason.NAME_MISMATCH


# --- which records count -------------------------------------------------------------------------------


PROBLEMS = [
    ((0, 0, 1, bytes(32)), TlsaProblem.PKIX_USAGE),
    ((1, 1, 1, bytes(32)), TlsaProblem.PKIX_USAGE),
    ((4, 1, 1, bytes(32)), TlsaProblem.UNKNOWN_USAGE),
    ((255, 1, 1, bytes(32)), TlsaProblem.UNKNOWN_USAGE),
    ((3, 2, 1, bytes(32)), TlsaProblem.UNKNOWN_SELECTOR),
    ((3, 1, 3, bytes(32)), TlsaProblem.UNKNOWN_MATCHING_TYPE),
    ((3, 1, 1, b""), TlsaProblem.MALFORMED_DATA),
    ((3, 1, 1, bytes(31)), TlsaProblem.MALFORMED_DATA),
    ((3, 1, 2, bytes(32)), TlsaProblem.MALFORMED_DATA),
    ((3, 0, 0, b"no certificate"), TlsaProblem.MALFORMED_DATA),
    ((3, 1, 0, b"no key"), TlsaProblem.MALFORMED_DATA),
    ((2, 1, 0, b""), TlsaProblem.MALFORMED_DATA),
]


@pytest.mark.parametrize(("fields", "problem"), PROBLEMS)
def test_a_record_that_cannot_be_used_is_named_and_leaves_tls_unauthenticated(
    leaf: Issued, fields: tuple[int, int, int, bytes], problem: TlsaProblem
) -> None:
    verdict = judge([record(*fields)], leaf)
    assert verdict.status is DaneStatus.UNUSABLE
    assert [each.problem for each in verdict.records] == [problem]


def test_a_usable_record_counts_beside_one_that_is_not(leaf: Issued) -> None:
    assert judge([record(1, 1, 1, leaf), record(3, 1, 1, leaf)], leaf).status is DaneStatus.MATCHED
    assert judge([record(1, 1, 1, leaf), record(3, 1, 1, bytes(32))], leaf).status is DaneStatus.MISMATCHED


def test_a_weaker_digest_does_not_count_beside_a_stronger_of_its_kind(leaf: Issued) -> None:
    verdict = judge([record(3, 1, 1, leaf), record(3, 1, 2, bytes(64))], leaf)
    assert verdict.status is DaneStatus.MISMATCHED
    assert [each.is_passed_over for each in verdict.records] == [True, False]


def test_digest_agility_is_for_one_usage_and_selector_and_never_for_full_values(leaf: Issued) -> None:
    for own in (record(3, 0, 1, leaf), record(3, 1, 0, leaf)):
        assert judge([own, record(3, 1, 2, bytes(64))], leaf).status is DaneStatus.MATCHED


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.NO_STARTTLS, DaneStatus.NO_TLS),
        (Outcome.STARTTLS_REFUSED, DaneStatus.NO_TLS),
        (Outcome.TLS_FAILED, DaneStatus.NO_TLS),
        (Outcome.UNREACHABLE, DaneStatus.UNKNOWN),
        (Outcome.REFUSED_GREETING, DaneStatus.UNKNOWN),
        (Outcome.NOT_ATTEMPTED, DaneStatus.UNKNOWN),
        (Outcome.HELLO_FAILED, DaneStatus.UNKNOWN),
    ],
)
def test_without_tls_no_record_is_tried(leaf: Issued, outcome: Outcome, status: DaneStatus) -> None:
    verdict = judge([record(3, 1, 1, leaf)], outcome=outcome)
    assert verdict.status is status
    assert len(verdict.records) == 1


def test_a_server_that_sent_no_certificate_matches_nothing(leaf: Issued) -> None:
    assert judge([record(3, 1, 1, leaf)]).reason is DaneReason.NO_MATCH


# --- whose records -------------------------------------------------------------------------------------


def address(*steps: DnssecStatus, security: DnssecStatus = SECURE) -> AddressLookup:
    chain = [CnameStep(target=f"step{index}.example", dnssec_status=step) for index, step in enumerate(steps)]
    return AddressLookup(
        status=LookupStatus.NOERROR,
        dnssec_status=security,
        cname_chain=tuple(chain),
        addresses=("192.0.2.1",),
    )


OWN, EXPANDED = lookup(), lookup(security=INSECURE)
BASES = [
    (address(), None, [HOST]),
    (address(security=INSECURE), None, []),
    (address(security=DnssecStatus.BOGUS), None, []),
    (address(SECURE), EXPANDED, ["step0.example", HOST]),
    (address(SECURE, SECURE), EXPANDED, ["step1.example", HOST]),
    (address(SECURE, INSECURE, security=INSECURE), EXPANDED, [HOST]),
    (address(SECURE, security=INSECURE), EXPANDED, [HOST]),
    (address(INSECURE, security=SECURE), EXPANDED, []),
    (address(INSECURE, security=INSECURE), EXPANDED, []),
]


@pytest.mark.parametrize(("addresses", "expanded", "domains"), BASES)
def test_a_sender_asks_where_what_leads_there_is_secure(
    addresses: AddressLookup, expanded: TlsaLookup | None, domains: list[str]
) -> None:
    assert [base.domain for base in order_bases(HOST, addresses, OWN, expanded)] == domains


def status_of(*lookups: TlsaLookup) -> DaneStatus:
    bases = [Base(domain=f"base{index}.example", lookup=each) for index, each in enumerate(lookups)]
    return judge_dane(bases, Outcome.UNREACHABLE, (), (), NOW).status


RECORDS = record(3, 1, 1, bytes(32))
STATUSES = [
    ([], DaneStatus.NOT_APPLICABLE),
    ([lookup()], DaneStatus.ABSENT),
    ([lookup(status=LookupStatus.NXDOMAIN, security=INSECURE)], DaneStatus.ABSENT),
    ([lookup(RECORDS, security=INSECURE)], DaneStatus.ABSENT),
    ([lookup(RECORDS)], DaneStatus.UNKNOWN),
    ([lookup(status=LookupStatus.SERVFAIL, security=DnssecStatus.INDETERMINATE)], DaneStatus.LOOKUP_FAILED),
    ([lookup(status=LookupStatus.SERVFAIL, security=DnssecStatus.BOGUS)], DaneStatus.LOOKUP_FAILED),
    ([lookup(status=LookupStatus.TIMEOUT, security=DnssecStatus.INDETERMINATE)], DaneStatus.LOOKUP_FAILED),
    ([lookup(RECORDS, security=DnssecStatus.UNVALIDATED)], DaneStatus.WITHHELD),
    ([lookup(security=DnssecStatus.UNVALIDATED)], DaneStatus.WITHHELD),
    ([lookup(), lookup(RECORDS)], DaneStatus.UNKNOWN),
    ([lookup(), lookup()], DaneStatus.ABSENT),
    (
        [lookup(status=LookupStatus.REFUSED, security=DnssecStatus.INDETERMINATE), lookup(RECORDS)],
        DaneStatus.LOOKUP_FAILED,
    ),
]


@pytest.mark.parametrize(("lookups", "status"), STATUSES)
def test_a_failure_is_never_absence_and_an_insecure_answer_is(
    lookups: list[TlsaLookup], status: DaneStatus
) -> None:
    assert status_of(*lookups) is status


def test_the_expanded_name_comes_before_the_original(leaf: Issued) -> None:
    bases = (
        Base(domain="expanded.example", lookup=lookup(record(3, 1, 1, leaf))),
        Base(domain=HOST, lookup=lookup(record(3, 1, 1, bytes(32)))),
    )
    verdict = judge_dane(bases, Outcome.TLS_OK, [leaf.record], (), NOW)
    assert (verdict.status, verdict.base_domain) == (DaneStatus.MATCHED, "expanded.example")


@given(
    records=st.lists(
        st.builds(
            record, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=70)
        ),
        min_size=1,
        max_size=5,
    ),
    der=st.binary(max_size=60),
)
def test_nothing_that_a_zone_or_a_server_sends_raises(records: list[TlsaRecord], der: bytes) -> None:
    odd = Issued(der, None, None)  # type: ignore[arg-type]  # never issued
    verdict = judge(records, odd, odd)
    assert verdict.status in (DaneStatus.MATCHED, DaneStatus.MISMATCHED, DaneStatus.UNUSABLE)
    assert len(verdict.records) == len(records)

"""One SMTP session judged."""

from dataclasses import replace
from typing import Any

import pytest

from crawler.outcomes import (
    Basis,
    DaneReason,
    DaneStatus,
    DnssecStatus,
    Failure,
    LookupStatus,
    Outcome,
    PkixReason,
    SessionStage,
    TlsaProblem,
)
from crawler.records import (
    AddressLookup,
    CnameStep,
    JudgedTlsaRecord,
    Session,
    SessionVerdict,
    TlsaLookup,
    TlsHandshake,
)
from crawler.verdicts import RULE_VERSION
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.session import Endpoint, SessionFacts, judge_session
from tests.verdicts.authority import LAST, NOW, Issued
from tests.verdicts.test_dane_verdict import lookup, record

UNREACHABLE = Session(
    mx_host="mx.example.org",
    address="192.0.2.1",
    family=4,
    port=25,
    attempt=2,
    stage=SessionStage.CONNECT,
    failure=Failure.TIMEOUT,
    failure_detail=None,
    greeting=None,
    greeting_masked=None,
    hello_command=None,
    hello_code=None,
    ehlo_keywords=None,
    starttls_offered=None,
    starttls_overwritten=None,
    starttls_reply=None,
    plaintext_after_220=None,
    tls=None,
    hello_tls_code=None,
    ehlo_keywords_tls=None,
    quit_code=None,
    pushed_back=None,
    tlsa=None,
    tlsa_expanded=None,
    started_at=NOW,
    connect_seconds=None,
    greeting_seconds=None,
    hello_seconds=None,
    starttls_seconds=None,
    handshake_seconds=None,
    total_seconds=20.0,
)


@pytest.fixture
def judge(store: RootStore, leaf: Issued, intermediate: Issued) -> PkixJudge:
    return PkixJudge(store, {issued.sha256: issued.record for issued in (leaf, intermediate)})


def with_tls(*sent: Issued) -> Session:
    return replace(
        UNREACHABLE,
        stage=SessionStage.HELLO_TLS,
        failure=None,
        starttls_offered=True,
        tls=TlsHandshake(version="TLSv1.3", chain=tuple(issued.sha256 for issued in sent)),
    )


@pytest.fixture
def encrypted(leaf: Issued, intermediate: Issued) -> Session:
    return with_tls(leaf, intermediate)


def judged(
    session: Session,
    judge: PkixJudge,
    *,
    looked_up: AddressLookup | None = None,
    sample: Session | None = None,
    **options: Any,
) -> SessionVerdict:
    """Judge a session by itself, or by that of a sample."""
    facts = SessionFacts.of(sample or session)
    return judge_session(Endpoint.of(session, looked_up), facts, judge, **options)


def test_a_session_with_tls_is_judged_in_every_column(
    encrypted: Session, judge: PkixJudge, store: RootStore
) -> None:
    assert judged(encrypted, judge) == SessionVerdict(
        mx_host="mx.example.org",
        address="192.0.2.1",
        attempt=2,
        basis=Basis.DIRECT,
        sample_mx_host=None,
        sample_size=None,
        sample_bound=None,
        rule_version=RULE_VERSION,
        root_store_sha256=store.sha256,
        time_used=NOW,
        outcome=Outcome.TLS_OK,
        path_ok=True,
        time_ok=True,
        name_mx_ok=True,
        pkix_ok=True,
        cn_only_match=False,
        self_signed=False,
        reason=None,
        verify_code=0,
        tlsa_present=None,
        tlsa_dnssec_status=None,
        dane=DaneStatus.NOT_ATTEMPTED,
        dane_base_domain=None,
        dane_reason=None,
        dane_usage=None,
        tlsa_records=(),
    )


def test_each_fact_about_the_certificate_stands_by_itself(encrypted: Session, judge: PkixJudge) -> None:
    late = judged(replace(encrypted, started_at=LAST.replace(year=2027)), judge)
    assert (late.path_ok, late.time_ok, late.name_mx_ok, late.pkix_ok) == (True, False, True, False)
    assert (late.outcome, late.reason) == (Outcome.TLS_OK, PkixReason.EXPIRED)
    elsewhere = judged(replace(encrypted, mx_host="mx.example.net"), judge)
    assert (elsewhere.path_ok, elsewhere.time_ok, elsewhere.name_mx_ok) == (True, True, False)
    assert (elsewhere.outcome, elsewhere.reason) == (Outcome.TLS_OK, PkixReason.NAME_MISMATCH)


@pytest.mark.parametrize("stage", [SessionStage.CONNECT, SessionStage.HANDSHAKE])
def test_without_a_completed_handshake_certificates_are_not_judged(
    encrypted: Session, judge: PkixJudge, stage: SessionStage
) -> None:
    verdict = judged(replace(encrypted, stage=stage, failure=Failure.TIMEOUT), judge)
    assert verdict.outcome in (Outcome.UNREACHABLE, Outcome.TLS_FAILED)
    booleans = (verdict.path_ok, verdict.time_ok, verdict.name_mx_ok, verdict.pkix_ok, verdict.cn_only_match)
    assert booleans == (None,) * 5
    assert (verdict.self_signed, verdict.reason, verdict.verify_code) == (None,) * 3


def test_tls_without_a_certificate_is_tls_that_is_not_valid(encrypted: Session, judge: PkixJudge) -> None:
    verdict = judged(replace(encrypted, tls=TlsHandshake(version="TLSv1.2")), judge)
    assert verdict.outcome is Outcome.TLS_OK
    assert (verdict.path_ok, verdict.time_ok, verdict.name_mx_ok, verdict.pkix_ok) == (False,) * 4
    assert verdict.reason is PkixReason.NO_CERTIFICATE


@pytest.mark.parametrize(
    ("status", "dnssec_status", "present"),
    [
        (LookupStatus.NOERROR, DnssecStatus.SECURE, True),
        (LookupStatus.NODATA, DnssecStatus.INSECURE, False),
        (LookupStatus.NXDOMAIN, DnssecStatus.SECURE, False),
        (LookupStatus.SERVFAIL, DnssecStatus.BOGUS, None),
        (LookupStatus.TIMEOUT, DnssecStatus.INDETERMINATE, None),
    ],
)
def test_a_failed_tlsa_lookup_is_no_absence(
    judge: PkixJudge, status: LookupStatus, dnssec_status: DnssecStatus, present: bool | None
) -> None:
    lookup = TlsaLookup(status=status, dnssec_status=dnssec_status)
    verdict = judged(replace(UNREACHABLE, tlsa=lookup), judge)
    assert (verdict.tlsa_present, verdict.tlsa_dnssec_status) == (present, dnssec_status)


SAMPLED = replace(UNREACHABLE, attempt=1, stage=SessionStage.NOT_ATTEMPTED, failure=Failure.SAMPLED)


def test_what_was_left_to_a_sample_is_judged_by_it_under_its_own_name(
    encrypted: Session, judge: PkixJudge
) -> None:
    asked = replace(encrypted, started_at=LAST)
    tlsa = TlsaLookup(status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.SECURE)
    verdict = judged(replace(SAMPLED, tlsa=tlsa), judge, sample=asked, sample_size=75)
    assert (verdict.basis, verdict.sample_mx_host, verdict.sample_size) == (Basis.INFERRED, asked.mx_host, 75)
    assert verdict.sample_bound == pytest.approx(0.04)
    assert (verdict.attempt, verdict.time_used) == (2, LAST)
    assert (verdict.outcome, verdict.pkix_ok) == (Outcome.TLS_OK, True)
    assert (verdict.tlsa_present, verdict.tlsa_dnssec_status) == (True, DnssecStatus.SECURE)
    elsewhere = judged(replace(SAMPLED, mx_host="mx.example.net"), judge, sample=asked, sample_size=75)
    assert (elsewhere.mx_host, elsewhere.reason) == ("mx.example.net", PkixReason.NAME_MISMATCH)


def test_the_bound_of_a_small_sample_is_no_more_than_all(encrypted: Session, judge: PkixJudge) -> None:
    assert judged(SAMPLED, judge, sample=encrypted, sample_size=2).sample_bound == 1


def test_what_was_left_to_a_sample_that_does_not_agree_was_not_attempted(judge: PkixJudge) -> None:
    verdict = judged(SAMPLED, judge)
    assert (verdict.basis, verdict.outcome) == (Basis.DIRECT, Outcome.NOT_ATTEMPTED)
    assert (verdict.sample_mx_host, verdict.sample_size, verdict.sample_bound) == (None, None, None)


def test_another_date_is_used_for_all_validity_and_told(encrypted: Session, judge: PkixJudge) -> None:
    at = LAST.replace(year=2030)
    own, later = judged(encrypted, judge), judged(encrypted, judge, at=at)
    assert (later.time_used, later.time_ok, later.reason) == (at, False, PkixReason.EXPIRED)
    assert later == replace(own, time_used=at, time_ok=False, pkix_ok=False, reason=PkixReason.EXPIRED)


# --- DANE ----------------------------------------------------------------------------------------------

SECURE, INSECURE = DnssecStatus.SECURE, DnssecStatus.INSECURE
FAILED = lookup(status=LookupStatus.TIMEOUT, security=DnssecStatus.INDETERMINATE)
UNVALIDATED = DnssecStatus.UNVALIDATED


def addresses(security: DnssecStatus = SECURE, *steps: CnameStep) -> AddressLookup:
    return AddressLookup(
        status=LookupStatus.NOERROR, dnssec_status=security, cname_chain=steps, addresses=("192.0.2.1",)
    )


def test_a_matching_record_authenticates_and_each_record_is_told_of(
    encrypted: Session, judge: PkixJudge, leaf: Issued, root: Issued
) -> None:
    tlsa = lookup(record(1, 1, 1, leaf), record(3, 1, 1, root), record(3, 0, 1, leaf))
    verdict = judged(replace(encrypted, tlsa=tlsa), judge, looked_up=addresses())
    assert (verdict.dane, verdict.dane_reason, verdict.dane_usage) == (DaneStatus.MATCHED, None, 3)
    assert verdict.dane_base_domain == encrypted.mx_host
    own = JudgedTlsaRecord(
        usage=3,
        selector=0,
        matching_type=1,
        problem=None,
        is_passed_over=False,
        is_matched=True,
        reason=None,
    )
    assert verdict.tlsa_records == (
        replace(own, usage=1, selector=1, problem=TlsaProblem.PKIX_USAGE, is_matched=False),
        replace(own, selector=1, is_matched=False, reason=DaneReason.NO_MATCH),
        own,
    )


@pytest.mark.parametrize(
    ("tlsa", "looked_up", "changes", "status"),
    [
        (None, addresses(), {}, DaneStatus.NOT_ATTEMPTED),
        (lookup(), None, {}, DaneStatus.NOT_ATTEMPTED),
        (lookup(), addresses(), {}, DaneStatus.ABSENT),
        (lookup(security=UNVALIDATED), addresses(UNVALIDATED), {}, DaneStatus.WITHHELD),
        (FAILED, addresses(), {}, DaneStatus.LOOKUP_FAILED),
        (FAILED, addresses(INSECURE), {}, DaneStatus.NOT_APPLICABLE),
        ("other", addresses(), {}, DaneStatus.MISMATCHED),
        ("unusable", addresses(), {}, DaneStatus.UNUSABLE),
        ("other", addresses(), {"stage": SessionStage.HELLO, "starttls_offered": False}, DaneStatus.NO_TLS),
        (
            "other",
            addresses(),
            {"stage": SessionStage.GREETING, "failure": Failure.TIMEOUT},
            DaneStatus.UNKNOWN,
        ),
    ],
)
def test_each_status_comes_of_a_session(
    encrypted: Session,
    judge: PkixJudge,
    root: Issued,
    tlsa: TlsaLookup | str | None,
    looked_up: AddressLookup | None,
    changes: dict[str, Any],
    status: DaneStatus,
) -> None:
    records = {"other": lookup(record(3, 1, 1, root)), "unusable": lookup(record(0, 1, 1, root))}
    own = records[tlsa] if isinstance(tlsa, str) else tlsa
    verdict = judged(replace(encrypted, tlsa=own, **changes), judge, looked_up=looked_up)
    assert verdict.dane is status
    reason = DaneReason.NO_MATCH if status is DaneStatus.MISMATCHED else None
    assert (verdict.dane_reason, verdict.dane_usage) == (reason, None)


@pytest.mark.parametrize(
    ("security", "step", "status", "base_domain"),
    [
        (SECURE, SECURE, DaneStatus.MATCHED, "end.example.net"),
        (INSECURE, SECURE, DaneStatus.MISMATCHED, "mx.example.org"),
        (INSECURE, INSECURE, DaneStatus.NOT_APPLICABLE, None),
    ],
)
def test_an_alias_counts_where_it_is_secure(
    encrypted: Session,
    judge: PkixJudge,
    leaf: Issued,
    root: Issued,
    security: DnssecStatus,
    step: DnssecStatus,
    status: DaneStatus,
    base_domain: str | None,
) -> None:
    session = replace(
        encrypted, tlsa=lookup(record(3, 1, 1, root)), tlsa_expanded=lookup(record(3, 1, 1, leaf))
    )
    alias = CnameStep(target="end.example.net", dnssec_status=step)
    verdict = judged(session, judge, looked_up=addresses(security, alias))
    assert (verdict.dane, verdict.dane_base_domain) == (status, base_domain)


def test_what_was_left_to_a_sample_has_the_samples_chain_held_against_its_own_records(
    encrypted: Session, judge: PkixJudge, leaf: Issued, root: Issued
) -> None:
    asked = replace(encrypted, mx_host="mx.example.net", tlsa=lookup(record(3, 1, 1, root)))
    own = replace(SAMPLED, tlsa=lookup(record(3, 1, 1, leaf)))
    verdict = judged(own, judge, looked_up=addresses(), sample=asked, sample_size=75)
    assert (verdict.basis, verdict.dane) == (Basis.INFERRED, DaneStatus.MATCHED)
    assert judged(own, judge, looked_up=addresses()).dane is DaneStatus.UNKNOWN


def test_dates_count_for_a_trust_anchor_alone(
    encrypted: Session, judge: PkixJudge, leaf: Issued, intermediate: Issued
) -> None:
    at = LAST.replace(year=2030)
    by_key = replace(encrypted, tlsa=lookup(record(3, 1, 1, leaf)))
    by_anchor = replace(encrypted, tlsa=lookup(record(2, 0, 1, intermediate)))
    assert judged(by_key, judge, looked_up=addresses(), at=at).dane is DaneStatus.MATCHED
    assert judged(by_anchor, judge, looked_up=addresses()).dane is DaneStatus.MATCHED
    late = judged(by_anchor, judge, looked_up=addresses(), at=at)
    assert (late.dane, late.dane_reason) == (DaneStatus.MISMATCHED, DaneReason.EXPIRED)

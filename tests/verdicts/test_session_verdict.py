"""One SMTP session judged."""

from dataclasses import replace

import pytest

from crawler.outcomes import (
    Basis,
    DnssecStatus,
    Failure,
    LookupStatus,
    Outcome,
    PkixReason,
    SessionStage,
)
from crawler.records import Session, SessionVerdict, TlsaLookup, TlsHandshake
from crawler.verdicts import RULE_VERSION
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.session import Sample, judge_session
from tests.verdicts.authority import LAST, NOW, Issued

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


@pytest.fixture
def encrypted(leaf: Issued, intermediate: Issued) -> Session:
    return replace(
        UNREACHABLE,
        stage=SessionStage.HELLO_TLS,
        failure=None,
        starttls_offered=True,
        tls=TlsHandshake(version="TLSv1.3", chain=(leaf.sha256, intermediate.sha256)),
    )


def test_a_session_with_tls_is_judged_in_every_column(
    encrypted: Session, judge: PkixJudge, store: RootStore
) -> None:
    assert judge_session(encrypted, judge) == SessionVerdict(
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
    )


def test_each_fact_about_the_certificate_stands_by_itself(encrypted: Session, judge: PkixJudge) -> None:
    late = judge_session(replace(encrypted, started_at=LAST.replace(year=2027)), judge)
    assert (late.path_ok, late.time_ok, late.name_mx_ok, late.pkix_ok) == (True, False, True, False)
    assert (late.outcome, late.reason) == (Outcome.TLS_OK, PkixReason.EXPIRED)
    elsewhere = judge_session(replace(encrypted, mx_host="mx.example.net"), judge)
    assert (elsewhere.path_ok, elsewhere.time_ok, elsewhere.name_mx_ok) == (True, True, False)
    assert (elsewhere.outcome, elsewhere.reason) == (Outcome.TLS_OK, PkixReason.NAME_MISMATCH)


@pytest.mark.parametrize("stage", [SessionStage.CONNECT, SessionStage.HANDSHAKE])
def test_without_a_completed_handshake_certificates_are_not_judged(
    encrypted: Session, judge: PkixJudge, stage: SessionStage
) -> None:
    verdict = judge_session(replace(encrypted, stage=stage, failure=Failure.TIMEOUT), judge)
    assert verdict.outcome in (Outcome.UNREACHABLE, Outcome.TLS_FAILED)
    judged = (verdict.path_ok, verdict.time_ok, verdict.name_mx_ok, verdict.pkix_ok, verdict.cn_only_match)
    assert judged == (None,) * 5
    assert (verdict.self_signed, verdict.reason, verdict.verify_code) == (None,) * 3


def test_tls_without_a_certificate_is_tls_that_is_not_valid(encrypted: Session, judge: PkixJudge) -> None:
    verdict = judge_session(replace(encrypted, tls=TlsHandshake(version="TLSv1.2")), judge)
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
    verdict = judge_session(replace(UNREACHABLE, tlsa=lookup), judge)
    assert (verdict.tlsa_present, verdict.tlsa_dnssec_status) == (present, dnssec_status)


SAMPLED = replace(UNREACHABLE, attempt=1, stage=SessionStage.NOT_ATTEMPTED, failure=Failure.SAMPLED)


def test_what_was_left_to_a_sample_is_judged_by_it_under_its_own_name(
    encrypted: Session, judge: PkixJudge
) -> None:
    asked = replace(encrypted, started_at=LAST)
    tlsa = TlsaLookup(status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.SECURE)
    verdict = judge_session(replace(SAMPLED, tlsa=tlsa), judge, Sample(asked, 75))
    assert (verdict.basis, verdict.sample_mx_host, verdict.sample_size) == (Basis.INFERRED, asked.mx_host, 75)
    assert verdict.sample_bound == pytest.approx(0.04)
    assert (verdict.attempt, verdict.time_used) == (2, LAST)
    assert (verdict.outcome, verdict.pkix_ok) == (Outcome.TLS_OK, True)
    assert (verdict.tlsa_present, verdict.tlsa_dnssec_status) == (True, DnssecStatus.SECURE)
    elsewhere = judge_session(replace(SAMPLED, mx_host="mx.example.net"), judge, Sample(asked, 75))
    assert (elsewhere.mx_host, elsewhere.reason) == ("mx.example.net", PkixReason.NAME_MISMATCH)


def test_the_bound_of_a_small_sample_is_no_more_than_all(encrypted: Session, judge: PkixJudge) -> None:
    assert judge_session(SAMPLED, judge, Sample(encrypted, 2)).sample_bound == 1


def test_what_was_left_to_a_sample_that_does_not_agree_was_not_attempted(judge: PkixJudge) -> None:
    verdict = judge_session(SAMPLED, judge, None)
    assert (verdict.basis, verdict.outcome) == (Basis.DIRECT, Outcome.NOT_ATTEMPTED)
    assert (verdict.sample_mx_host, verdict.sample_size, verdict.sample_bound) == (None, None, None)

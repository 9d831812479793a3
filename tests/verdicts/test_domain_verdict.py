"""One domain judged with all its MX hosts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from crawler.outcomes import (
    AuthenticatedBy,
    DaneDomain,
    DaneReason,
    DaneStatus,
    DnssecStatus,
    Failure,
    FetchStage,
    LookupStatus,
    MxKind,
    Outcome,
    PkixReason,
    ResultType,
    SenderAction,
    StsPolicyVerdict,
    StsRecordVerdict,
    TlsrptVerdict,
)
from crawler.records import (
    AddressLookup,
    CnameStep,
    Domain,
    DomainVerdict,
    MxLookup,
    StsPolicy,
    TlsHandshake,
    TxtLookup,
)
from crawler.verdicts import RULE_VERSION
from crawler.verdicts.domain import SeenRoute, judge_domain
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.routes import Route
from tests.verdicts.authority import LAST, NOW, Issued, issue


def txt(text: str) -> TxtLookup:
    return TxtLookup(status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.INSECURE, texts=(text,))


DOMAIN = Domain(
    domain="example.org",
    position=1,
    rank=None,
    mx_kind=MxKind.EXPLICIT,
    mx=MxLookup(status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.INSECURE),
    sts_txt=txt("v=STSv1; id=1"),
    tlsrpt_txt=txt("v=TLSRPTv1; rua=mailto:tls@example.org"),
    resolved_at=NOW,
)


@pytest.fixture(scope="module")
def own(intermediate: Issued) -> Issued:
    """A certificate that names the mail domain as well as the host."""
    return issue("mx", intermediate, dns_names=["mx.example.org", "example.org"])


@pytest.fixture(scope="module")
def policy_leaf(intermediate: Issued) -> Issued:
    """The policy host's certificate."""
    return issue("sts", intermediate, dns_names=["mta-sts.example.org"])


@pytest.fixture
def judge(
    store: RootStore, own: Issued, leaf: Issued, policy_leaf: Issued, intermediate: Issued
) -> PkixJudge:
    known = (own, leaf, policy_leaf, intermediate)
    return PkixJudge(store, {issued.sha256: issued.record for issued in known})


def seen(sent: Issued | None, **facts: Any) -> SeenRoute:
    """Return a primary MX host that is all right, without TLSA records, but for the facts given."""
    good = Route(
        mx_host="mx.example.org",
        address="192.0.2.1",
        preference=10,
        is_primary=True,
        outcome=Outcome.TLS_OK,
        pkix_ok=True,
        reason=None,
        dane=DaneStatus.ABSENT,
        dane_reason=None,
    )
    return SeenRoute(replace(good, **facts), sent.sha256 if sent else None)


def test_a_domain_without_mx_hosts_is_judged_in_every_column(judge: PkixJudge, store: RootStore) -> None:
    assert judge_domain(DOMAIN, None, [], judge) == DomainVerdict(
        domain="example.org",
        rule_version=RULE_VERSION,
        root_store_sha256=store.sha256,
        time_used=None,
        sts_record=StsRecordVerdict.VALID,
        sts_id="1",
        sts_policy=StsPolicyVerdict.NOT_ATTEMPTED,
        sts_policy_syntax=None,
        sts_mode=None,
        sts_max_age=None,
        sts_mx_patterns=None,
        sts_policy_result=None,
        sts_step=1,
        sts_uncovered=None,
        sts_consistent=None,
        sts_action=SenderAction.OPPORTUNISTIC,
        dane=DaneDomain.UNKNOWN,
        dane_action=SenderAction.OPPORTUNISTIC,
        authenticated_by=AuthenticatedBy.UNKNOWN,
        routes=(),
        tlsrpt=TlsrptVerdict.VALID,
        tlsrpt_ruas=("mailto:tls@example.org",),
        name_domain_ok=None,
        primary_pkix_ok=None,
    )


# --- certificates --------------------------------------------------------------------------------------


def test_every_primary_that_completed_tls_must_be_valid(judge: PkixJudge, own: Issued) -> None:
    good = seen(own)
    bad = seen(own, pkix_ok=False, reason=PkixReason.SELF_SIGNED)
    backup = seen(own, pkix_ok=False, is_primary=False)
    dead = seen(None, outcome=Outcome.UNREACHABLE, pkix_ok=None)
    assert judge_domain(DOMAIN, None, [good, dead, backup], judge).primary_pkix_ok is True
    assert judge_domain(DOMAIN, None, [good, bad], judge).primary_pkix_ok is False
    assert judge_domain(DOMAIN, None, [dead, backup], judge).primary_pkix_ok is None


def test_every_primary_that_completed_tls_must_name_the_domain(
    judge: PkixJudge, own: Issued, leaf: Issued
) -> None:
    assert judge_domain(DOMAIN, None, [seen(own)], judge).name_domain_ok is True
    assert judge_domain(DOMAIN, None, [seen(own), seen(leaf)], judge).name_domain_ok is False
    assert judge_domain(DOMAIN, None, [seen(leaf, is_primary=False)], judge).name_domain_ok is None


def test_a_primary_that_sent_no_certificate_names_nothing(judge: PkixJudge) -> None:
    verdict = judge_domain(DOMAIN, None, [seen(None, pkix_ok=False)], judge)
    assert (verdict.name_domain_ok, verdict.primary_pkix_ok) == (False, False)


# --- DANE ----------------------------------------------------------------------------------------------

MISNAMED = {"dane": DaneStatus.MISMATCHED, "dane_reason": DaneReason.NAME_MISMATCH}


def mx(security: DnssecStatus, *targets: str) -> MxLookup:
    chain = tuple(CnameStep(target=target, dnssec_status=security) for target in targets)
    return MxLookup(status=LookupStatus.NOERROR, dnssec_status=security, cname_chain=chain)


@pytest.mark.parametrize(
    ("domain", "lookup", "status"),
    [
        ("example.org", mx(DnssecStatus.SECURE), DaneStatus.MATCHED),
        ("example.org", mx(DnssecStatus.INSECURE), DaneStatus.MISMATCHED),
        ("example.net", mx(DnssecStatus.SECURE), DaneStatus.MISMATCHED),
        ("example.net", mx(DnssecStatus.SECURE, "example.com", "example.org"), DaneStatus.MATCHED),
        ("example.net", mx(DnssecStatus.SECURE, "example.org", "example.com"), DaneStatus.MISMATCHED),
    ],
)
def test_a_trust_anchors_certificate_may_be_for_the_next_hop(
    judge: PkixJudge, own: Issued, domain: str, lookup: MxLookup, status: DaneStatus
) -> None:
    verdict = judge_domain(replace(DOMAIN, domain=domain, mx=lookup), None, [seen(own, **MISNAMED)], judge)
    (route,) = verdict.routes
    is_matched = status is DaneStatus.MATCHED
    assert (route.dane, route.dane_reason) == (status, None if is_matched else DaneReason.NAME_MISMATCH)
    assert route.dane_result is (None if is_matched else ResultType.CERTIFICATE_HOST_MISMATCH)
    assert verdict.dane is (DaneDomain.FULL if is_matched else DaneDomain.BROKEN)


def test_no_other_mismatch_is_mended_by_the_next_hop(judge: PkixJudge, own: Issued) -> None:
    expired = seen(own, dane=DaneStatus.MISMATCHED, dane_reason=DaneReason.EXPIRED)
    verdict = judge_domain(replace(DOMAIN, mx=mx(DnssecStatus.SECURE)), None, [expired], judge)
    assert verdict.routes[0].dane is DaneStatus.MISMATCHED
    assert verdict.dane_action is SenderAction.REFUSE


# --- MTA-STS -------------------------------------------------------------------------------------------

BODY = b"version: STSv1\nmode: enforce\nmax_age: 86400\nmx: mx.example.org\n"


def policy_of(chain: Sequence[Issued]) -> StsPolicy:
    """Return a policy fetch in which all went well."""
    nothing = AddressLookup(status=LookupStatus.NODATA, dnssec_status=DnssecStatus.INSECURE)
    return StsPolicy(
        domain="example.org",
        policy_host="mta-sts.example.org",
        a=nothing,
        aaaa=nothing,
        address="192.0.2.80",
        stage=FetchStage.BODY,
        failure=None,
        failure_detail=None,
        tls=TlsHandshake(version="TLSv1.3", chain=tuple(issued.sha256 for issued in chain)),
        http_status=200,
        content_type="text/plain",
        location=None,
        body=BODY,
        fetched_at=NOW,
        connect_seconds=None,
        handshake_seconds=None,
        total_seconds=1.0,
    )


@pytest.fixture
def fetched(policy_leaf: Issued, intermediate: Issued) -> StsPolicy:
    return policy_of((policy_leaf, intermediate))


BEFORE_TLS = {"stage": FetchStage.HANDSHAKE, "failure": Failure.TIMEOUT, "tls": None, "body": None}
NO_STARTTLS = {"outcome": Outcome.NO_STARTTLS, "pkix_ok": None}
DEAD = {"outcome": Outcome.UNREACHABLE, "pkix_ok": None}


@pytest.mark.parametrize(
    ("texts", "fetch", "route", "step", "result"),
    [
        ((), {}, {}, None, None),
        (("v=STSv1; id=1", "v=STSv1; id=2"), {}, {}, 0, None),
        (("v=STSv1; id=",), {}, {}, 0, None),
        (("v=STSv1; id=1",), BEFORE_TLS, {}, 1, ResultType.STS_POLICY_FETCH_ERROR),
        (("v=STSv1; id=1",), {"policy_host": "other.example"}, {}, 1, ResultType.STS_WEBPKI_INVALID),
        (("v=STSv1; id=1",), {"http_status": 404}, {}, 2, ResultType.STS_POLICY_FETCH_ERROR),
        (("v=STSv1; id=1",), {"content_type": "text/html"}, {}, 2, ResultType.STS_POLICY_FETCH_ERROR),
        (("v=STSv1; id=1",), {"failure": Failure.REPLY_TOO_LONG}, {}, 2, ResultType.STS_POLICY_FETCH_ERROR),
        (("v=STSv1; id=1",), {"failure": Failure.TIMEOUT}, {}, 2, ResultType.STS_POLICY_FETCH_ERROR),
        (("v=STSv1; id=1",), {"body": b"hello"}, {}, 3, ResultType.STS_POLICY_INVALID),
        (("v=STSv1; id=1",), {"body": b"version: STSv1\nmode: none\nmax_age: 1\n"}, {}, 4, None),
        (("v=STSv1; id=1",), {}, {"mx_host": "mx2.example.org"}, 4, None),
        (("v=STSv1; id=1",), {}, DEAD, 5, None),
        (("v=STSv1; id=1",), {}, NO_STARTTLS, 5, None),
        (("v=STSv1; id=1",), {}, {"pkix_ok": False, "reason": PkixReason.EXPIRED}, 5, None),
        (("v=STSv1; id=1",), {}, {}, 6, None),
    ],
)
def test_each_step_of_the_ladder_needs_all_before_it(
    judge: PkixJudge,
    own: Issued,
    fetched: StsPolicy,
    texts: tuple[str, ...],
    fetch: dict[str, Any],
    route: dict[str, Any],
    step: int | None,
    result: ResultType | None,
) -> None:
    domain = replace(DOMAIN, sts_txt=replace(txt(""), texts=texts))
    policy = replace(fetched, **fetch)
    verdict = judge_domain(domain, policy, [seen(own, **route)], judge)
    assert verdict.sts_step == step
    assert (verdict.sts_consistent is True) is (step == 6)
    if texts:
        assert verdict.sts_policy_result is result


def test_an_mx_host_that_the_policy_does_not_name_is_told(
    judge: PkixJudge, own: Issued, fetched: StsPolicy
) -> None:
    other = seen(own, mx_host="mx2.example.org", is_primary=False)
    verdict = judge_domain(DOMAIN, fetched, [seen(own), other, other], judge)
    assert (verdict.sts_uncovered, verdict.sts_consistent) == (("mx2.example.org",), False)
    assert [route.sts_covered for route in verdict.routes] == [True, False, False]
    assert [route.sts_result for route in verdict.routes] == [None] + [ResultType.STS_POLICY_INVALID] * 2
    assert verdict.sts_action is SenderAction.DELIVER
    assert judge_domain(DOMAIN, fetched, [other], judge).sts_action is SenderAction.REFUSE
    assert judge_domain(DOMAIN, fetched, [seen(own, **NO_STARTTLS)], judge).sts_action is SenderAction.REFUSE


def test_a_policy_without_a_valid_record_is_told_of_and_never_met(
    judge: PkixJudge, own: Issued, fetched: StsPolicy
) -> None:
    domain = replace(DOMAIN, sts_txt=txt("v=STSv1; id="))
    verdict = judge_domain(domain, fetched, [seen(own)], judge)
    assert (verdict.sts_policy, verdict.sts_uncovered) == (StsPolicyVerdict.VALID, ())
    assert (verdict.sts_consistent, verdict.sts_action) == (False, SenderAction.OPPORTUNISTIC)


def test_what_is_not_known_of_the_record_or_the_mx_hosts_is_not_taken_for_no(
    judge: PkixJudge, own: Issued, fetched: StsPolicy
) -> None:
    failed = TxtLookup(status=LookupStatus.TIMEOUT, dnssec_status=DnssecStatus.INDETERMINATE)
    lost = judge_domain(replace(DOMAIN, sts_txt=failed), None, [seen(own)], judge)
    assert (lost.sts_step, lost.sts_action) == (None, SenderAction.UNKNOWN)
    assert lost.authenticated_by is AuthenticatedBy.UNKNOWN
    no_mx = MxLookup(status=LookupStatus.TIMEOUT, dnssec_status=DnssecStatus.INDETERMINATE)
    unknown = judge_domain(replace(DOMAIN, mx=no_mx, mx_kind=MxKind.UNKNOWN), fetched, [], judge)
    assert (unknown.sts_step, unknown.sts_uncovered, unknown.sts_consistent) == (4, None, None)
    assert (unknown.sts_action, unknown.dane_action) == (SenderAction.UNKNOWN, SenderAction.UNKNOWN)


@pytest.mark.parametrize(
    ("mode", "secure", "answer"),
    [
        (b"enforce", True, AuthenticatedBy.BOTH),
        (b"enforce", False, AuthenticatedBy.STS),
        (b"testing", True, AuthenticatedBy.DANE),
        (b"testing", False, AuthenticatedBy.NONE),
    ],
)
def test_only_what_senders_enforce_authenticates(
    judge: PkixJudge, own: Issued, fetched: StsPolicy, mode: bytes, secure: bool, answer: AuthenticatedBy
) -> None:
    domain = replace(DOMAIN, mx=mx(DnssecStatus.SECURE if secure else DnssecStatus.INSECURE))
    policy = replace(fetched, body=BODY.replace(b"enforce", mode))
    matched = seen(own, dane=DaneStatus.MATCHED)
    assert judge_domain(domain, policy, [matched], judge).authenticated_by is answer


def test_another_date_judges_the_policy_hosts_certificate(
    judge: PkixJudge, own: Issued, fetched: StsPolicy
) -> None:
    at = LAST.replace(year=2030)
    now, later = (judge_domain(DOMAIN, fetched, [seen(own)], judge, at=date) for date in (None, at))
    assert (now.time_used, now.sts_policy, now.sts_step) == (NOW, StsPolicyVerdict.VALID, 6)
    assert (later.time_used, later.sts_policy) == (at, StsPolicyVerdict.CERTIFICATE_EXPIRED)
    assert (later.sts_step, later.sts_policy_result) == (1, ResultType.STS_WEBPKI_INVALID)
    assert (later.tlsrpt, later.dane, later.sts_record) == (now.tlsrpt, now.dane, now.sts_record)

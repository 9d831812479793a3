"""The MTA-STS record and policy: what went wrong first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crawler.outcomes import (
    DnssecStatus,
    Failure,
    FetchStage,
    LookupStatus,
    StsMode,
    StsPolicySyntax,
    StsPolicyVerdict,
    StsRecordVerdict,
)
from crawler.records import AddressLookup, StsPolicy, TlsHandshake, TxtLookup
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.sts import judge_policy, judge_record
from tests.verdicts.authority import FIRST, LAST, NOW, Issued, issue

HOST = "mta-sts.example.org"
BODY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmax_age: 86400\r\n"
DAY = timedelta(days=1)


def txt(*texts: str, status: LookupStatus | None = None) -> TxtLookup:
    status = status or (LookupStatus.NOERROR if texts else LookupStatus.NODATA)
    return TxtLookup(status=status, dnssec_status=DnssecStatus.INSECURE, texts=texts)


RECORDS = [
    (None, StsRecordVerdict.NOT_ATTEMPTED, None),
    (txt(status=LookupStatus.SERVFAIL), StsRecordVerdict.LOOKUP_FAILED, None),
    (txt(status=LookupStatus.TIMEOUT), StsRecordVerdict.LOOKUP_FAILED, None),
    (txt(), StsRecordVerdict.ABSENT, None),
    (txt(status=LookupStatus.NXDOMAIN), StsRecordVerdict.ABSENT, None),
    (txt(status=LookupStatus.NAME_TOO_LONG), StsRecordVerdict.ABSENT, None),
    (txt("v=spf1 -all"), StsRecordVerdict.ABSENT, None),
    (txt("v=STSv10; id=1"), StsRecordVerdict.ABSENT, None),
    (txt("v=STSv1; id=20260101;"), StsRecordVerdict.VALID, "20260101"),
    (txt("something else", "v=STSv1; id=1"), StsRecordVerdict.VALID, "1"),
    (txt("v=STSv1; id=1", "v=STSv1; id=2"), StsRecordVerdict.MULTIPLE, None),
    (txt("v=STSv1;"), StsRecordVerdict.INVALID_ID, None),
    (txt(f"v=STSv1; id={'1' * 33}"), StsRecordVerdict.INVALID_ID, None),
    (txt("v=STSv1; id=1; nothing"), StsRecordVerdict.MALFORMED, None),
]


@pytest.mark.parametrize(("lookup", "verdict", "record_id"), RECORDS)
def test_the_record_is_judged_with_its_lookup(
    lookup: TxtLookup | None, verdict: StsRecordVerdict, record_id: str | None
) -> None:
    assert judge_record(lookup) == (verdict, record_id)


def test_every_record_verdict_is_that_of_some_record() -> None:
    assert {verdict for _, verdict, _ in RECORDS} == set(StsRecordVerdict)


NOT_FOUND = AddressLookup(status=LookupStatus.NODATA, dnssec_status=DnssecStatus.INSECURE)
FOUND = replace(NOT_FOUND, status=LookupStatus.NOERROR, addresses=("192.0.2.1",))
FETCHED = StsPolicy(
    domain="example.org",
    policy_host=HOST,
    a=FOUND,
    aaaa=NOT_FOUND,
    address="192.0.2.1",
    stage=FetchStage.BODY,
    failure=None,
    failure_detail=None,
    tls=None,
    http_status=200,
    content_type="text/plain",
    location=None,
    body=BODY,
    fetched_at=NOW,
    connect_seconds=0.1,
    handshake_seconds=0.1,
    total_seconds=0.3,
)
"""A fetch in which nothing went wrong, but for the certificates that each case adds."""

NO_RESPONSE = {"http_status": None, "content_type": None, "body": None}


def failed(stage: FetchStage, failure: Failure, **columns: Any) -> dict[str, Any]:
    return NO_RESPONSE | {"stage": stage, "failure": failure} | columns


POLICIES: list[tuple[str, dict[str, Any], StsPolicyVerdict]] = [
    ("good", failed(FetchStage.ADDRESS, Failure.NO_ADDRESS), StsPolicyVerdict.DNS),
    ("good", failed(FetchStage.ADDRESS, Failure.LOOKUP_FAILED), StsPolicyVerdict.DNS),
    ("good", failed(FetchStage.ADDRESS, Failure.OPTED_OUT), StsPolicyVerdict.NOT_ATTEMPTED),
    ("good", failed(FetchStage.CONNECT, Failure.REFUSED), StsPolicyVerdict.TCP),
    ("good", failed(FetchStage.CONNECT, Failure.TIMEOUT), StsPolicyVerdict.TCP),
    ("good", failed(FetchStage.HANDSHAKE, Failure.TLS_ALERT), StsPolicyVerdict.TLS),
    ("good", failed(FetchStage.HANDSHAKE, Failure.CLOSED), StsPolicyVerdict.TLS),
    ("good", failed(FetchStage.HANDSHAKE, Failure.TIMEOUT), StsPolicyVerdict.TIMEOUT),
    ("self_signed", {}, StsPolicyVerdict.CERTIFICATE_UNTRUSTED),
    ("none", {}, StsPolicyVerdict.CERTIFICATE_UNTRUSTED),
    ("elsewhere", {}, StsPolicyVerdict.CERTIFICATE_NAME),
    ("good", {"fetched_at": LAST + DAY}, StsPolicyVerdict.CERTIFICATE_EXPIRED),
    ("good", {"fetched_at": FIRST - DAY}, StsPolicyVerdict.CERTIFICATE_EXPIRED),
    ("self_signed", {"fetched_at": LAST + DAY}, StsPolicyVerdict.CERTIFICATE_UNTRUSTED),
    ("elsewhere", {"fetched_at": LAST + DAY}, StsPolicyVerdict.CERTIFICATE_EXPIRED),
    ("elsewhere", failed(FetchStage.RESPONSE, Failure.TIMEOUT), StsPolicyVerdict.CERTIFICATE_NAME),
    ("good", failed(FetchStage.RESPONSE, Failure.TIMEOUT), StsPolicyVerdict.TIMEOUT),
    ("good", failed(FetchStage.BODY, Failure.TIMEOUT, http_status=200), StsPolicyVerdict.TIMEOUT),
    ("good", failed(FetchStage.RESPONSE, Failure.CLOSED), StsPolicyVerdict.HTTP),
    ("good", failed(FetchStage.RESPONSE, Failure.MALFORMED_REPLY), StsPolicyVerdict.HTTP),
    ("good", failed(FetchStage.RESPONSE, Failure.REPLY_TOO_LONG), StsPolicyVerdict.HTTP),
    ("good", failed(FetchStage.BODY, Failure.CLOSED, http_status=200), StsPolicyVerdict.HTTP),
    ("good", {"http_status": 301, "body": None}, StsPolicyVerdict.REDIRECT),
    ("good", {"http_status": 404, "body": None}, StsPolicyVerdict.HTTP_STATUS),
    ("good", {"http_status": 204, "body": None}, StsPolicyVerdict.HTTP_STATUS),
    ("good", {"content_type": "text/html"}, StsPolicyVerdict.CONTENT_TYPE),
    ("good", {"content_type": "text/plainer"}, StsPolicyVerdict.CONTENT_TYPE),
    ("good", {"content_type": None}, StsPolicyVerdict.CONTENT_TYPE),
    ("good", {"failure": Failure.REPLY_TOO_LONG, "body": None}, StsPolicyVerdict.TOO_LARGE),
    (
        "good",
        {"failure": Failure.REPLY_TOO_LONG, "body": None, "content_type": "text/html"},
        StsPolicyVerdict.CONTENT_TYPE,
    ),
    ("good", {"body": b""}, StsPolicyVerdict.SYNTAX),
    ("good", {"content_type": "Text/Plain ; charset=utf-8"}, StsPolicyVerdict.VALID),
    ("good", {}, StsPolicyVerdict.VALID),
]


@pytest.fixture(scope="module")
def chains(intermediate: Issued) -> dict[str, tuple[Issued, ...]]:
    return {
        "good": (issue(HOST, intermediate, dns_names=[HOST]), intermediate),
        "self_signed": (issue(HOST, dns_names=[HOST]),),
        "elsewhere": (issue(HOST, intermediate, dns_names=["www.example.org"]), intermediate),
        "none": (),
    }


@pytest.fixture(scope="module")
def judge(store: RootStore, chains: dict[str, tuple[Issued, ...]]) -> PkixJudge:
    sent = [issued for chain in chains.values() for issued in chain]
    return PkixJudge(store, {issued.sha256: issued.record for issued in sent})


def fetch(chain: tuple[Issued, ...], **columns: Any) -> StsPolicy:
    digests = tuple(issued.sha256 for issued in chain)
    return replace(FETCHED, tls=TlsHandshake(version="TLSv1.3", chain=digests), **columns)


@pytest.mark.parametrize(("chain", "columns", "verdict"), POLICIES)
def test_the_first_thing_wrong_with_the_policy_names_the_verdict(
    chains: dict[str, tuple[Issued, ...]],
    judge: PkixJudge,
    chain: str,
    columns: dict[str, Any],
    verdict: StsPolicyVerdict,
) -> None:
    assert judge_policy(fetch(chains[chain], **columns), judge).verdict is verdict


def test_a_policy_that_was_not_fetched_is_not_attempted(judge: PkixJudge) -> None:
    assert judge_policy(None, judge).verdict is StsPolicyVerdict.NOT_ATTEMPTED


def test_every_policy_verdict_is_that_of_some_fetch() -> None:
    assert {verdict for *_, verdict in POLICIES} == set(StsPolicyVerdict)


def test_a_valid_policy_is_handed_on(chains: dict[str, tuple[Issued, ...]], judge: PkixJudge) -> None:
    judgement = judge_policy(fetch(chains["good"]), judge)
    assert judgement.policy is not None
    assert judgement.policy.mode is StsMode.ENFORCE
    assert judgement.policy.max_age == 86400
    assert judgement.policy.mx_patterns == ("mx.example.org",)
    assert judgement.syntax is None


SYNTAX = [
    (b"version: STSv1\n\xff\n", StsPolicySyntax.NOT_TEXT),
    (b"version: STSv1\nmode\n", StsPolicySyntax.MALFORMED_LINE),
    (b"", StsPolicySyntax.MISSING_VERSION),
    (BODY.replace(b"STSv1", b"STSv2"), StsPolicySyntax.INVALID_VERSION),
    (BODY.replace(b"mode: enforce\r\n", b""), StsPolicySyntax.MISSING_MODE),
    (BODY.replace(b"enforce", b"enforced"), StsPolicySyntax.INVALID_MODE),
    (BODY.replace(b"max_age: 86400\r\n", b""), StsPolicySyntax.MISSING_MAX_AGE),
    (BODY.replace(b"86400", b"31557601"), StsPolicySyntax.INVALID_MAX_AGE),
    (BODY.replace(b"mx: mx.example.org\r\n", b""), StsPolicySyntax.MISSING_MX),
    (BODY.replace(b"mx.example.org", b"mx.*.org"), StsPolicySyntax.INVALID_MX),
]


@pytest.mark.parametrize(("body", "syntax"), SYNTAX)
def test_a_broken_policy_text_says_where(
    chains: dict[str, tuple[Issued, ...]], judge: PkixJudge, body: bytes, syntax: StsPolicySyntax
) -> None:
    judgement = judge_policy(fetch(chains["good"], body=body), judge)
    assert (judgement.verdict, judgement.syntax) == (StsPolicyVerdict.SYNTAX, syntax)
    assert judgement.policy is None


def test_every_syntax_error_is_that_of_some_text() -> None:
    assert {syntax for _, syntax in SYNTAX} == set(StsPolicySyntax)

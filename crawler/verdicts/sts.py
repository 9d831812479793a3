"""Judge the MTA-STS record and policy of a domain (RFC 8461)."""

from dataclasses import dataclass
from datetime import datetime

from crawler.outcomes import (
    Failure,
    FetchStage,
    PkixReason,
    ResultType,
    StsPolicySyntax,
    StsPolicyVerdict,
    StsRecordVerdict,
)
from crawler.protocol.mta_sts import Policy, PolicyError, parse_policy, parse_records
from crawler.records import StsPolicy, TxtLookup
from crawler.verdicts.pkix import PkixJudge

_BEFORE_TLS = {
    FetchStage.ADDRESS: StsPolicyVerdict.DNS,
    FetchStage.CONNECT: StsPolicyVerdict.TCP,
    FetchStage.HANDSHAKE: StsPolicyVerdict.TLS,
}

_OF_CERTIFICATE = {
    PkixReason.EXPIRED: StsPolicyVerdict.CERTIFICATE_EXPIRED,
    PkixReason.NOT_YET_VALID: StsPolicyVerdict.CERTIFICATE_EXPIRED,
    PkixReason.NAME_MISMATCH: StsPolicyVerdict.CERTIFICATE_NAME,
}
"""Every other reason is one of the path: untrusted."""

_OF_VERDICT = {
    StsPolicyVerdict.CERTIFICATE_EXPIRED: ResultType.STS_WEBPKI_INVALID,
    StsPolicyVerdict.CERTIFICATE_NAME: ResultType.STS_WEBPKI_INVALID,
    StsPolicyVerdict.CERTIFICATE_UNTRUSTED: ResultType.STS_WEBPKI_INVALID,
    StsPolicyVerdict.SYNTAX: ResultType.STS_POLICY_INVALID,
}
"""Every other failure is one of the fetch."""


@dataclass(frozen=True, slots=True)
class PolicyJudgement:
    """How a policy fared, and what it says if it is valid or where its syntax breaks if it is not."""

    verdict: StsPolicyVerdict
    syntax: StsPolicySyntax | None = None
    policy: Policy | None = None


def judge_record(lookup: TxtLookup | None) -> tuple[StsRecordVerdict, str | None]:
    """Return the verdict on the TXT RRset at _mta-sts.<domain> and, if it is valid, the record's id."""
    if lookup is None:
        return StsRecordVerdict.NOT_ATTEMPTED, None
    if lookup.status.have_records is None:
        return StsRecordVerdict.LOOKUP_FAILED, None
    return parse_records(lookup.texts)


def policy_result(verdict: StsPolicyVerdict) -> ResultType | None:
    """Return the registered word for why a policy fails (RFC 8460 s4.3); None: it does not, or no fetch."""
    if verdict in (StsPolicyVerdict.VALID, StsPolicyVerdict.NOT_ATTEMPTED):
        return None
    return _OF_VERDICT.get(verdict, ResultType.STS_POLICY_FETCH_ERROR)


def judge_policy(fetched: StsPolicy | None, judge: PkixJudge, at: datetime | None = None) -> PolicyJudgement:
    """Judge a policy fetch by its first failure, whatever the record says.

    at: when the policy host's certificate must be valid; None: at the start of the fetch. The judge must
    know every certificate of the policy host's chain (KeyError).
    """
    if fetched is None or fetched.failure is Failure.OPTED_OUT:
        return PolicyJudgement(StsPolicyVerdict.NOT_ATTEMPTED)
    failure = _fetch_failure(fetched, judge, at or fetched.fetched_at)
    if failure is not None:
        return PolicyJudgement(failure)
    assert fetched.body is not None
    try:
        return PolicyJudgement(StsPolicyVerdict.VALID, policy=parse_policy(fetched.body))
    except PolicyError as error:
        return PolicyJudgement(StsPolicyVerdict.SYNTAX, syntax=error.syntax)


def _fetch_failure(fetched: StsPolicy, judge: PkixJudge, at: datetime) -> StsPolicyVerdict | None:
    """Return the first thing that kept the policy text from being had as RFC 8461 s3.3 wants it."""
    if fetched.stage in _BEFORE_TLS:
        timed_out = fetched.stage is FetchStage.HANDSHAKE and fetched.failure is Failure.TIMEOUT
        return StsPolicyVerdict.TIMEOUT if timed_out else _BEFORE_TLS[fetched.stage]
    assert fetched.tls is not None
    reason = judge.judge(fetched.tls.chain, fetched.policy_host, at).reason
    if reason is not None:
        return _OF_CERTIFICATE.get(reason, StsPolicyVerdict.CERTIFICATE_UNTRUSTED)
    return _response_failure(fetched)


def _response_failure(fetched: StsPolicy) -> StsPolicyVerdict | None:
    too_large = fetched.stage is FetchStage.BODY and fetched.failure is Failure.REPLY_TOO_LONG
    if fetched.failure is Failure.TIMEOUT:
        return StsPolicyVerdict.TIMEOUT
    if fetched.http_status is None or (fetched.failure is not None and not too_large):
        return StsPolicyVerdict.HTTP
    if fetched.http_status != 200:
        is_redirect = 300 <= fetched.http_status < 400
        return StsPolicyVerdict.REDIRECT if is_redirect else StsPolicyVerdict.HTTP_STATUS
    if not _is_plain_text(fetched.content_type):
        return StsPolicyVerdict.CONTENT_TYPE
    return StsPolicyVerdict.TOO_LARGE if too_large else None


def _is_plain_text(content_type: str | None) -> bool:
    """Return whether a Content-Type field names text/plain, with any parameters (RFC 9110 s8.3)."""
    return content_type is not None and content_type.partition(";")[0].strip().lower() == "text/plain"

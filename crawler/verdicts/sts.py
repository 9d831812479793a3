"""Judge the MTA-STS record and policy of a domain (RFC 8461)."""

from dataclasses import dataclass

from crawler.outcomes import (
    Failure,
    FetchStage,
    PkixReason,
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


def judge_policy(fetched: StsPolicy | None, judge: PkixJudge) -> PolicyJudgement:
    """Judge a policy fetch by its first failure, whatever the record says.

    The judge must know every certificate of the policy host's chain (KeyError).
    """
    if fetched is None or fetched.failure is Failure.OPTED_OUT:
        return PolicyJudgement(StsPolicyVerdict.NOT_ATTEMPTED)
    failure = _fetch_failure(fetched, judge)
    if failure is not None:
        return PolicyJudgement(failure)
    assert fetched.body is not None
    try:
        return PolicyJudgement(StsPolicyVerdict.VALID, policy=parse_policy(fetched.body))
    except PolicyError as error:
        return PolicyJudgement(StsPolicyVerdict.SYNTAX, syntax=error.syntax)


def _fetch_failure(fetched: StsPolicy, judge: PkixJudge) -> StsPolicyVerdict | None:
    """Return the first thing that kept the policy text from being had as RFC 8461 s3.3 wants it."""
    if fetched.stage in _BEFORE_TLS:
        timed_out = fetched.stage is FetchStage.HANDSHAKE and fetched.failure is Failure.TIMEOUT
        return StsPolicyVerdict.TIMEOUT if timed_out else _BEFORE_TLS[fetched.stage]
    assert fetched.tls is not None
    reason = judge.judge(fetched.tls.chain, fetched.policy_host, fetched.fetched_at).reason
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

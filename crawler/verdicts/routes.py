"""What a domain's routes come to: each MX host at each address, and what senders would do with mail.

A route is judged by DANE (RFC 7672) and by MTA-STS (RFC 8461) apart; a sender tries routes in the order of
preference (RFC 5321 s5.1).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from crawler.outcomes import (
    AuthenticatedBy,
    DaneDomain,
    DaneReason,
    DaneStatus,
    DnssecStatus,
    Outcome,
    PkixReason,
    ResultType,
    SenderAction,
    StsMode,
)
from crawler.protocol.mta_sts import Policy, matches_mx_pattern
from crawler.verdicts.outcome import ANSWERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One MX host of a domain at one address, with what its session verdict says."""

    mx_host: Annotated[str, "exchange, or the domain itself"]
    address: Annotated[str | None, "null: the host has none, or is no host"]
    preference: Annotated[int, "its best preference value"]
    is_primary: Annotated[bool, "it has the lowest preference"]
    outcome: Annotated[Outcome, "not_attempted without an address"]
    pkix_ok: Annotated[bool | None, "as in the session verdict"]
    reason: Annotated[PkixReason | None, "why the certificate is not valid"]
    dane: Annotated[
        DaneStatus, "a DANE-TA certificate may be for the domain itself too, once judged for it (s3.2.2)"
    ]
    dane_reason: Annotated[DaneReason | None, "null unless mismatched"]
    may_have_address: Annotated[bool, "without an address: the lookups failed, so there may be one"] = False


_DANE_ALLOWS: dict[DaneStatus, bool | None] = {
    DaneStatus.MATCHED: True,
    DaneStatus.UNUSABLE: True,  # TLS is mandatory, and was completed
    DaneStatus.ABSENT: True,
    DaneStatus.NOT_APPLICABLE: True,
    DaneStatus.MISMATCHED: False,
    DaneStatus.NO_TLS: False,
    DaneStatus.LOOKUP_FAILED: False,
    DaneStatus.UNKNOWN: None,
    DaneStatus.WITHHELD: None,
    DaneStatus.NOT_ATTEMPTED: None,
}
"""Whether a sender that does DANE may deliver; None: not known."""

_FAILING = (DaneStatus.MISMATCHED, DaneStatus.NO_TLS, DaneStatus.LOOKUP_FAILED)
_WITHOUT = (DaneStatus.ABSENT, DaneStatus.NOT_APPLICABLE)

_OF_DANE_REASON = {
    DaneReason.NO_MATCH: ResultType.VALIDATION_FAILURE,
    DaneReason.NO_PATH: ResultType.CERTIFICATE_NOT_TRUSTED,
    DaneReason.EXPIRED: ResultType.CERTIFICATE_EXPIRED,
    DaneReason.NOT_YET_VALID: ResultType.CERTIFICATE_EXPIRED,
    DaneReason.NAME_MISMATCH: ResultType.CERTIFICATE_HOST_MISMATCH,
}
_OF_PKIX_REASON = {
    PkixReason.EXPIRED: ResultType.CERTIFICATE_EXPIRED,
    PkixReason.NOT_YET_VALID: ResultType.CERTIFICATE_EXPIRED,
    PkixReason.NAME_MISMATCH: ResultType.CERTIFICATE_HOST_MISMATCH,
}
_WITHOUT_STARTTLS = (Outcome.NO_STARTTLS, Outcome.STARTTLS_REFUSED)


def judge_dane_domain(mx_status: DnssecStatus, routes: Iterable[Route]) -> DaneDomain:
    """Judge a domain by its primary MX hosts that answered: an unreachable one proves nothing."""
    primaries = [route for route in routes if route.is_primary]
    if any(route.dane is DaneStatus.WITHHELD for route in primaries):
        return DaneDomain.WITHHELD
    known = [route.dane for route in primaries if route.outcome in ANSWERED]
    if not known:
        return DaneDomain.UNKNOWN
    if any(status in _FAILING for status in known):
        return DaneDomain.BROKEN
    if DaneStatus.UNUSABLE in known:
        return DaneDomain.UNAUTHENTICATED
    if DaneStatus.MATCHED not in known:
        return DaneDomain.ABSENT
    if any(status in _WITHOUT for status in known):
        return DaneDomain.PARTIAL
    return DaneDomain.FULL if mx_status is DnssecStatus.SECURE else DaneDomain.HOSTED


def dane_action(mx_status: DnssecStatus, routes: Sequence[Route]) -> SenderAction:
    """Return what a sender that does DANE would do; without secure MX records it does none (s2.2.1)."""
    if mx_status in (DnssecStatus.INDETERMINATE, DnssecStatus.BOGUS, DnssecStatus.UNVALIDATED):
        return SenderAction.UNKNOWN
    if mx_status is not DnssecStatus.SECURE:
        return SenderAction.OPPORTUNISTIC
    if any(route.dane not in _WITHOUT for route in routes if route.address is not None):
        return _act(routes, _allows_dane)
    is_known = any(map(_allows_dane, routes)) or not any(route.may_have_address for route in routes)
    return SenderAction.OPPORTUNISTIC if is_known else SenderAction.UNKNOWN


def _allows_dane(route: Route) -> bool | None:
    """Whether a sender that does DANE may deliver over a route; None: not known."""
    if route.dane is DaneStatus.LOOKUP_FAILED:  # whoever answers (s2.1.2)
        return False
    return _DANE_ALLOWS[route.dane] if route.outcome in ANSWERED else None


def sts_action(policy: Policy | None, routes: Sequence[Route]) -> SenderAction:
    """Return what a sender that does MTA-STS would do with a policy (None: there is none, RFC 8461 s5)."""
    if policy is None or policy.mode is not StsMode.ENFORCE:
        return SenderAction.OPPORTUNISTIC
    return _act(routes, lambda route: meets_policy(policy, route))


def meets_policy(policy: Policy, route: Route) -> bool | None:
    """Whether a route meets an MTA-STS policy, in whatever mode (RFC 8461 s4.1, s4.2); None: not known."""
    if not is_covered(policy, route.mx_host):
        return False
    return route.pkix_ok is True if route.outcome in ANSWERED else None


def is_covered(policy: Policy, mx_host: str) -> bool:
    """Whether a policy names an MX host."""
    return any(matches_mx_pattern(pattern, mx_host) for pattern in policy.mx_patterns)


def _act(routes: Sequence[Route], allows: Callable[[Route], bool | None]) -> SenderAction:
    """Go through the routes as a sender does: the primaries, then the others."""
    for is_primary, action in ((True, SenderAction.DELIVER), (False, SenderAction.FALL_BACK)):
        answers = [allows(route) for route in routes if route.is_primary is is_primary]
        if any(answers):
            return action
        if None in answers:
            return SenderAction.UNKNOWN
    return SenderAction.REFUSE if routes else SenderAction.UNKNOWN


def authenticated_by(dane: DaneDomain, is_sts_consistent: bool | None) -> AuthenticatedBy:
    """Return what authenticates a domain's transport; is_sts_consistent: a policy that enforces is met."""
    by_dane = None if dane in (DaneDomain.UNKNOWN, DaneDomain.WITHHELD) else dane is DaneDomain.FULL
    if by_dane and is_sts_consistent:
        return AuthenticatedBy.BOTH
    if by_dane:
        return AuthenticatedBy.DANE
    if is_sts_consistent:
        return AuthenticatedBy.STS
    unknown = by_dane is None or is_sts_consistent is None
    return AuthenticatedBy.UNKNOWN if unknown else AuthenticatedBy.NONE


def dane_result(route: Route) -> ResultType | None:
    """Return the registered word for why a route fails DANE; None: it does not, or it is not known."""
    if route.dane is DaneStatus.LOOKUP_FAILED:
        return ResultType.DNSSEC_INVALID
    if route.dane is DaneStatus.UNUSABLE:
        return ResultType.TLSA_INVALID
    if route.dane is DaneStatus.NO_TLS:
        return _without_tls(route.outcome)
    return _OF_DANE_REASON[route.dane_reason] if route.dane_reason else None


def sts_result(policy: Policy, route: Route) -> ResultType | None:
    """Return the registered word for why a route fails an MTA-STS policy; None: it does not, or not known."""
    if not is_covered(policy, route.mx_host):
        return ResultType.STS_POLICY_INVALID
    if route.outcome in ANSWERED and route.outcome is not Outcome.TLS_OK:
        return _without_tls(route.outcome)
    if route.reason is None:
        return None
    return _OF_PKIX_REASON.get(route.reason, ResultType.CERTIFICATE_NOT_TRUSTED)


def _without_tls(outcome: Outcome) -> ResultType:
    has_none = outcome in _WITHOUT_STARTTLS
    return ResultType.STARTTLS_NOT_SUPPORTED if has_none else ResultType.VALIDATION_FAILURE

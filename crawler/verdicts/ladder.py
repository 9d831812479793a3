"""How far the MTA-STS of a domain gets, from its record to MX hosts that all meet its policy (RFC 8461)."""

from collections.abc import Sequence
from dataclasses import dataclass

from crawler.outcomes import FetchStage, SenderAction, StsMode, StsPolicyVerdict, StsRecordVerdict
from crawler.protocol.mta_sts import Policy
from crawler.records import StsPolicy
from crawler.verdicts.outcome import ANSWERED
from crawler.verdicts.routes import Route, is_covered, sts_action
from crawler.verdicts.sts import PolicyJudgement

_NOT_KNOWN = (StsRecordVerdict.LOOKUP_FAILED, StsRecordVerdict.NOT_ATTEMPTED)
_CERTIFICATE = (
    StsPolicyVerdict.CERTIFICATE_EXPIRED,
    StsPolicyVerdict.CERTIFICATE_NAME,
    StsPolicyVerdict.CERTIFICATE_UNTRUSTED,
)
_IN_FULL = (StsPolicyVerdict.SYNTAX, StsPolicyVerdict.VALID)
"""The verdicts on a policy text that was had as RFC 8461 s3.3 wants it."""
_WITH_TLS = (FetchStage.RESPONSE, FetchStage.BODY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """What a domain's MTA-STS comes to."""

    step: int | None
    """The last step reached, 0 to 6, each with all before it; None: no record, or not known."""
    uncovered: tuple[str, ...] | None
    """MX hosts that the policy does not name; None without a valid one, or if the MX hosts are not known."""
    is_consistent: bool | None
    """Whether the last step is reached; None: not known, or no valid policy."""
    is_enforced: bool | None
    """Whether every MX host meets it, and its mode is enforce; None: not known."""
    action: SenderAction
    """What a sender that does MTA-STS would do."""


def climb(
    record: StsRecordVerdict,
    fetched: StsPolicy | None,
    judged: PolicyJudgement,
    routes: Sequence[Route] | None,
) -> Ladder:
    """Judge a domain's MTA-STS as far as it gets, with its policy fetch, if there was one.

    routes: to all its MX hosts; None: it is not known which they are.
    """
    policy = judged.policy
    announced = policy if record is StsRecordVerdict.VALID else None
    is_met = _is_met(announced, routes) if policy else None
    return Ladder(
        step=_step(record, fetched, judged, routes),
        uncovered=_uncovered(policy, routes) if policy and routes is not None else None,
        is_consistent=is_met,
        is_enforced=_is_enforced(record, announced, is_met),
        action=_action(record, announced, routes),
    )


def _is_enforced(record: StsRecordVerdict, policy: Policy | None, is_met: bool | None) -> bool | None:
    if record in _NOT_KNOWN:
        return None
    return is_met if policy and policy.mode is StsMode.ENFORCE else False


def _action(record: StsRecordVerdict, policy: Policy | None, routes: Sequence[Route] | None) -> SenderAction:
    if record is StsRecordVerdict.LOOKUP_FAILED:
        return SenderAction.UNKNOWN
    return sts_action(policy, routes or ())


def _step(
    record: StsRecordVerdict,
    fetched: StsPolicy | None,
    judged: PolicyJudgement,
    routes: Sequence[Route] | None,
) -> int | None:
    if record is StsRecordVerdict.ABSENT or record in _NOT_KNOWN:
        return None
    if record is not StsRecordVerdict.VALID:
        return 0
    if fetched is None or fetched.stage not in _WITH_TLS or judged.verdict in _CERTIFICATE:
        return 1
    if judged.verdict not in _IN_FULL:
        return 2
    if judged.policy is None:
        return 3
    if judged.policy.mode is StsMode.NONE or routes is None or _uncovered(judged.policy, routes):
        return 4
    return 6 if _is_met(judged.policy, routes) else 5


def _is_met(announced: Policy | None, routes: Sequence[Route] | None) -> bool | None:
    """Whether a policy that senders find names every MX host, and all that answered are valid.

    None: not known. A policy without a valid record is never found (RFC 8461 s3.1).
    """
    if announced is None or announced.mode is StsMode.NONE:
        return False
    if routes is None:
        return None
    if _uncovered(announced, routes):
        return False
    answered = [route.pkix_ok is True for route in routes if route.outcome in ANSWERED]
    return all(answered) if answered else None


def _uncovered(policy: Policy, routes: Sequence[Route]) -> tuple[str, ...]:
    hosts = {route.mx_host for route in routes}
    return tuple(sorted(host for host in hosts if not is_covered(policy, host)))

"""Judge one listed domain: its MTA-STS, its TLSRPT, and all its MX hosts together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from crawler.outcomes import DaneReason, DaneStatus, DnssecStatus, Outcome, StsMode
from crawler.protocol.mta_sts import Policy
from crawler.records import Domain, DomainVerdict, JudgedRoute, StsPolicy
from crawler.verdicts import RULE_VERSION
from crawler.verdicts.dane import is_for_any
from crawler.verdicts.ladder import climb
from crawler.verdicts.pkix import PkixJudge
from crawler.verdicts.routes import (
    Route,
    authenticated_by,
    dane_action,
    dane_result,
    is_covered,
    judge_dane_domain,
    meets_policy,
    sts_result,
)
from crawler.verdicts.sts import judge_policy, judge_record, policy_result
from crawler.verdicts.tlsrpt import judge_tlsrpt


@dataclass(frozen=True, slots=True)
class SeenRoute:
    """A route as its session verdict has it, and the server's own certificate."""

    route: Route
    leaf: str | None
    """Digest of the first certificate sent; None if there was none, or TLS was not completed."""


def judge_domain(
    domain: Domain,
    fetched: StsPolicy | None,
    seen: Sequence[SeenRoute],
    judge: PkixJudge,
    *,
    at: datetime | None = None,
) -> DomainVerdict:
    """Judge a domain with its policy fetch, if there was one, and its routes, by preference.

    at: judge the policy host's certificate at that time, not at the fetch's own. The judge must know the
    chain of the policy host and the leaf of every route that has one (KeyError).
    """
    at = at or (fetched.fetched_at if fetched else None)
    sts_record, sts_id = judge_record(domain.sts_txt)
    sts = judge_policy(fetched, judge, at)
    tlsrpt, tlsrpt_ruas = judge_tlsrpt(domain.tlsrpt_txt)
    routes = [_for_domain(domain, each, judge) for each in seen]
    is_known = domain.mx.status.have_records is not None
    ladder = climb(sts_record, fetched, sts, routes if is_known else None)
    dane = judge_dane_domain(domain.mx.dnssec_status, routes)
    return DomainVerdict(
        domain=domain.domain,
        rule_version=RULE_VERSION,
        root_store_sha256=judge.store.sha256,
        time_used=at,
        sts_record=sts_record,
        sts_id=sts_id,
        sts_policy=sts.verdict,
        sts_policy_syntax=sts.syntax,
        sts_mode=sts.policy.mode if sts.policy else None,
        sts_max_age=sts.policy.max_age if sts.policy else None,
        sts_mx_patterns=sts.policy.mx_patterns if sts.policy else None,
        sts_policy_result=policy_result(sts.verdict),
        sts_step=ladder.step,
        sts_uncovered=ladder.uncovered,
        sts_consistent=ladder.is_consistent,
        sts_action=ladder.action,
        dane=dane,
        dane_action=dane_action(domain.mx.dnssec_status, routes),
        authenticated_by=authenticated_by(dane, ladder.is_enforced),
        routes=tuple(_judged_route(route, sts.policy) for route in routes),
        tlsrpt=tlsrpt,
        tlsrpt_ruas=tlsrpt_ruas,
        name_domain_ok=_every(_names(each, domain, judge) for each in seen if _is_encrypted(each.route)),
        primary_pkix_ok=_every(bool(route.pkix_ok) for route in routes if _is_encrypted(route)),
    )


def _for_domain(domain: Domain, seen: SeenRoute, judge: PkixJudge) -> Route:
    """Return a route with what DANE comes to for this domain (RFC 7672 s3.2.2)."""
    route = seen.route
    if route.dane_reason is not DaneReason.NAME_MISMATCH or seen.leaf is None:
        return route
    next_hops = [domain.domain, *(step.target for step in domain.mx.cname_chain[-1:])]
    (leaf,) = judge.certificates_of((seen.leaf,))
    if domain.mx.dnssec_status is DnssecStatus.SECURE and is_for_any(leaf, next_hops):
        return replace(route, dane=DaneStatus.MATCHED, dane_reason=None)
    return route


def _is_encrypted(route: Route) -> bool:
    """Whether it is a primary that completed TLS."""
    return route.is_primary and route.outcome is Outcome.TLS_OK


def _names(seen: SeenRoute, domain: Domain, judge: PkixJudge) -> bool:
    return seen.leaf is not None and judge.matches_dns_id(seen.leaf, domain.domain)


def _every(claims: Iterable[bool]) -> bool | None:
    """Return whether all hold; None if there are none, which proves nothing."""
    claims = list(claims)
    return all(claims) if claims else None


def _judged_route(route: Route, policy: Policy | None) -> JudgedRoute:
    demanded = policy if policy and policy.mode is not StsMode.NONE else None
    return JudgedRoute(
        mx_host=route.mx_host,
        address=route.address,
        preference=route.preference,
        is_primary=route.is_primary,
        outcome=route.outcome,
        pkix_ok=route.pkix_ok,
        dane=route.dane,
        dane_reason=route.dane_reason,
        sts_covered=is_covered(policy, route.mx_host) if policy else None,
        meets_sts=meets_policy(demanded, route) if demanded else None,
        dane_result=dane_result(route),
        sts_result=sts_result(demanded, route) if demanded else None,
    )

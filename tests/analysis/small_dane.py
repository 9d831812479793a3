"""TLSA records of a run made by hand, and the routes of its domains, put together from its other rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crawler import outcomes as words
from crawler.records import (
    Domain,
    DomainVerdict,
    JudgedRoute,
    JudgedTlsaRecord,
    SessionVerdict,
    TlsaLookup,
    TlsaRecord,
)

ANSWERED = ("no_starttls", "starttls_refused", "tls_failed", "tls_ok")
_STATUSES = {status.value: status for status in words.DaneStatus}
_SECURITY = {status.value: status for status in words.DnssecStatus}
_PROBLEMS = {problem.value: problem for problem in words.TlsaProblem}
_REASONS = {reason.value: reason for reason in words.DaneReason}
_FAILED = {"bogus": words.LookupStatus.SERVFAIL, "indeterminate": words.LookupStatus.TIMEOUT}


class Tlsa:
    """The TLSA records of an endpoint, and what DANE comes to there, as a verdict would say it."""

    def __init__(
        self, dane: str = "not_applicable", *records: str, dnssec: str = "insecure", alias: str | None = None
    ) -> None:
        """Take the verdict, with its reason if it is mismatched: "mismatched no_match".

        records: "3 1 1 matched": usage, selector, matching type, and what becomes of it: matched, a reason, a
        problem, passed_over or untried. alias: the name that the MX host is an alias of, where they stand.
        """
        status, _, reason = dane.partition(" ")
        self.dane, self.reason = _STATUSES[status], _REASONS.get(reason)
        self.alias = alias
        self._records = [record.split() for record in records]
        self._dnssec = _SECURITY[dnssec]

    @property
    def lookup(self) -> TlsaLookup:
        """The lookup, at the host itself or at what it is an alias of."""
        usual = words.LookupStatus.NOERROR if self._records else words.LookupStatus.NODATA
        return TlsaLookup(
            status=_FAILED.get(str(self._dnssec), usual),
            dnssec_status=self._dnssec,
            records=tuple(
                TlsaRecord(usage=int(u), selector=int(s), matching_type=int(m), association_data=f"{n:02x}")
                for n, (u, s, m, _) in enumerate(self._records)
            ),
        )

    @property
    def own_lookup(self) -> TlsaLookup:
        """The lookup at the host itself."""
        if self.alias is None:
            return self.lookup
        return TlsaLookup(status=words.LookupStatus.NODATA, dnssec_status=self._dnssec)

    def columns(self, host: str) -> dict[str, Any]:
        """Return the columns of the session verdict on a host."""
        own = self.own_lookup
        counts = self.dane in ("matched", "mismatched", "no_tls", "unusable", "unknown")
        matched = [int(u) for u, _, _, found in self._records if found == "matched"]
        return {
            "tlsa_present": own.status.have_records,
            "tlsa_dnssec_status": own.dnssec_status,
            "dane": self.dane,
            "dane_base_domain": (self.alias or host) if counts else None,
            "dane_reason": self.reason,
            "dane_usage": max(matched, default=None),
            "tlsa_records": tuple(map(_judged, self._records)) if counts else (),
        }


def _judged(record: Sequence[str]) -> JudgedTlsaRecord:
    usage, selector, matching_type, found = record
    return JudgedTlsaRecord(
        usage=int(usage),
        selector=int(selector),
        matching_type=int(matching_type),
        problem=_PROBLEMS.get(found),
        is_passed_over=found == "passed_over",
        is_matched=found == "matched",
        reason=_REASONS.get(found),
    )


def with_routes(
    verdict: DomainVerdict,
    domain: Domain,
    endpoints: Mapping[str, Sequence[SessionVerdict]],
    named: Sequence[str],
) -> DomainVerdict:
    """Return a verdict with the routes of its domain; DANE is not known of it if no primary answered.

    endpoints: by MX host. named: MX hosts whose certificate is for the domain, where that is what counts.
    """
    preferences = {r.exchange: r.preference for r in reversed(domain.mx.records) if r.exchange != "."}
    if domain.mx_kind == "no_mx":
        preferences = {domain.domain: 0}
    lowest = min(preferences.values(), default=0)
    nowhere: Sequence[SessionVerdict | None] = [None]
    routes = tuple(
        _route(verdict, host, preference, preference == lowest, endpoint, named)
        for host, preference in sorted(preferences.items(), key=lambda item: (item[1], item[0]))
        for endpoint in endpoints.get(host) or nowhere
    )
    answered = any(route.is_primary and route.outcome in ANSWERED for route in routes)
    if verdict.dane != "absent" or answered:
        return replace(verdict, routes=routes)
    by = verdict.authenticated_by
    return replace(
        verdict,
        routes=routes,
        dane=words.DaneDomain.UNKNOWN,
        authenticated_by=words.AuthenticatedBy.UNKNOWN if by == "none" else by,
    )


def _route(
    verdict: DomainVerdict,
    host: str,
    preference: int,
    is_primary: bool,
    endpoint: SessionVerdict | None,
    named: Sequence[str],
) -> JudgedRoute:
    covered = None if verdict.sts_uncovered is None else host not in verdict.sts_uncovered
    outcome = endpoint.outcome if endpoint else words.Outcome.NOT_ATTEMPTED
    pkix_ok = endpoint.pkix_ok if endpoint else None
    demanded = verdict.sts_mode in ("enforce", "testing")
    meets: bool | None = None
    if demanded:
        meets = (pkix_ok is True if outcome in ANSWERED else None) if covered else False
    is_rescued = host in named
    dane = endpoint.dane if endpoint else words.DaneStatus.UNKNOWN
    return JudgedRoute(
        mx_host=host,
        address=endpoint.address if endpoint else None,
        preference=preference,
        is_primary=is_primary,
        outcome=outcome,
        pkix_ok=pkix_ok,
        dane=words.DaneStatus.MATCHED if is_rescued else dane,
        dane_reason=None if is_rescued or not endpoint else endpoint.dane_reason,
        sts_covered=covered,
        meets_sts=meets,
        dane_result=None,
        sts_result=_sts_result(covered, outcome, endpoint) if demanded else None,
    )


def _sts_result(
    covered: bool | None, outcome: words.Outcome, endpoint: SessionVerdict | None
) -> words.ResultType | None:
    if not covered:
        return words.ResultType.STS_POLICY_INVALID
    if outcome in ("no_starttls", "starttls_refused"):
        return words.ResultType.STARTTLS_NOT_SUPPORTED
    if outcome == "tls_failed":
        return words.ResultType.VALIDATION_FAILURE
    if endpoint is None or endpoint.reason is None:
        return None
    return {
        "expired": words.ResultType.CERTIFICATE_EXPIRED,
        "name_mismatch": words.ResultType.CERTIFICATE_HOST_MISMATCH,
    }.get(endpoint.reason, words.ResultType.CERTIFICATE_NOT_TRUSTED)

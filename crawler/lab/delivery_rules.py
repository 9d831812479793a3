"""What senders would do with mail for a domain of the lab, from what its scenarios declare.

Rules of the lab's own, by RFC 7672 (DANE), RFC 8461 (MTA-STS) and RFC 8460 (the words for failures).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crawler.lab.dane_rules import ANSWERED, names
from crawler.lab.internet import CertificateOrder
from crawler.lab.lookups import Row

_WITHOUT_DANE = ("absent", "not_applicable")
_FAILS_DANE = ("mismatched", "no_tls", "lookup_failed")
_AFTER_FETCH = {
    **dict.fromkeys(("dns", "tcp", "tls"), (1, "sts-policy-fetch-error")),
    **dict.fromkeys(
        ("certificate_expired", "certificate_name", "certificate_untrusted"), (1, "sts-webpki-invalid")
    ),
    **dict.fromkeys(
        ("timeout", "http", "redirect", "http_status", "content_type", "too_large"),
        (2, "sts-policy-fetch-error"),
    ),
    "syntax": (3, "sts-policy-invalid"),
    "valid": (4, None),
}
"""Policy verdict to the step it ends at, and the registered word (RFC 8460 s4.3.2.2). A timeout of the lab's
comes after TLS."""
_STEP_OF_RECORD = {"multiple": 0, "invalid_id": 0, "malformed": 0}
"""Of records that are not valid; 'valid' comes to that of the policy, and all others to none."""
_WORD_OF_DANE = {
    "no_match": "validation-failure",
    "no_path": "certificate-not-trusted",
    "expired": "certificate-expired",
    "not_yet_valid": "certificate-expired",
    "name_mismatch": "certificate-host-mismatch",
}
_WORD_OF_PKIX = {
    "expired": "certificate-expired",
    "not_yet_valid": "certificate-expired",
    "name_mismatch": "certificate-host-mismatch",
}
"""Every other reason is one of the path."""
_WITHOUT_STARTTLS = ("no_starttls", "starttls_refused")


@dataclass(frozen=True, slots=True)
class MailHost:
    """What domain verdicts need to know of a mail host."""

    name: str
    endpoints: tuple[Row, ...] = ()
    """The session verdict at each address."""
    order: CertificateOrder | None = None
    """Of the certificate that a survey meets inside TLS, at some address."""
    is_host: bool = True
    addresses_known: bool = True
    """Without endpoints: provably it has no address; else the lookups failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The MTA-STS policy that a domain has, whatever its mode."""

    is_announced: bool
    """By a valid record; else senders never come to ask for it (RFC 8461 s3.1)."""
    mode: str
    patterns: tuple[str, ...]

    def covers(self, host: str) -> bool:
        """Whether a pattern names a host; '*' is one label (RFC 8461 s4.1)."""
        return host in self.patterns or f"*.{host.partition('.')[2]}" in self.patterns


def delivery_truth(
    domain: str, mx: Row | None, exchanges: Sequence[tuple[int, MailHost]], published: Row
) -> Row:
    """Return the columns of a domain verdict about delivery.

    mx: the MX lookup; None: it has none to declare. published: the columns on what the domain publishes.
    """
    secure = mx is not None and mx["dnssec_status"] == "secure"
    next_hops = (domain, *[step["target"] for step in mx["cname_chain"][-1:]]) if mx and secure else ()
    routes = _routes(exchanges, next_hops)
    found = _policy(published)
    columns = _dane_columns(routes, exchanges, mx)
    columns |= _sts_columns(routes, found, published)
    columns["authenticated_by"] = _authenticated_by(columns, published)
    columns["routes"] = [_route_columns(route, found) for route in routes]
    return columns


def _policy(published: Row) -> Policy | None:
    if published["sts_policy"] != "valid":
        return None
    return Policy(
        is_announced=published["sts_record"] == "valid",
        mode=published["sts_mode"],
        patterns=tuple(published["sts_mx_patterns"]),
    )


# --- routes --------------------------------------------------------------------------------------------


def _routes(exchanges: Sequence[tuple[int, MailHost]], next_hops: Sequence[str]) -> list[Row]:
    """Return every host at every address; next_hops: what certificates may be for besides the base domain."""
    lowest = min((preference for preference, _ in exchanges), default=0)
    routes = []
    best: dict[str, tuple[int, MailHost]] = {}
    for preference, host in sorted(exchanges, key=lambda exchange: (exchange[0], exchange[1].name)):
        best.setdefault(host.name, (preference, host))
    for preference, host in best.values():
        place: Row = {"mx_host": host.name, "preference": preference, "is_primary": preference == lowest}
        is_named = host.order is not None and any(names(host.order, name) for name in next_hops)
        endpoints = sorted(host.endpoints, key=lambda endpoint: endpoint["address"])
        found = [_endpoint(endpoint, is_named=is_named) for endpoint in endpoints]
        routes += [place | endpoint for endpoint in found or [_NO_ADDRESS]]
    return routes


_NO_ADDRESS: Row = {
    "address": None,
    "outcome": "not_attempted",
    "pkix_ok": None,
    "reason": None,
    "dane": "unknown",
    "dane_reason": None,
}
"""What takes the place of a session verdict."""


def _endpoint(verdict: Row, *, is_named: bool) -> Row:
    columns = {name: verdict[name] for name in _NO_ADDRESS}
    if is_named and columns["dane_reason"] == "name_mismatch":  # RFC 7672 s3.2.2
        columns |= {"dane": "matched", "dane_reason": None}
    return columns


def _dane_result(route: Row) -> str | None:
    status = route["dane"]
    if status == "no_tls":
        return _word_without_tls(route)
    if status == "mismatched":
        return _WORD_OF_DANE[route["dane_reason"]]
    return {"lookup_failed": "dnssec-invalid", "unusable": "tlsa-invalid"}.get(status)


def _word_without_tls(route: Row) -> str:
    return "starttls-not-supported" if route["outcome"] in _WITHOUT_STARTTLS else "validation-failure"


def _sts_result(route: Row) -> str | None:
    if route["outcome"] in ANSWERED and route["outcome"] != "tls_ok":
        return _word_without_tls(route)
    if route["reason"] is None:
        return None
    return _WORD_OF_PKIX.get(route["reason"], "certificate-not-trusted")


def _route_columns(route: Row, policy: Policy | None) -> Row:
    columns = {name: value for name, value in route.items() if name != "reason"}
    columns |= {
        "sts_covered": None,
        "meets_sts": None,
        "dane_result": _dane_result(route),
        "sts_result": None,
    }
    if policy is None:
        return columns
    columns["sts_covered"] = covered = policy.covers(route["mx_host"])
    if policy.mode == "none":
        return columns
    result = _sts_result(route) if covered else "sts-policy-invalid"
    return columns | {"meets_sts": _meets(route, policy), "sts_result": result}


def _meets(route: Row, policy: Policy) -> bool | None:
    if not policy.covers(route["mx_host"]):
        return False
    return bool(route["pkix_ok"]) if route["outcome"] in ANSWERED else None


# --- DANE ----------------------------------------------------------------------------------------------


def _dane_columns(routes: Sequence[Row], exchanges: Sequence[tuple[int, MailHost]], mx: Row | None) -> Row:
    secure = mx is not None and mx["dnssec_status"] == "secure"
    answered = [route["dane"] for route in routes if route["is_primary"] and route["outcome"] in ANSWERED]
    return {
        "dane": _dane_of(answered, is_mx_secure=secure),
        "dane_action": _dane_action(routes, exchanges, mx),
    }


def _dane_of(answered: Sequence[str], *, is_mx_secure: bool) -> str:
    if not answered:
        return "unknown"
    if any(status in _FAILS_DANE for status in answered):
        return "broken"
    if "unusable" in answered:
        return "unauthenticated"
    matched = answered.count("matched")
    if matched < len(answered):
        return "partial" if matched else "absent"
    return "full" if is_mx_secure else "hosted"


def _dane_action(routes: Sequence[Row], exchanges: Sequence[tuple[int, MailHost]], mx: Row | None) -> str:
    if mx is None or mx["dnssec_status"] in ("bogus", "indeterminate"):
        return "unknown"
    if mx["dnssec_status"] != "secure":  # RFC 7672 s2.2.1
        return "opportunistic"
    if all(route["dane"] in _WITHOUT_DANE or route["address"] is None for route in routes):
        is_known = all(host.addresses_known for _, host in exchanges)
        return "opportunistic" if is_known or any(_accepts_dane(route) for route in routes) else "unknown"
    return _act(routes, _accepts_dane)


def _accepts_dane(route: Row) -> bool | None:
    """Whether a sender that does DANE would deliver over a route; None: not known."""
    if route["dane"] in _FAILS_DANE:  # a failed TLSA lookup forbids it, whoever answers (RFC 7672 s2.1.2)
        return False
    return True if route["outcome"] in ANSWERED else None


def _act(routes: Sequence[Row], accepts: Callable[[Row], bool | None]) -> str:
    """Return what a sender does that goes through the routes in the order of preference."""
    for is_primary, action in ((True, "deliver"), (False, "fall_back")):
        answers = {accepts(route) for route in routes if route["is_primary"] == is_primary}
        if True in answers:
            return action
        if None in answers:
            return "unknown"
    return "refuse"


# --- MTA-STS -------------------------------------------------------------------------------------------


def _sts_columns(routes: Sequence[Row], policy: Policy | None, published: Row) -> Row:
    record = published["sts_record"]
    step, word = _AFTER_FETCH.get(published["sts_policy"], (1, None))
    columns: Row = {
        "sts_step": step if record == "valid" else _STEP_OF_RECORD.get(record),
        "sts_policy_result": word,
        "sts_action": "unknown" if record == "lookup_failed" else "opportunistic",
        "sts_uncovered": None,
        "sts_consistent": None,
    }
    if policy is None:
        return columns
    hosts = {route["mx_host"] for route in routes}
    columns["sts_uncovered"] = sorted(host for host in hosts if not policy.covers(host))
    if not policy.is_announced or policy.mode == "none":
        return columns | {"sts_consistent": False}
    if not routes:  # without a host to name or to deliver to, there is no word for it
        return {name: value for name, value in columns.items() if name not in ("sts_step", "sts_action")}
    if policy.mode == "enforce":
        columns["sts_action"] = _act(routes, lambda route: _meets(route, policy))
    if columns["sts_uncovered"]:
        return columns | {"sts_consistent": False}
    answered = [_meets(route, policy) for route in routes if route["outcome"] in ANSWERED]
    consistent = all(answered) if answered else None
    return columns | {"sts_step": 6 if consistent else 5, "sts_consistent": consistent}


def _authenticated_by(columns: Row, published: Row) -> str:
    dane = None if columns["dane"] == "unknown" else columns["dane"] == "full"
    sts = columns["sts_consistent"] if published["sts_mode"] == "enforce" else False
    if published["sts_record"] == "lookup_failed":
        sts = None
    if dane and sts:
        return "both"
    if dane or sts:
        return "dane" if dane else "sts"
    return "unknown" if dane is None or sts is None else "none"

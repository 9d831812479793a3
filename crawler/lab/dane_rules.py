"""What DANE comes to at a mail host of the lab, from what its scenarios declare (RFC 7672, RFC 7671).

Rules of the lab's own: they know which certificate a record was made for, and never look at octets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from crawler.lab.internet import CertificateOrder
from crawler.lab.lookups import Row
from crawler.lab.tlsa_scenarios import POSITIONS, TlsaEntry

ANSWERED = frozenset({"no_starttls", "starttls_refused", "tls_failed", "tls_ok"})
"""Outcomes that show whether a server has TLS."""

_DANE_EE = 3
_DENIALS = ("nodata", "nxdomain")
_SENT = {"leaf": 1, "leaf_intermediate": 2, "leaf_intermediate_root": 3, "strangers": 2}
"""How many certificates of its path a server sends."""
_CLOSENESS = ("no_match", "no_path", "expired", "not_yet_valid", "name_mismatch")
"""Why a record does not authenticate a server; the furthest from a match first."""
_MATCHED = "matched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A name at which TLSA records may stand for a host."""

    domain: str
    lookup: Row
    entries: tuple[TlsaEntry, ...]
    order_id: str
    """Of the certificate that the entries were made for."""


def choose_bases(address: Row, own: Base, expanded: Base | None) -> tuple[Base, ...]:
    """Return where a sender looks for TLSA records, in its order (RFC 7672 s2.2.2, s2.2.3)."""
    steps = [step["dnssec_status"] == "secure" for step in address["cname_chain"]]
    if expanded is not None and all(steps) and address["dnssec_status"] == "secure":
        return (expanded, own)
    begins_secure = steps[0] if steps else address["dnssec_status"] == "secure"
    return (own,) if begins_secure else ()


def dane_columns(bases: Sequence[Base], outcome: str, order: CertificateOrder | None) -> Row:
    """Return the DANE columns of a session verdict; order: of the certificate that the session shows."""
    if not bases:
        return _columns("not_applicable")
    for base in bases:
        if base.lookup["status"] in _DENIALS:
            continue
        if base.lookup["status"] != "noerror":
            return _columns("lookup_failed")
        if base.lookup["dnssec_status"] == "secure":
            return _at_base(base, outcome, order)
    return _columns("absent")


def _at_base(base: Base, outcome: str, order: CertificateOrder | None) -> Row:
    usable = [entry for entry in base.entries if entry.problem is None]
    if outcome not in ANSWERED:
        return _columns("unknown", base)
    if outcome != "tls_ok":  # TLS is mandatory even where no record can be used (RFC 7672 s2.2)
        return _columns("no_tls", base)
    if not usable:
        return _columns("unusable", base)
    assert order is not None
    results = {
        entry: _try(entry, order, base.domain)
        for entry in base.entries
        if entry.problem is None and not entry.is_passed_over
    }
    usages = [entry.usage for entry, result in results.items() if result == _MATCHED]
    if usages:
        return _columns(_MATCHED, base, results) | {"dane_usage": max(usages)}
    reason = max(results.values(), key=_CLOSENESS.index)
    return _columns("mismatched", base, results) | {"dane_reason": reason}


def _try(entry: TlsaEntry, order: CertificateOrder, reference: str) -> str:
    """Return 'matched', or why a usable record does not authenticate a server."""
    if entry.of is None:
        return "no_match"
    position = POSITIONS[entry.of]
    if entry.usage == _DANE_EE:  # whatever its names and dates (RFC 7671 s5.1)
        return _MATCHED if position == 0 else "no_match"
    return _find_anchor(entry, position, _SENT[order.chain_sent]) or _trust(order, reference)


def _find_anchor(entry: TlsaEntry, position: int, sent: int) -> str | None:
    """Return what keeps a trust anchor at a position of the path from being used (RFC 7671 s5.2).

    A digest is of a certificate sent. A full value is the anchor itself, and takes only what stands before
    it on the path; as a mere key it is known by the signature on the certificate before it.
    """
    is_reached = 0 < position <= sent
    if entry.matching_type != 0:
        return None if is_reached and position < sent else "no_match"
    if is_reached:
        return None
    return "no_path" if position and entry.selector == 0 else "no_match"


def _trust(order: CertificateOrder, reference: str) -> str:
    if order.validity != "current":
        return order.validity
    return _MATCHED if names(order, reference) else "name_mismatch"


def names(order: CertificateOrder, reference: str) -> bool:
    """Whether a certificate is for a name: by its common name only without DNS names (RFC 7672 s3.2.3)."""
    first, _, rest = reference.partition(".")
    wanted = (reference, f"*.{rest}") if first and rest else (reference,)
    return any(name.lower() in wanted for name in order.dns_names or (order.common_name,))


def _columns(status: str, base: Base | None = None, results: dict[TlsaEntry, str] | None = None) -> Row:
    return {
        "dane": status,
        "dane_base_domain": base.domain if base else None,
        "dane_reason": None,
        "dane_usage": None,
        "tlsa_records": [_record(entry, base.order_id, results or {}) for entry in base.entries]
        if base
        else [],
    }


def _record(entry: TlsaEntry, order_id: str, results: dict[TlsaEntry, str]) -> Row:
    """Return the verdict on one record; its data tells where it stands among the others."""
    result = results.get(entry)
    return {
        "usage": entry.usage,
        "selector": entry.selector,
        "matching_type": entry.matching_type,
        "problem": entry.problem,
        "is_passed_over": entry.is_passed_over and bool(results),
        "is_matched": result == _MATCHED,
        "reason": None if result == _MATCHED else result,
        "association_data": entry.association_data(order_id),
    }

"""DNS lookups of the lab: what its resolver answers, and beside it what a correct survey records."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from crawler.lab.internet import DnsAnswer

Row = dict[str, Any]

_MEMBERS = {"A": "addresses", "AAAA": "addresses", "TXT": "texts", "MX": "records", "TLSA": "records"}


def lookup_truth(
    kind: str,
    status: str,
    dnssec_status: str,
    values: Sequence[Any] = (),
    *,
    extended_error: int | None = None,
    cname_chain: Sequence[Row] = (),
) -> Row:
    """Return the row part that one lookup must give; kind is the type asked for, values are its records."""
    return {
        "status": status,
        "dnssec_status": dnssec_status,
        "extended_error": extended_error,
        "cname_chain": list(cname_chain),
        _MEMBERS[kind]: list(values),
    }


@cache
def denied(kind: str, status: str, *, secure: bool) -> Row:
    """Return the truth of a denial; status is nodata or nxdomain. The row is shared: not to be changed."""
    return lookup_truth(kind, status, _security(secure=secure))


def found(kind: str, values: Sequence[Any], *, secure: bool) -> Row:
    """Return the truth of an answer with records."""
    return lookup_truth(kind, "noerror", _security(secure=secure), values)


def found_by_alias(kind: str, values: Sequence[Any], target: str, *, from_secure: bool, secure: bool) -> Row:
    """Return the truth of an answer behind one CNAME, or of NODATA there when there are no values.

    from_secure: the CNAME record is secure; secure: so are the records at its target.
    """
    step = {"target": target, "dnssec_status": _security(secure=from_secure)}
    status = "noerror" if values else "nodata"
    return lookup_truth(kind, status, _security(secure=from_secure and secure), values, cname_chain=(step,))


def _security(*, secure: bool) -> str:
    return "secure" if secure else "insecure"


@dataclass(frozen=True, slots=True)
class FailedLookup:
    """One way for a lookup to fail."""

    answer: DnsAnswer
    status: str
    dnssec_status: str
    extended_error: int | None = None

    def truth(self, kind: str) -> Row:
        """Return the truth of such a lookup."""
        return lookup_truth(kind, self.status, self.dnssec_status, extended_error=self.extended_error)


FAILED_LOOKUPS = {
    "servfail": FailedLookup(
        DnsAnswer(rcode="SERVFAIL", extended_error=22), "servfail", "indeterminate", extended_error=22
    ),
    "refused": FailedLookup(DnsAnswer(rcode="REFUSED"), "refused", "indeterminate"),
    "timeout": FailedLookup(DnsAnswer(silent=True), "timeout", "indeterminate"),
    "bogus": FailedLookup(DnsAnswer(bogus=True, extended_error=6), "servfail", "bogus", extended_error=6),
}
"""Extended errors: 22 = no reachable authority, 6 = DNSSEC bogus (RFC 8914 s4)."""

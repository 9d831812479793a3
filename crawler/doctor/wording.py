"""Phrases that several checks share."""

import dns.edns

from crawler.records import Lookup
from crawler.unbound import DEFAULT_PORT

OWN_RESOLVER = f"`make resolver` starts a good one here: --resolver 127.0.0.1:{DEFAULT_PORT}"


def told(lookup: Lookup) -> str:
    """Return how a lookup ended, with the resolver's reason where it gave one."""
    return f"{lookup.status.meaning}{reason(lookup)}"


def reason(lookup: Lookup) -> str:
    """Return the extended error of a lookup (RFC 8914) in brackets; empty if there is none."""
    return "" if lookup.extended_error is None else f" ({extended_error(lookup.extended_error)})"


def extended_error(code: int) -> str:
    """Return an extended error by number, and by name where it has one."""
    name = dns.edns.EDECode.to_text(code).replace("_", " ").lower()
    return f"extended error {code}" + ("" if name.isdecimal() else f", {name}")

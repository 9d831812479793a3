"""The names that a certificate presents, found without looking at each."""

from collections.abc import Iterable

from crawler.protocol.dns_id import matches_dns_id


class PresentedNames:
    """DNS names of one certificate, of which some present hundreds.

    Only the reference identifier itself, or "*" in the place of its left-most label, can match (RFC 9525
    s6.3): two entries are looked up, and the rule is asked about those.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Index presented names, in any case, in printable ASCII as records keep them."""
        self._names = {name.lower(): name for name in names}

    def match(self, reference: str) -> bool:
        """Return whether one of the names matches a reference identifier, a host name."""
        key = reference.lower().removesuffix(".")
        wildcard = "*." + key.partition(".")[2]
        candidates = (self._names.get(key), self._names.get(wildcard))
        return any(name is not None and matches_dns_id(name, reference) for name in candidates)

"""Zones of the lab and what leads from one into another, as far as DNSSEC tells them apart (RFC 4033 s5)."""

from dataclasses import dataclass

from crawler.lab.lookups import Row, denied


@dataclass(frozen=True, slots=True)
class Zone:
    """Security of a zone's answers, and of its denials."""

    secure: bool
    denials_secure: bool

    def denied(self, kind: str, status: str) -> Row:
        """Return the truth of a denial in this zone."""
        return denied(kind, status, secure=self.denials_secure)


INSECURE = Zone(secure=False, denials_secure=False)


@dataclass(frozen=True, slots=True)
class Alias:
    """Where a CNAME record leads."""

    target: str
    zone: Zone
    """Of the target."""

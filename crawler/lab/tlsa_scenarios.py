"""TLSA records of mail hosts: what the resolver says at _25._tcp.<host>, and what must be recorded."""

from dataclasses import dataclass

from crawler.lab.associations import association
from crawler.lab.lookups import FAILED_LOOKUPS, Row

ZEROS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsaScenario:
    """The TLSA RRset of a host."""

    records: tuple[tuple[int, int, int, str], ...] = ()
    """Usage, selector, matching type, and association data: hexadecimal, or 'leaf' / 'issuer' for the SHA-256
    of that certificate as sent."""
    failure: str | None = None
    """Word of FAILED_LOOKUPS, in place of an answer."""
    needs_signed: bool | None = None
    """Makes sense only in a zone that is signed, or only in one that is not."""

    def placed_records(self, order_id: str) -> list[tuple[int, int, int, str]]:
        """Return the records with placeholders for the digests of an order's chain."""
        positions = {"leaf": 0, "issuer": 1}
        return [
            (usage, selector, matching, association(order_id, positions[data]) if data in positions else data)
            for usage, selector, matching, data in self.records
        ]


TLSA_SCENARIOS: dict[str, TlsaScenario] = {
    "none": TlsaScenario(),
    "ee": TlsaScenario(records=((3, 0, 1, "leaf"),), needs_signed=True),
    "ta": TlsaScenario(records=((2, 0, 1, "issuer"),), needs_signed=True),
    "rollover": TlsaScenario(records=((3, 0, 1, "leaf"), (3, 1, 1, ZEROS)), needs_signed=True),
    "mismatch": TlsaScenario(records=((3, 1, 1, ZEROS),), needs_signed=True),
    "unusable": TlsaScenario(records=((1, 0, 1, "leaf"),), needs_signed=True),
    "insecure": TlsaScenario(records=((3, 0, 1, "leaf"),), needs_signed=False),
    "bogus": TlsaScenario(failure="bogus", needs_signed=True),
    "servfail": TlsaScenario(failure="servfail"),
    "refused": TlsaScenario(failure="refused"),
    "timeout": TlsaScenario(failure="timeout"),
}


def tlsa_verdict(lookup: Row) -> Row:
    """Return the columns of a session verdict that the TLSA lookup settles."""
    present = {"noerror": True, "nodata": False, "nxdomain": False}.get(lookup["status"])
    return {"tlsa_present": present, "tlsa_dnssec_status": lookup["dnssec_status"]}


assert all(s.failure is None or s.failure in FAILED_LOOKUPS for s in TLSA_SCENARIOS.values())

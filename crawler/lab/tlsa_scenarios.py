"""TLSA records of mail hosts: what the resolver says at _25._tcp.<host>, and what each record is worth."""

from dataclasses import dataclass, replace

from crawler.lab.associations import association
from crawler.lab.lookups import FAILED_LOOKUPS, Row

POSITIONS = {"leaf": 0, "issuer": 1, "root": 2}
"""Certificates of a path by name."""
_OCTETS = {1: 32, 2: 64}
"""Of a digest by matching type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsaEntry:
    """One TLSA record (RFC 6698 s2.1)."""

    usage: int
    selector: int
    matching_type: int
    of: str | None = None
    """Word of POSITIONS: the certificate that it is right for. None: no certificate of anybody's."""
    data: str = ""
    """Hexadecimal, where `of` is None."""
    problem: str | None = None
    """Why it cannot be used on SMTP."""
    is_passed_over: bool = False
    """A stronger digest stands beside it (RFC 7671 s9)."""

    def association_data(self, order_id: str) -> str:
        """Return hexadecimal, or the placeholder for what an order's certificates make of it."""
        if self.of is None:
            return self.data
        return association(order_id, POSITIONS[self.of], self.selector, self.matching_type)

    def rdata(self, order_id: str) -> str:
        """Return the record in presentation form; its data may be a placeholder, or nothing."""
        fields = (self.usage, self.selector, self.matching_type, self.association_data(order_id))
        return " ".join(map(str, fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsaSet:
    """The TLSA RRset at one name."""

    entries: tuple[TlsaEntry, ...] = ()
    failure: str | None = None
    """Word of FAILED_LOOKUPS, in place of an answer."""
    is_unsigned: bool = False
    """It stands in an unsigned zone of its own, whatever that of the name is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsaScenario:
    """The TLSA RRsets of a host."""

    own: TlsaSet = TlsaSet()
    expanded: TlsaSet = TlsaSet()
    """At the end of the CNAME chain of a host that is an alias."""
    needs_alias: bool = False
    """Makes sense only for a host that is an alias."""
    needs_signed: bool | None = None
    """Makes sense only in a zone that is signed, or only in one that is not."""

    @property
    def entries(self) -> tuple[TlsaEntry, ...]:
        """All records, wherever they stand."""
        return self.own.entries + self.expanded.entries

    @property
    def needs_issuer(self) -> bool:
        """Whether it takes a certificate that another one issued."""
        return any(entry.of in ("issuer", "root") for entry in self.entries)

    @property
    def holds_leaf(self) -> bool:
        """Whether a whole certificate of the server's own stands in it, be it ever so long."""
        whole = (0, 0, "leaf")
        return any((entry.selector, entry.matching_type, entry.of) == whole for entry in self.entries)


def _right(usage: int, selector: int, matching_type: int, of: str = "leaf") -> TlsaEntry:
    return TlsaEntry(usage=usage, selector=selector, matching_type=matching_type, of=of)


def _wrong(usage: int, selector: int, matching_type: int, octet: int = 0) -> TlsaEntry:
    data = bytes((octet,) * _OCTETS[matching_type]).hex()
    return TlsaEntry(usage=usage, selector=selector, matching_type=matching_type, data=data)


def _passed_over(entry: TlsaEntry) -> TlsaEntry:
    return replace(entry, is_passed_over=True)


def _odd(problem: str, usage: int, selector: int, matching_type: int, data: str | None = None) -> TlsaEntry:
    return TlsaEntry(
        usage=usage,
        selector=selector,
        matching_type=matching_type,
        of="leaf" if data is None else None,
        data=data or "",
        problem=problem,
    )


def _signed(*records: TlsaEntry) -> TlsaScenario:
    return TlsaScenario(own=TlsaSet(entries=records), needs_signed=True)


def _failing(failure: str, *, needs_signed: bool | None = None) -> TlsaScenario:
    return TlsaScenario(own=TlsaSet(failure=failure), needs_signed=needs_signed)


def _at_expanded(entry: TlsaEntry) -> TlsaScenario:
    return TlsaScenario(expanded=TlsaSet(entries=(entry,)), needs_alias=True)


def _at_both(entry: TlsaEntry, expanded: TlsaSet) -> TlsaScenario:
    own = TlsaSet(entries=(entry,))
    return TlsaScenario(own=own, expanded=expanded, needs_alias=True, needs_signed=True)


_PKIX_EE = _odd("pkix_usage", 1, 0, 1)

TLSA_SCENARIOS: dict[str, TlsaScenario] = {
    "none": TlsaScenario(),
    "ee": _signed(_right(3, 0, 1)),
    "ee_key": _signed(_right(3, 1, 1)),
    "ee_sha512": _signed(_right(3, 1, 2)),
    "ee_full": _signed(_right(3, 0, 0)),
    "ee_full_key": _signed(_right(3, 1, 0)),
    "ta": _signed(_right(2, 0, 1, "issuer")),
    "ta_key": _signed(_right(2, 1, 1, "issuer")),
    "ta_full": _signed(_right(2, 0, 0, "issuer")),
    "ta_full_key": _signed(_right(2, 1, 0, "issuer")),
    "ta_of_root": _signed(_right(2, 0, 1, "root")),
    "ta_full_of_root": _signed(_right(2, 0, 0, "root")),
    "ta_full_key_of_root": _signed(_right(2, 1, 0, "root")),
    "ta_of_leaf": _signed(_right(2, 0, 1, "leaf")),
    "ta_mismatch": _signed(_wrong(2, 0, 1)),
    "ee_and_ta": _signed(_right(2, 1, 1, "issuer"), _right(3, 1, 1)),
    "ee_wrong_ta_right": _signed(_right(2, 1, 1, "issuer"), _wrong(3, 1, 1)),
    "rollover": _signed(_right(3, 0, 1), _wrong(3, 1, 1)),
    "mismatch": _signed(_wrong(3, 1, 1)),
    "sha512_wrong": _signed(_passed_over(_right(3, 1, 1)), _wrong(3, 1, 2)),
    "sha512_right": _signed(_passed_over(_wrong(3, 1, 1)), _right(3, 1, 2)),
    "sha512_of_other_selector": _signed(_wrong(3, 0, 2), _right(3, 1, 1)),
    "sha512_unusable": _signed(_right(3, 1, 1), _odd("malformed_data", 3, 1, 2, "00" * 32)),
    "unusable": _signed(_PKIX_EE),
    "usage_0": _signed(_odd("pkix_usage", 0, 0, 1)),
    "usage_4": _signed(_odd("unknown_usage", 4, 0, 1)),
    "selector_2": _signed(_odd("unknown_selector", 3, 2, 1, "00" * 32)),
    "matching_type_3": _signed(_odd("unknown_matching_type", 3, 1, 3, "00" * 48)),
    "empty_data": _signed(_odd("malformed_data", 3, 1, 1, "")),
    "short_data": _signed(_odd("malformed_data", 3, 1, 1, "00" * 20)),
    "full_of_nothing": _signed(_odd("malformed_data", 3, 0, 0, "00" * 20)),
    "full_key_of_nothing": _signed(_odd("malformed_data", 2, 1, 0, "00" * 20)),
    "unusable_beside_right": _signed(_PKIX_EE, _right(3, 1, 1)),
    "unusable_beside_wrong": _signed(_PKIX_EE, _wrong(3, 1, 1)),
    "one_of_100": _signed(*[_wrong(3, 1, 1, n) for n in range(99)], _right(3, 1, 1)),
    "insecure": TlsaScenario(own=TlsaSet(entries=(_right(3, 0, 1),)), needs_signed=False),
    "unsigned": TlsaScenario(own=TlsaSet(entries=(_right(3, 0, 1),), is_unsigned=True), needs_signed=True),
    "bogus": _failing("bogus", needs_signed=True),
    "servfail": _failing("servfail"),
    "refused": _failing("refused"),
    "timeout": _failing("timeout"),
    "at_expanded": _at_expanded(_right(3, 1, 1)),
    "ta_at_expanded": _at_expanded(_right(2, 0, 1, "issuer")),
    "at_both": _at_both(_wrong(3, 1, 1), TlsaSet(entries=(_right(3, 1, 1),))),
    "at_both_expanded_wrong": _at_both(_right(3, 1, 1), TlsaSet(entries=(_wrong(3, 1, 1),))),
    "at_both_expanded_unusable": _at_both(_right(3, 1, 1), TlsaSet(entries=(_PKIX_EE,))),
    "at_both_expanded_unsigned": _at_both(
        _right(3, 1, 1), TlsaSet(entries=(_wrong(3, 1, 1),), is_unsigned=True)
    ),
    "expanded_servfail": _at_both(_right(3, 1, 1), TlsaSet(failure="servfail")),
}


def tlsa_verdict(lookup: Row) -> Row:
    """Return the columns of a session verdict that the TLSA lookup settles."""
    present = {"noerror": True, "nodata": False, "nxdomain": False}.get(lookup["status"])
    return {"tlsa_present": present, "tlsa_dnssec_status": lookup["dnssec_status"]}


assert all(
    rrset.failure is None or rrset.failure in FAILED_LOOKUPS
    for s in TLSA_SCENARIOS.values()
    for rrset in (s.own, s.expanded)
)

"""Judge one MX host at one address by its TLSA records (RFC 7672, RFC 7671, RFC 6698)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from OpenSSL import crypto

from crawler.outcomes import DaneReason, DaneStatus, DnssecStatus, Outcome, TlsaProblem
from crawler.protocol.certificate import is_signed_by, public_key_info
from crawler.protocol.dns_id import matches_dns_id
from crawler.protocol.tlsa import (
    DANE_EE,
    FULL,
    PUBLIC_KEY,
    WHOLE_CERTIFICATE,
    find_problem,
    matches,
    strongest,
)
from crawler.records import AddressLookup, Certificate, TlsaLookup, TlsaRecord
from crawler.verdicts.outcome import ANSWERED
from crawler.verdicts.pkix import CHAIN_LIMIT, NO_CHECK_TIME
from crawler.verdicts.purpose import is_for_servers, key_may_serve

_PARTIAL_CHAIN = 0x80000  # OpenSSL's x509_vfy.h: an anchor need not be self-signed

_CLOSENESS = (
    DaneReason.NO_MATCH,
    DaneReason.NO_PATH,
    DaneReason.EXPIRED,
    DaneReason.NOT_YET_VALID,
    DaneReason.NAME_MISMATCH,
)
"""The reasons, the furthest from a match first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A name whose TLSA records a sender would ask for, and what it got (RFC 7672 s2.2.3)."""

    domain: str
    lookup: TlsaLookup


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordVerdict:
    """One TLSA record: it cannot be used, it authenticates the server, or why it does not."""

    record: TlsaRecord
    problem: TlsaProblem | None
    is_passed_over: bool = False
    """Digest agility prefers a stronger digest beside it."""
    reason: DaneReason | None = None
    """Null: it matches, or it was not tried."""
    is_matched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DaneVerdict:
    """What DANE comes to at one MX host and address."""

    status: DaneStatus
    base_domain: str | None = None
    """Where the records were found."""
    reason: DaneReason | None = None
    """Null unless mismatched."""
    usage: int | None = None
    """The certificate usage that matched: 2 or 3."""
    records: tuple[RecordVerdict, ...] = ()


def judge_dane(
    bases: Sequence[Base],
    outcome: Outcome,
    chain: Sequence[Certificate],
    next_hops: Sequence[str],
    at: datetime,
) -> DaneVerdict:
    """Judge a server by the first base domain, in a sender's order, that has secure TLSA records.

    bases: as `order_bases` gives them. chain: as sent. next_hops: the names a DANE-TA certificate may be for
    besides the base domain: those of the mail domain, where its MX RRset is secure (s3.2.2).
    """
    found = _decide_base(bases)
    if isinstance(found, DaneStatus):
        return DaneVerdict(status=found)
    records = [(record, find_problem(record)) for record in found.lookup.records]
    usable = [record for record, problem in records if problem is None]
    if outcome not in ANSWERED:
        return _verdict(DaneStatus.UNKNOWN, found, records)
    if outcome is not Outcome.TLS_OK:
        return _verdict(DaneStatus.NO_TLS, found, records)
    if not usable:
        return _verdict(DaneStatus.UNUSABLE, found, records)
    return _try_records(found, records, chain[:CHAIN_LIMIT], (found.domain, *next_hops), at)


def order_bases(
    mx_host: str, address: AddressLookup, own: TlsaLookup, expanded: TlsaLookup | None
) -> tuple[Base, ...]:
    """Return the names whose TLSA records a sender asks for, in its order; none where it asks for none.

    own, expanded: the TLSA lookups at the MX host and at the end of its CNAME chain (None: no alias). A
    sender asks only where the address records are secure, or at least the alias that leads to them (s2.2.2),
    and for the expanded name only where every step to it is (s2.2.3).
    """
    steps = [step.dnssec_status for step in address.cname_chain]
    is_secure = address.dnssec_status is DnssecStatus.SECURE
    bases = (Base(domain=mx_host, lookup=own),)
    if not steps:
        return bases if is_secure else ()
    if is_secure and expanded is not None and all(step is DnssecStatus.SECURE for step in steps):
        return (Base(domain=address.cname_chain[-1].target, lookup=expanded), *bases)
    return bases if steps[0] is DnssecStatus.SECURE else ()


def _decide_base(bases: Sequence[Base]) -> Base | DaneStatus:
    """Return the base domain whose records count, or what it means that there is none."""
    for base in bases:
        if base.lookup.dnssec_status is DnssecStatus.UNVALIDATED:
            return DaneStatus.WITHHELD
        if base.lookup.status.have_records is None:
            return DaneStatus.LOOKUP_FAILED
        if base.lookup.records and base.lookup.dnssec_status is DnssecStatus.SECURE:
            return base
    return DaneStatus.ABSENT if bases else DaneStatus.NOT_APPLICABLE


def _verdict(
    status: DaneStatus, base: Base, records: Sequence[tuple[TlsaRecord, TlsaProblem | None]]
) -> DaneVerdict:
    untried = tuple(RecordVerdict(record=record, problem=problem) for record, problem in records)
    return DaneVerdict(status=status, base_domain=base.domain, records=untried)


def _try_records(
    base: Base,
    records: Sequence[tuple[TlsaRecord, TlsaProblem | None]],
    chain: Sequence[Certificate],
    references: Sequence[str],
    at: datetime,
) -> DaneVerdict:
    """Try each usable record that counts; one that matches is enough (RFC 7671 s4)."""
    counting = strongest([record for record, problem in records if problem is None])
    tried = []
    for record, problem in records:
        if problem is not None:
            tried.append(RecordVerdict(record=record, problem=problem))
        elif record not in counting:
            tried.append(RecordVerdict(record=record, problem=None, is_passed_over=True))
        else:
            reason = _try(record, chain, references, at)
            tried.append(RecordVerdict(record=record, problem=None, reason=reason, is_matched=reason is None))
    usage = max((verdict.record.usage for verdict in tried if verdict.is_matched), default=None)
    reasons = [verdict.reason for verdict in tried if verdict.reason is not None]
    return DaneVerdict(
        status=DaneStatus.MISMATCHED if usage is None else DaneStatus.MATCHED,
        base_domain=base.domain,
        reason=max(reasons, key=_CLOSENESS.index) if usage is None else None,
        usage=usage,
        records=tuple(tried),
    )


def _try(
    record: TlsaRecord, chain: Sequence[Certificate], references: Sequence[str], at: datetime
) -> DaneReason | None:
    """Return why a usable record does not authenticate a chain; None if it does."""
    if not chain:
        return DaneReason.NO_MATCH
    leaf = chain[0]
    if record.usage == DANE_EE:  # names and dates are ignored (RFC 7671 s5.1)
        return None if matches(record, leaf.der, public_key_info(leaf.der)) else DaneReason.NO_MATCH
    reasons = [_trust(path, leaf, references, at) for path in _anchored_paths(record, chain)]
    if None in reasons:
        return None
    return max((reason for reason in reasons if reason), key=_CLOSENESS.index, default=DaneReason.NO_MATCH)


_Path: TypeAlias = Sequence[crypto.X509]
"""The certificates from the server's to the one that a trust anchor signed. The anchor itself is no part of
it: its dates and purposes do not count (RFC 5280 s6.1), though the limits it sets do (RFC 7672 s3.1.2).
"""


def _trust(
    path: _Path | None, leaf: Certificate, references: Sequence[str], at: datetime
) -> DaneReason | None:
    """Return why a path to a matching trust anchor does not authenticate a server (RFC 7672 s3.1.2)."""
    if path is None or not _is_for_servers(path):
        return DaneReason.NO_PATH
    try:
        if any(_instant(certificate.get_notAfter()) < at for certificate in path):
            return DaneReason.EXPIRED
        if any(_instant(certificate.get_notBefore()) > at for certificate in path):
            return DaneReason.NOT_YET_VALID
    except (crypto.Error, ValueError):  # a date that OpenSSL had no need to read
        return DaneReason.NO_PATH
    return None if is_for_any(leaf, references) else DaneReason.NAME_MISMATCH


def _is_for_servers(path: _Path) -> bool:
    ders = [crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in path]
    return key_may_serve(ders[0]) and all(map(is_for_servers, ders))


def is_for_any(leaf: Certificate, references: Sequence[str]) -> bool:
    """Whether a server's certificate names one of the hosts or domains given, by the rules of DANE-TA."""
    names = _presented_names(leaf)
    return any(matches_dns_id(name, reference) for name in names for reference in references)


def _presented_names(leaf: Certificate) -> Sequence[str]:
    """Return the names of a certificate: common names only where there is no DNS name (RFC 7672 s3.2.3)."""
    if leaf.dns_names is None:
        return ()
    return leaf.dns_names or leaf.common_names or ()


def _anchored_paths(record: TlsaRecord, chain: Sequence[Certificate]) -> Iterator[_Path | None]:
    """Give, for each trust anchor that a DANE-TA record names, the path to it; None where there is none.

    The anchor is among the certificates sent, or all of it is in the record. The server's own certificate is
    none: what an anchor is for is to certify another (RFC 5280 s6.1).
    """
    anchors = [c.der for c in chain if matches(record, c.der, public_key_info(c.der))]
    data = bytes.fromhex(record.association_data)
    if record.matching_type == FULL and record.selector == WHOLE_CERTIFICATE:
        anchors.append(data)
    anchors = [anchor for anchor in dict.fromkeys(anchors) if anchor != chain[0].der]
    for anchor in anchors:
        yield _path(chain, anchor, is_anchor=True)
    if not anchors and record.matching_type == FULL and record.selector == PUBLIC_KEY:
        # A key without a certificate (RFC 7671 s5.2.3): whatever it signed ends the path.
        for signed in [c.der for c in chain if is_signed_by(c.der, data)]:
            yield _path(chain, signed, is_anchor=False)


def _path(chain: Sequence[Certificate], end: bytes, *, is_anchor: bool) -> _Path | None:
    """Return the path from a chain's first certificate to another, dates and purposes apart.

    The other is a trust anchor, or the last of the path.
    """
    try:
        leaf = crypto.load_certificate(crypto.FILETYPE_ASN1, chain[0].der)
        store = crypto.X509Store()
        store.set_flags(NO_CHECK_TIME | _PARTIAL_CHAIN)
        store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, end))
        path = crypto.X509StoreContext(store, leaf, _readable(chain[1:])).get_verified_chain()
    except (crypto.Error, crypto.X509StoreContextError):
        return None
    return path[:-1] if is_anchor else path


def _readable(chain: Sequence[Certificate]) -> list[crypto.X509]:
    readable = []
    for certificate in chain:
        try:
            readable.append(crypto.load_certificate(crypto.FILETYPE_ASN1, certificate.der))
        except crypto.Error:  # one odd certificate must not spoil the path
            continue
    return readable


def _instant(generalized_time: bytes | None) -> datetime:
    assert generalized_time is not None  # pyOpenSSL raises before it returns None
    return datetime.strptime(generalized_time.decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)

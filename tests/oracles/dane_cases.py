"""The DANE cases: what a host's zone says, what its server sends, and what that comes to."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from crawler.outcomes import DaneReason, DaneStatus
from crawler.protocol.certificate import public_key_info
from tests.oracles.dane_chains import Certificates

Fault = Literal["spoiled", "lame", "silent"]
"""What is wrong with a TLSA lookup: a signature, or a delegation to who knows nothing, or says nothing."""

Zone = Literal["signed", "unsigned"]


@dataclass(frozen=True)
class About:
    """A TLSA record about a certificate of the case: of the server (`leaf`) or of the authority named."""

    usage: int
    selector: int
    matching_type: int
    whose: str = "leaf"
    of_chain: str | None = None
    """None: the chain of the case."""


Record = About | str
"""A string is the record's data as a zone file has it."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One mail domain with one MX host."""

    name: str
    status: DaneStatus
    reason: DaneReason | None = None
    chain: str = "good"
    records: tuple[Record, ...] = ()
    has_secure_mx: bool = True
    has_secure_host: bool = True
    alias_into: tuple[Zone, ...] = ()
    """The host is an alias of another, in the zone of hosts there, which may be an alias too."""
    target_records: tuple[Record, ...] = ()
    """At the name that the aliases lead to."""
    passed_records: tuple[Record, ...] = ()
    """At the first name after the host, where that is an alias too."""
    tlsa_alias_into: Zone | None = None
    """The name of the TLSA records is an alias, and `records` stand in the zone of hosts there."""
    fault: Fault | None = None
    """Of the TLSA lookup at the host's own name."""


def record_data(record: Record, chain: str, certificates: Certificates) -> str:
    """Return the data of a TLSA record in presentation form (RFC 6698 s2.2)."""
    if isinstance(record, str):
        return record
    issued = certificates.find(record.of_chain or chain, record.whose)
    selected = issued.der if record.selector == 0 else public_key_info(issued.der)
    assert selected is not None
    digests = {1: hashlib.sha256, 2: hashlib.sha512}
    digest = digests.get(record.matching_type)
    data = digest(selected).digest() if digest else selected
    return f"{record.usage} {record.selector} {record.matching_type} {data.hex()}"


def _case(
    name: str, verdict: DaneStatus | DaneReason, chain: str, *records: Record, **places: object
) -> Case:
    is_reason = isinstance(verdict, DaneReason)
    status = DaneStatus.MISMATCHED if is_reason else verdict
    reason = verdict if is_reason else None
    return Case(name=name, status=status, reason=reason, chain=chain, records=records, **places)  # type: ignore[arg-type]  # its fields


MATCHED, UNUSABLE, ABSENT = DaneStatus.MATCHED, DaneStatus.UNUSABLE, DaneStatus.ABSENT
NO_MATCH, NO_PATH, EXPIRED = DaneReason.NO_MATCH, DaneReason.NO_PATH, DaneReason.EXPIRED
NOT_YET_VALID, NAME_MISMATCH = DaneReason.NOT_YET_VALID, DaneReason.NAME_MISMATCH

_OWN_KEY = About(3, 1, 1)
_OTHERS_KEY = About(3, 1, 1, of_chain="another")
_WRONG_512 = f"3 1 2 {'ab' * 64}"


def _everywhere(usage: int, whose: str = "leaf", of_chain: str | None = None) -> list[tuple[str, About]]:
    """Return a record of each selector and matching type, with its name."""
    return [
        (f"{usage}-{selector}-{matching_type}", About(usage, selector, matching_type, whose, of_chain))
        for selector in (0, 1)
        for matching_type in (0, 1, 2)
    ]


_SERVERS_OWN = [
    *(_case(name, MATCHED, "good", record) for name, record in _everywhere(3)),
    *(
        _case(f"{name}-another", NO_MATCH, "good", record)
        for name, record in _everywhere(3, of_chain="another")
    ),
    _case("ee-expired", MATCHED, "expired-leaf", _OWN_KEY),
    _case("ee-expired-whole", MATCHED, "expired-leaf", About(3, 0, 1)),
    _case("ee-future", MATCHED, "future-leaf", _OWN_KEY),
    _case("ee-other-name", MATCHED, "other-name", _OWN_KEY),
    _case("ee-for-clients", MATCHED, "for-clients", _OWN_KEY),
    _case("ee-self-signed", MATCHED, "self-signed", _OWN_KEY),
    _case("ee-own-authority", MATCHED, "own-authority", _OWN_KEY),
    _case("ee-alone", MATCHED, "alone", _OWN_KEY),
    _case("ee-not-a-ca", MATCHED, "not-a-ca", _OWN_KEY),
    _case("ee-expired-root", MATCHED, "expired-root", _OWN_KEY),
    _case("ee-of-intermediate", NO_MATCH, "good", About(3, 1, 1, "intermediate")),
]

_TRUST_ANCHORS = [
    *(_case(f"{name}-root", MATCHED, "with-root", record) for name, record in _everywhere(2, "root")),
    *(_case(f"{name}-above", MATCHED, "good", record) for name, record in _everywhere(2, "intermediate")),
    *(
        _case(f"{name}-not-sent", MATCHED if record.matching_type == 0 else NO_MATCH, "good", record)
        for name, record in _everywhere(2, "root")
    ),
    _case("ta-issuer-not-sent-2-0-0", MATCHED, "alone", About(2, 0, 0, "intermediate")),
    _case("ta-issuer-not-sent-2-1-0", MATCHED, "alone", About(2, 1, 0, "intermediate")),
    _case("ta-issuer-not-sent-2-1-1", NO_MATCH, "alone", About(2, 1, 1, "intermediate")),
    _case("ta-gap-2-0-0", NO_PATH, "alone", About(2, 0, 0, "root")),
    _case("ta-gap-2-1-0", NO_MATCH, "alone", About(2, 1, 0, "root")),
    _case("ta-shuffled", MATCHED, "shuffled", About(2, 0, 1, "root")),
    _case("ta-stranger", NO_PATH, "with-stranger", About(2, 0, 1, "stranger")),
    _case("ta-other-name", NAME_MISMATCH, "other-name", About(2, 0, 1, "intermediate")),
    _case("ta-other-name-2-0-0", NAME_MISMATCH, "other-name", About(2, 0, 0, "root")),
    _case("ta-other-name-2-1-0", NAME_MISMATCH, "other-name", About(2, 1, 0, "root")),
    _case("ta-common-name", MATCHED, "common-name", About(2, 0, 1, "intermediate")),
    _case("ta-partial-wildcard", NAME_MISMATCH, "partial-wildcard", About(2, 0, 1, "intermediate")),
    _case("ta-common-name-beside", NAME_MISMATCH, "common-name-beside", About(2, 0, 1, "intermediate")),
    _case("ta-wide-wildcard", NAME_MISMATCH, "wide-wildcard", About(2, 0, 1, "intermediate")),
    _case("ta-next-hop", MATCHED, "next-hop", About(2, 0, 1, "intermediate")),
    _case(
        "ta-next-hop-insecure",
        NAME_MISMATCH,
        "next-hop",
        About(2, 0, 1, "intermediate"),
        has_secure_mx=False,
    ),
    _case("ta-expired-leaf", EXPIRED, "expired-leaf", About(2, 0, 1, "root")),
    _case("ta-expired-leaf-2-1-0", EXPIRED, "expired-leaf", About(2, 1, 0, "root")),
    _case("ta-expired-between", EXPIRED, "expired-intermediate", About(2, 0, 1, "root")),
    _case("ta-expired-between-2-1-0", EXPIRED, "expired-intermediate", About(2, 1, 0, "root")),
    _case("ta-expired-anchor-2-1-1", MATCHED, "expired-intermediate", About(2, 1, 1, "expired-intermediate")),
    _case("ta-expired-anchor-2-0-1", MATCHED, "expired-intermediate", About(2, 0, 1, "expired-intermediate")),
    _case("ta-expired-anchor-2-0-0", MATCHED, "expired-intermediate", About(2, 0, 0, "expired-intermediate")),
    _case("ta-expired-anchor-2-1-0", MATCHED, "expired-intermediate", About(2, 1, 0, "expired-intermediate")),
    _case("ta-future-anchor", MATCHED, "future-intermediate", About(2, 0, 1, "future-intermediate")),
    _case("ta-expired-root-2-1-1", MATCHED, "expired-root", About(2, 1, 1, "expired-root")),
    _case("ta-expired-root-2-0-1", MATCHED, "expired-root", About(2, 0, 1, "expired-root")),
    _case("ta-expired-root-2-0-0", MATCHED, "expired-root-not-sent", About(2, 0, 0, "expired-root")),
    _case("ta-expired-root-2-1-0", MATCHED, "expired-root-not-sent", About(2, 1, 0, "expired-root")),
    _case("ta-expired-root-sent-2-1-0", MATCHED, "expired-root", About(2, 1, 0, "expired-root")),
    _case("ta-below-expired-root", MATCHED, "expired-root", About(2, 0, 1, "below-expired-root")),
    _case("ta-future-leaf", NOT_YET_VALID, "future-leaf", About(2, 0, 1, "root")),
    _case("ta-future-between", NOT_YET_VALID, "future-intermediate", About(2, 0, 1, "root")),
    _case("ta-renewed-key", MATCHED, "renewed", About(2, 1, 1, "renewed")),
    _case("ta-renewed-old-only", MATCHED, "renewed", About(2, 0, 1, "before-renewal")),
    _case("ta-not-a-ca", NO_PATH, "not-a-ca", About(2, 0, 1, "root")),
    _case("ta-not-a-ca-2-0-0", NO_PATH, "not-a-ca", About(2, 0, 0, "root")),
    _case("ta-not-a-ca-2-1-0", NO_PATH, "not-a-ca", About(2, 1, 0, "root")),
    _case("ta-is-no-ca", NO_PATH, "not-a-ca", About(2, 1, 1, "clerk")),
    _case("ta-is-no-ca-2-1-0", NO_PATH, "not-a-ca", About(2, 1, 0, "clerk")),
    _case("ta-may-not-sign", NO_PATH, "may-not-sign", About(2, 0, 1, "root")),
    _case("ta-is-mute", NO_PATH, "may-not-sign", About(2, 0, 1, "mute")),
    _case("ta-too-long", NO_PATH, "too-long", About(2, 0, 1, "short")),
    _case("ta-for-clients", NO_PATH, "for-clients", About(2, 0, 1, "root")),
    _case("ta-issuer-for-clients", NO_PATH, "below-narrow", About(2, 0, 1, "root")),
    _case("ta-anchor-for-clients", MATCHED, "below-narrow", About(2, 0, 1, "narrow")),
    _case("ta-sha-1", MATCHED, "sha-1", About(2, 0, 1, "rsa-root")),
    _case("ee-sha-1", MATCHED, "sha-1", _OWN_KEY),
    _case("ta-rsa-1024", MATCHED, "rsa-1024", About(2, 0, 1, "rsa-root")),
    _case("ee-rsa-1024", MATCHED, "rsa-1024", _OWN_KEY),
    _case("ta-rsa-1024-issuer", MATCHED, "below-rsa-1024", About(2, 0, 1, "rsa-root")),
    _case("ta-rsa-1024-anchor", MATCHED, "below-rsa-1024", About(2, 0, 1, "rsa-1024")),
    _case("ta-self-signed", NO_MATCH, "self-signed", About(2, 1, 1)),
    _case("ta-self-signed-2-0-0", NO_MATCH, "self-signed", About(2, 0, 0)),
    _case("ta-self-signed-2-1-0", MATCHED, "self-signed", About(2, 1, 0)),
    _case("ta-self-signed-twice", NO_MATCH, "self-signed-twice", About(2, 1, 1)),
    _case("ta-own-authority", NO_MATCH, "own-authority", About(2, 1, 1)),
    _case("ta-own-authority-2-0-0", NO_MATCH, "own-authority", About(2, 0, 0)),
    _case("ta-own-authority-2-1-0", MATCHED, "own-authority", About(2, 1, 0)),
    _case("ta-own-authority-twice", NO_MATCH, "own-authority-twice", About(2, 1, 1)),
    _case("ta-leaf-below-others", NO_MATCH, "good", About(2, 1, 1)),
]

_RECORD_SETS = [
    _case("pkix-ta-alone", UNUSABLE, "with-root", About(0, 0, 1, "root")),
    _case("pkix-ee-alone", UNUSABLE, "good", About(1, 1, 1)),
    _case("pkix-ee-beside-match", MATCHED, "good", About(1, 1, 1), _OWN_KEY),
    _case("pkix-ee-beside-mismatch", NO_MATCH, "good", About(1, 1, 1), _OTHERS_KEY),
    _case("usage-4", UNUSABLE, "good", f"4 1 1 {'5a' * 32}"),
    _case("usage-255", UNUSABLE, "good", f"255 1 1 {'5a' * 32}"),
    _case("selector-2", UNUSABLE, "good", f"3 2 1 {'5a' * 32}"),
    _case("matching-type-3", UNUSABLE, "good", f"3 1 3 {'5a' * 32}"),
    _case("digest-too-short", UNUSABLE, "good", f"3 1 1 {'5a' * 31}"),
    _case("digest-too-long", UNUSABLE, "good", f"3 1 1 {'5a' * 33}"),
    _case("no-digest", UNUSABLE, "good", "3 1 1"),
    _case("sha-512-too-short", UNUSABLE, "good", f"3 1 2 {'5a' * 32}"),
    _case("no-certificate", UNUSABLE, "good", f"3 0 0 {'5a' * 32}"),
    _case("no-key", UNUSABLE, "good", f"2 1 0 {'5a' * 32}"),
    _case("malformed-beside-match", MATCHED, "good", f"3 1 1 {'5a' * 31}", _OWN_KEY),
    _case("unknown-beside-mismatch", NO_MATCH, "good", f"3 1 3 {'5a' * 32}", _OTHERS_KEY),
    _case("agility-strong-wrong", NO_MATCH, "good", _OWN_KEY, _WRONG_512),
    _case("agility-weak-wrong", MATCHED, "good", _OTHERS_KEY, About(3, 1, 2)),
    _case("agility-other-selector", MATCHED, "good", About(3, 0, 1), _WRONG_512),
    _case("agility-other-usage", MATCHED, "good", About(2, 1, 1, "intermediate"), _WRONG_512),
    _case("agility-full", MATCHED, "good", About(3, 1, 0), _WRONG_512),
    _case("agility-malformed", MATCHED, "good", _OWN_KEY, f"3 1 2 {'ab' * 63}"),
    _case("agility-unknown-type", MATCHED, "good", _OWN_KEY, f"3 1 3 {'ab' * 64}"),
    _case("rollover", MATCHED, "good", _OTHERS_KEY, _OWN_KEY),
    _case("rollover-issuer", MATCHED, "good", _OTHERS_KEY, About(2, 1, 1, "intermediate")),
    _case("both-usages-other-name", NAME_MISMATCH, "other-name", _OTHERS_KEY, About(2, 0, 1, "intermediate")),
    _case("hundred", MATCHED, "good", *(f"3 1 1 {n:02x}{'5a' * 31}" for n in range(99)), _OWN_KEY),
    _case("hundred-wrong", NO_MATCH, "good", *(f"3 1 1 {n:02x}{'5a' * 31}" for n in range(100))),
]

NOT_APPLICABLE, LOOKUP_FAILED, NO_TLS = DaneStatus.NOT_APPLICABLE, DaneStatus.LOOKUP_FAILED, DaneStatus.NO_TLS

_PLACES = [
    _case("without-records", ABSENT, "good"),
    _case("insecure-host", NOT_APPLICABLE, "good", _OWN_KEY, has_secure_host=False),
    _case("insecure-mx", MATCHED, "good", _OWN_KEY, has_secure_mx=False),
    _case("insecure-mx-mismatch", NO_MATCH, "good", _OTHERS_KEY, has_secure_mx=False),
    _case("insecure-mx-issuer", MATCHED, "good", About(2, 1, 1, "intermediate"), has_secure_mx=False),
    _case("insecure-mx-unusable", UNUSABLE, "good", About(1, 1, 1), has_secure_mx=False),
    _case(
        "insecure-everything", NOT_APPLICABLE, "good", _OWN_KEY, has_secure_mx=False, has_secure_host=False
    ),
    _case("spoiled", LOOKUP_FAILED, "good", _OWN_KEY, fault="spoiled"),
    _case("lame", LOOKUP_FAILED, "good", fault="lame"),
    _case("silent", LOOKUP_FAILED, "good", fault="silent"),
    _case("no-starttls", NO_TLS, "no-starttls", _OWN_KEY),
    _case("no-starttls-unusable", NO_TLS, "no-starttls", About(1, 1, 1)),
    _case("no-starttls-without-records", ABSENT, "no-starttls"),
    _case("alias-original", MATCHED, "good", _OWN_KEY, alias_into=("signed",)),
    _case("alias-expanded", MATCHED, "good", alias_into=("signed",), target_records=(_OWN_KEY,)),
    _case("alias-both", MATCHED, "good", _OTHERS_KEY, alias_into=("signed",), target_records=(_OWN_KEY,)),
    _case(
        "alias-both-wrong", NO_MATCH, "good", _OWN_KEY, alias_into=("signed",), target_records=(_OTHERS_KEY,)
    ),
    _case(
        "alias-both-unusable",
        UNUSABLE,
        "good",
        _OWN_KEY,
        alias_into=("signed",),
        target_records=(About(1, 1, 1),),
    ),
    _case(
        "ta-alias-original", MATCHED, "for-aliases", About(2, 0, 1, "intermediate"), alias_into=("signed",)
    ),
    _case(
        "ta-alias-expanded",
        NAME_MISMATCH,
        "for-aliases",
        alias_into=("signed",),
        target_records=(About(2, 0, 1, "intermediate"),),
    ),
    _case("tlsa-alias", MATCHED, "good", About(2, 0, 1, "intermediate"), tlsa_alias_into="signed"),
    _case("tlsa-alias-out", ABSENT, "good", _OWN_KEY, tlsa_alias_into="unsigned"),
    _case("alias-twice", MATCHED, "good", alias_into=("signed", "signed"), target_records=(_OWN_KEY,)),
    _case("alias-between", ABSENT, "good", alias_into=("signed", "signed"), passed_records=(_OWN_KEY,)),
    _case(
        "alias-winding",
        MATCHED,
        "good",
        _OWN_KEY,
        alias_into=("unsigned", "signed"),
        target_records=(_OTHERS_KEY,),
    ),
    _case(
        "alias-winding-expanded",
        ABSENT,
        "good",
        alias_into=("unsigned", "signed"),
        target_records=(_OWN_KEY,),
    ),
    _case("alias-neither", ABSENT, "good", alias_into=("signed",)),
    _case("alias-out", MATCHED, "good", _OWN_KEY, alias_into=("unsigned",)),
    _case("alias-out-mismatch", NO_MATCH, "good", _OTHERS_KEY, alias_into=("unsigned",)),
    _case("alias-out-expanded", ABSENT, "good", alias_into=("unsigned",), target_records=(_OWN_KEY,)),
    _case("alias-out-spoiled", LOOKUP_FAILED, "good", _OWN_KEY, alias_into=("unsigned",), fault="spoiled"),
    _case(
        "alias-in",
        NOT_APPLICABLE,
        "good",
        has_secure_host=False,
        alias_into=("signed",),
        target_records=(_OWN_KEY,),
    ),
    _case(
        "alias-in-original", NOT_APPLICABLE, "good", _OWN_KEY, has_secure_host=False, alias_into=("signed",)
    ),
]

CASES = {case.name: case for case in (*_SERVERS_OWN, *_TRUST_ANCHORS, *_RECORD_SETS, *_PLACES)}

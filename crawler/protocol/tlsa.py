"""TLSA records on SMTP: which can be used, which count, what they match (RFC 6698, RFC 7671, RFC 7672)."""

import hashlib
from collections.abc import Sequence

from crawler.outcomes import TlsaProblem
from crawler.protocol.certificate import read_certificate, read_public_key_info
from crawler.protocol.der import DerError
from crawler.records import TlsaRecord

DANE_TA, DANE_EE = 2, 3
"""Certificate usages that SMTP knows (RFC 7672 s3.1)."""
WHOLE_CERTIFICATE, PUBLIC_KEY = 0, 1
"""Selectors."""
FULL, SHA_256, SHA_512 = 0, 1, 2
"""Matching types."""

_DIGESTS = {SHA_256: hashlib.sha256, SHA_512: hashlib.sha512}


def find_problem(record: TlsaRecord) -> TlsaProblem | None:
    """Return why a record cannot be used on SMTP; None if it can (RFC 7672 s3.1, RFC 7671 s4)."""
    if record.usage in (0, 1):
        return TlsaProblem.PKIX_USAGE
    if record.usage not in (DANE_TA, DANE_EE):
        return TlsaProblem.UNKNOWN_USAGE
    if record.selector not in (WHOLE_CERTIFICATE, PUBLIC_KEY):
        return TlsaProblem.UNKNOWN_SELECTOR
    if record.matching_type not in (FULL, SHA_256, SHA_512):
        return TlsaProblem.UNKNOWN_MATCHING_TYPE
    return None if _is_well_formed(record) else TlsaProblem.MALFORMED_DATA


def _is_well_formed(record: TlsaRecord) -> bool:
    data = bytes.fromhex(record.association_data)
    if record.matching_type != FULL:
        return len(data) == _DIGESTS[record.matching_type]().digest_size
    try:
        if record.selector == PUBLIC_KEY:
            read_public_key_info(data)
            return True
    except DerError:
        return False
    return read_certificate(data).parse_failure is None


def strongest(records: Sequence[TlsaRecord]) -> list[TlsaRecord]:
    """Return usable records without those that digest agility passes over (RFC 7671 s9).

    Of one usage and selector, a SHA-256 digest does not count beside a SHA-512 digest; full values always do.
    """
    has_sha_512 = {(r.usage, r.selector) for r in records if r.matching_type == SHA_512}
    return [r for r in records if r.matching_type != SHA_256 or (r.usage, r.selector) not in has_sha_512]


def matches(record: TlsaRecord, certificate: bytes, public_key_info: bytes | None) -> bool:
    """Whether a usable record matches a certificate (DER), by itself or by its key (None: not readable)."""
    selected = certificate if record.selector == WHOLE_CERTIFICATE else public_key_info
    if selected is None:
        return False
    digest = _DIGESTS.get(record.matching_type)
    value = digest(selected).digest() if digest else selected
    return value.hex() == record.association_data.lower()

"""Whether a certificate may be used for a TLS server, by its own word (RFC 5280 s4.2.1.3, s4.2.1.12)."""

from crawler.protocol.certificate import extension_value
from crawler.protocol.der import (
    BIT_STRING,
    OBJECT_IDENTIFIER,
    SEQUENCE,
    DerError,
    elements,
    expect,
    read_element,
    read_oid,
)

_KEY_USAGE, _EXTENDED_KEY_USAGE = "2.5.29.15", "2.5.29.37"

_TLS_KEY_BITS = 0x80 | 0x20 | 0x08
"""digitalSignature, keyEncipherment, keyAgreement (s4.2.1.12, id-kp-serverAuth)."""
_FOR_SERVERS = frozenset({"1.3.6.1.5.5.7.3.1", "2.5.29.37.0"})
"""id-kp-serverAuth, anyExtendedKeyUsage."""


def key_may_serve(der: bytes) -> bool:
    """Return whether the key usage, if present, allows a key exchange of TLS; an odd one counts as absent."""
    value = extension_value(der, _KEY_USAGE)
    if value is None:
        return True
    try:
        bits = expect(read_element(value)[0], BIT_STRING)
    except DerError:
        return True
    return len(bits) < 2 or bool(bits[1] & _TLS_KEY_BITS)


def is_for_servers(der: bytes) -> bool:
    """Return whether the extended key usage, if present, names servers; an odd one counts as absent."""
    value = extension_value(der, _EXTENDED_KEY_USAGE)
    if value is None:
        return True
    try:
        purposes = list(elements(expect(read_element(value)[0], SEQUENCE)))
        return any(p.tag == OBJECT_IDENTIFIER and read_oid(p) in _FOR_SERVERS for p in purposes)
    except DerError:
        return True

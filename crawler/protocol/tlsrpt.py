"""TLSRPT records: the TXT RRset at _smtp._tls.<domain> (RFC 8460 s3)."""

import re
from collections.abc import Sequence

from crawler.outcomes import TlsrptVerdict
from crawler.protocol.text import original_octets
from crawler.protocol.txt_fields import first_value, is_extension, records_of_version, split_fields

_VERSION = "v=TLSRPTv1"

# tlsrpt-uri = URI (RFC 3986), in which "," "!" and ";" must be encoded.
_CHARACTER = r"(?:[A-Za-z0-9._~:/?#\[\]@$&'()*+=-]|%[0-9A-Fa-f]{2})"
_URI = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*:{_CHARACTER}*")
# mailto: an address (RFC 6068 s2); https: a host.
_SUPPORTED = re.compile(r"mailto:[^@?]+@[^@?]+(?:\?.*)?|https://[^/?#]+(?:[/?#].*)?", re.IGNORECASE)


def parse_records(texts: Sequence[str]) -> tuple[TlsrptVerdict, tuple[str, ...]]:
    """Return what the TXT records are, and the report addresses that can be used, in order, if valid.

    The texts are as `text.printable` makes them. A URI of another scheme beside one that can be used does no
    harm: reports go to the supported ones (s3).
    """
    records = records_of_version([original_octets(text).decode("latin-1") for text in texts], _VERSION)
    if not records:
        return TlsrptVerdict.ABSENT, ()
    if len(records) > 1:
        return TlsrptVerdict.MULTIPLE, ()
    fields = split_fields(records[0])
    if not all(field.startswith("rua=") or is_extension(field) for field in fields):
        return TlsrptVerdict.MALFORMED, ()
    uris = _uris(first_value(fields, "rua") or "")
    supported = tuple(uri for uri in uris if _SUPPORTED.fullmatch(uri))
    if not supported or not all(_URI.fullmatch(uri) for uri in uris):
        return TlsrptVerdict.INVALID_RUA, ()
    return TlsrptVerdict.VALID, supported


def _uris(value: str) -> list[str]:
    """Split tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri): blanks belong to the commas, none stand outside."""
    first, *others = value.split(",")
    uris = [first, *(other.lstrip(" \t") for other in others)]
    return [*(uri.rstrip(" \t") for uri in uris[:-1]), uris[-1]]

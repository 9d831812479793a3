"""Distinguished names of certificates as text (RFC 4514)."""

import re

from crawler.protocol.der import SEQUENCE, SET, DerError, Element, elements, expect, read_element, read_oid
from crawler.protocol.text import printable

_COMMON_NAME = "2.5.4.3"

# RFC 4514 s3, RFC 4519, and e-mail addresses (RFC 2985), which are in wide use.
_SHORT_NAMES = {
    _COMMON_NAME: "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.42": "GN",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}

_ENCODINGS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString: T.61 by the book, Latin-1 in practice
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}


def rfc4514_string(name: Element) -> str:
    """Return a Name in printable ASCII: last RDN first, other octets of its UTF-8 as \\HH (RFC 4514 s2.4).

    A value that is no string of its kind, or whose type has no short name, stands as # and hexadecimal.
    Raises DerError.
    """
    rdns = []
    for rdn in elements(expect(name, SEQUENCE)):
        pairs = []
        for oid, value in map(_attribute, elements(expect(rdn, SET))):
            text = _decoded(value) if oid in _SHORT_NAMES else None
            shown = f"#{value.encoding.hex().upper()}" if text is None else _escaped(text)
            pairs.append(f"{_SHORT_NAMES.get(oid, oid)}={shown}")
        rdns.append("+".join(pairs))
    return ",".join(reversed(rdns))


def common_names(name: Element) -> tuple[str, ...]:
    """Return the common names of a Name, in order, as `text.printable` shows their UTF-8. Raises DerError.

    A value that is no string of its kind is shown as its octets.
    """
    found = []
    for rdn in elements(expect(name, SEQUENCE)):
        for oid, value in map(_attribute, elements(expect(rdn, SET))):
            if oid == _COMMON_NAME:
                text = _decoded(value)
                found.append(printable(value.contents if text is None else text.encode("utf-8")))
    return tuple(found)


def _attribute(pair: Element) -> tuple[str, Element]:
    contents = expect(pair, SEQUENCE)
    oid, offset = read_element(contents)
    value, end = read_element(contents, offset)
    if end != len(contents):
        raise DerError("attribute of more than type and value")
    return read_oid(oid), value


def _decoded(value: Element) -> str | None:
    encoding = _ENCODINGS.get(value.tag)
    try:
        return value.contents.decode(encoding) if encoding else None
    except UnicodeDecodeError:
        return None


_ODD = re.compile(r"""[^ -~]|["+,;<>\\]|^[ #]| $""")


def _escaped(text: str) -> str:
    if not _ODD.search(text):
        return text
    characters = [_escaped_octet(octet) for octet in text.encode("utf-8")]
    if text[:1] in (" ", "#"):
        characters[0] = "\\" + text[0]
    if text[-1:] == " ":
        characters[-1] = "\\ "
    return "".join(characters)


def _escaped_octet(octet: int) -> str:
    if octet in b'"+,;<>\\':
        return "\\" + chr(octet)
    return chr(octet) if 0x20 <= octet <= 0x7E else f"\\{octet:02X}"

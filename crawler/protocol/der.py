"""A bounded reader of DER (X.690), just enough for certificates.

Lengths are definite and must lie inside what they are read from; a length of more octets than needed is
forgiven, as certificates in the wild are not always DER. Nothing recurses.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER = 0x01, 0x02, 0x03, 0x04, 0x06
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31

_MAXIMUM_OID_OCTETS = 64


class DerError(ValueError):
    """Octets that are not what was to be read."""


class Element(NamedTuple):
    """One element: its tag octet (class, constructed bit, number), its contents, and the whole of it."""

    tag: int
    contents: bytes
    encoding: bytes


_new_tuple = tuple.__new__


def read_element(octets: bytes, offset: int = 0) -> tuple[Element, int]:
    """Return the element at an offset, and the offset after it. Raises DerError."""
    if offset + 2 > len(octets):
        raise DerError("element cut short")
    tag, length, start = octets[offset], octets[offset + 1], offset + 2
    if tag & 0x1F == 0x1F:
        raise DerError("tag of several octets")
    if length >= 0x80:
        size = length & 0x7F
        # Not under 1: indefinite. Over 4: longer than anything could be.
        if not 1 <= size <= 4:
            raise DerError("length that is indefinite or too long")
        start += size
        length = int.from_bytes(octets[start - size : start])
    end = start + length
    if end > len(octets):
        raise DerError("element longer than what holds it")
    # Sixty elements for a certificate: a named tuple's own constructor takes 4 us more for them.
    return _new_tuple(Element, (tag, octets[start:end], octets[offset:end])), end


def elements(octets: bytes) -> Iterator[Element]:
    """Yield the elements that octets consist of. Raises DerError where no further one can be read."""
    offset = 0
    while offset < len(octets):
        element, offset = read_element(octets, offset)
        yield element


def expect(element: Element | None, *tags: int) -> bytes:
    """Return the contents of an element that must have one of some tags. Raises DerError."""
    if element is None or element.tag not in tags:
        raise DerError(f"found {'nothing' if element is None else hex(element.tag)}, not {hex(tags[0])}")
    return element.contents


def read_integer(element: Element | None) -> int:
    """Return the value of an INTEGER, which may be negative. Raises DerError."""
    contents = expect(element, INTEGER)
    if not contents:
        raise DerError("INTEGER without octets")
    return int.from_bytes(contents, signed=True)


def read_bit_string(element: Element | None) -> bytes:
    """Return the octets of a BIT STRING of whole octets. Raises DerError."""
    contents = expect(element, BIT_STRING)
    if not contents or contents[0] != 0:
        raise DerError("BIT STRING that is not whole octets")
    return contents[1:]


def read_oid(element: Element | None) -> str:
    """Return an OBJECT IDENTIFIER in dotted form. Raises DerError."""
    contents = expect(element, OBJECT_IDENTIFIER)
    if not contents or contents[-1] & 0x80 or len(contents) > _MAXIMUM_OID_OCTETS:
        raise DerError("OBJECT IDENTIFIER without an end")
    return _dotted(contents)


@lru_cache(maxsize=1024)  # certificates consist of the same few
def _dotted(contents: bytes) -> str:
    arcs, value = [], 0
    for octet in contents:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def read_time(element: Element | None) -> datetime:
    """Return a UTCTime or GeneralizedTime of the form RFC 5280 s4.1.2.5 asks for, in UTC. Raises DerError."""
    contents = expect(element, UTC_TIME, GENERALIZED_TIME)
    assert element is not None
    digits = contents[:-1]
    if contents[-1:] != b"Z" or not digits.isdigit():
        raise DerError("time that is not digits and Z")
    text = digits.decode("ascii")
    if element.tag == UTC_TIME:
        # s4.1.2.5.1: years 50 to 99 are in the 20th century.
        text = ("19" if text >= "50" else "20") + text
    if len(text) != 14:
        raise DerError("time without seconds, or with more")
    date = int(text[:4]), int(text[4:6]), int(text[6:8])
    try:
        return datetime(*date, int(text[8:10]), int(text[10:12]), int(text[12:]), tzinfo=UTC)
    except ValueError:
        raise DerError(f"time that does not exist: {text}") from None

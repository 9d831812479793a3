"""Domain names on the wire (RFC 1035 s3.1, s4.1.4) and in presentation form (s5.1).

Presentation form here: lower case, no final dot, the root is ".". An octet that has a meaning of its own in
zone files is escaped by a backslash, one that is not printable ASCII (or is a space) as \\DDD.
"""

import re
from functools import lru_cache


class DnsWireError(ValueError):
    """A name that cannot be sent, or a message that cannot be read."""


_PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789-_."
_ESCAPED = frozenset(b'"$().;@\\')
_MAXIMUM_LENGTH = 253
"""Octets of a name as labels and dots: 255 on the wire (RFC 1035 s2.3.4), less two."""
_MAXIMUM_POINTERS = 127

_PREFIX = {length: bytes((length,)) for length in range(1, 64)}
_TOKEN = re.compile(r"\\([0-9]{3})|\\([^0-9])|([^\\])", re.DOTALL)


def read_name(octets: bytes, offset: int) -> tuple[str, int]:
    """Return the name at an offset, and the offset after it; raises DnsWireError, IndexError past the end.

    A pointer must lead to before the place where it was met and before any pointer followed so far: names
    refer to prior occurrences only (s4.1.4), and a chain that only goes backwards has an end. It has few
    members: as many as labels fit into a name is more than any writer makes.
    """
    labels = b""
    end = pointers = 0
    start = limit = offset
    while length := octets[offset]:
        if length < 0x40:
            offset += length + 1
        elif length >= 0xC0:
            labels += octets[start:offset]
            end = end or offset + 2
            start = (length & 0x3F) << 8 | octets[offset + 1]
            pointers += 1
            if start >= limit or pointers > _MAXIMUM_POINTERS:
                raise DnsWireError("compression pointer that does not lead back")
            offset = limit = start
        else:
            raise DnsWireError(f"label type {length >> 6}")
    labels += octets[start:offset]
    if len(labels) > _MAXIMUM_LENGTH + 1:
        raise DnsWireError("name over 255 octets")
    return _presentation(labels), end or offset + 1


@lru_cache(maxsize=1 << 14)
def _presentation(wire: bytes) -> str:
    """Return the presentation form of labels, each after its length: most are met again and again."""
    if not wire:
        return "."
    labels = []
    at = 0
    while at < len(wire):
        labels.append(wire[at + 1 : at + 1 + wire[at]])
        at += 1 + wire[at]
    name = b".".join(labels).lower()
    if name.translate(None, _PLAIN) or name.count(b".") >= len(labels):
        return ".".join("".join(map(_escaped, label.lower())) for label in labels)
    return name.decode("ascii")


def _escaped(octet: int) -> str:
    if octet in _ESCAPED:
        return "\\" + chr(octet)
    return chr(octet) if 0x20 < octet < 0x7F else f"\\{octet:03d}"


def skip_name(octets: bytes, offset: int) -> int:
    """Return the offset after the name at an offset. Raises DnsWireError, and IndexError past the end."""
    while length := octets[offset]:
        if length >= 0xC0:
            return offset + 2
        if length >= 0x40:
            raise DnsWireError(f"label type {length >> 6}")
        offset += length + 1
    return offset + 1


def encode_name(name: str) -> bytes:
    """Return the wire form of a name in presentation form; raises DnsWireError if it has none.

    A final dot is an error: every name here is absolute, and the one way to write it is without.
    """
    if name == ".":
        return b"\0"
    try:
        labels = _unescaped_labels(name) if "\\" in name else name.encode("ascii").split(b".")
        wire = b"".join([_PREFIX[len(label)] + label for label in labels])
    except (KeyError, UnicodeEncodeError):
        raise DnsWireError(f"no domain name: {name[:260]!a}") from None
    if len(wire) > _MAXIMUM_LENGTH + 1:
        raise DnsWireError("name over 255 octets")
    return wire + b"\0"


def _unescaped_labels(name: str) -> list[bytes]:
    labels = [bytearray()]
    position = 0
    while position < len(name):
        token = _TOKEN.match(name, position)
        if token is None or (token[1] and int(token[1]) > 255):
            raise DnsWireError(f"bad escape in {name[:260]!a}")
        position = token.end()
        if token[3] == ".":
            labels.append(bytearray())
        elif token[1]:
            labels[-1].append(int(token[1]))
        else:
            labels[-1] += (token[2] or token[3]).encode("ascii")
    return [bytes(label) for label in labels]

"""Resource records of the lab, from presentation form to wire form (RFC 1035 s3).

The few types a survey asks for have a short way of their own, since dnspython takes longer over one answer
than the whole question may; it does the rest, and the tests hold both against each other.
"""

import re
import socket
import struct
from collections.abc import Callable
from functools import lru_cache

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

TTL_SECONDS = 300

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_*-]{1,63}(?:\.[A-Za-z0-9_*-]{1,63})*\.?")
_PLAIN_TEXT = re.compile(r'"([^"\\]{0,255})"')
_FIXED = struct.Struct("!HHIH")


@lru_cache(maxsize=1 << 16)
def name_wire(name: str) -> bytes:
    """Return a name without compression; relative names count as absolute. Raises DNSException."""
    if len(name) > 253 or not _PLAIN_NAME.fullmatch(name):
        return dns.name.from_text(name).to_wire() or b""
    labels = name.removesuffix(".").encode("ascii").split(b".")
    return b"".join(len(label).to_bytes(1, "big") + label for label in labels) + b"\0"


def record_wire(owner: bytes, kind: str, data: str) -> bytes:
    """Return a whole record of class IN. Raises DNSException, ValueError or OSError for unreadable RDATA.

    owner: in wire form; may be a compression pointer.
    """
    rdata = rdata_wire(kind, data)
    return owner + _FIXED.pack(type_number(kind), 1, TTL_SECONDS, len(rdata)) + rdata


@lru_cache(maxsize=256)
def type_number(kind: str) -> int:
    """Return the number of a type given by mnemonic. Raises DNSException."""
    return int(dns.rdatatype.from_text(kind))


@lru_cache(maxsize=256)
def type_mnemonic(number: int) -> str:
    """Return the mnemonic of a type given by number, 'TYPE65280' for one without."""
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(number))


@lru_cache(maxsize=1 << 16)
def rdata_wire(kind: str, data: str) -> bytes:
    """Return RDATA without compression. Raises as `record_wire` does."""
    short_way = _SHORT_WAYS.get(kind)
    rdata = short_way(data) if short_way else None
    if rdata is not None:
        return rdata
    parsed = dns.rdata.from_text(dns.rdataclass.IN, kind, data, origin=dns.name.root, relativize=False)
    return parsed.to_wire() or b""


def _ipv4(data: str) -> bytes:
    return socket.inet_pton(socket.AF_INET, data)


def _ipv6(data: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, data)


def _mx(data: str) -> bytes:
    preference, _, exchange = data.partition(" ")
    return int(preference).to_bytes(2, "big") + name_wire(exchange)


def _txt(data: str) -> bytes | None:
    text = _PLAIN_TEXT.fullmatch(data)
    if text is None or not text[1].isascii():
        return None
    return len(text[1]).to_bytes(1, "big") + text[1].encode("ascii")


def _tlsa(data: str) -> bytes:
    # dnspython refuses digests of a wrong length and no data at all, which the world has.
    usage, selector, matching_type, *association = data.split(" ")
    return bytes(map(int, (usage, selector, matching_type))) + bytes.fromhex("".join(association))


_SHORT_WAYS: dict[str, Callable[[str], bytes | None]] = {
    "A": _ipv4,
    "AAAA": _ipv6,
    "MX": _mx,
    "CNAME": name_wire,
    "TXT": _txt,
    "TLSA": _tlsa,
}

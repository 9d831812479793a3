"""The lab's validating resolver: a question in, the whole reply out (RFC 1035, 2308, 6840, 6891, 8914)."""

import re
import struct
from dataclasses import replace
from typing import NamedTuple

import dns.name

from crawler.lab.dns_records import name_wire, record_wire, type_mnemonic
from crawler.lab.internet import DnsAnswer, Internet

FORMERR, NOTIMP = 1, 4
_RCODES = {"NOERROR": 0, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}
_ONE_QUESTION = b"\0\1\0\0\0\0"
_TO_QUESTION = b"\xc0\x0c"  # compression pointer to the name asked for
_OPT = b"\0\0\x29"
_PAYLOAD_SIZE = 1232
_UDP_SIZE_WITHOUT_EDNS = 512
_EXTENDED_ERROR = 15
_HEADER = struct.Struct("!BBHHHH")
_PLAIN = re.compile(rb"[a-z0-9_.*-]*")
_SOA = "ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 300"


class Query(NamedTuple):
    """What matters of one query."""

    question: bytes
    """As sent: the reply repeats it in the same letter case."""
    name: str
    kind: str
    in_class_internet: bool
    recursion_desired: bool
    checking_disabled: bool
    wants_verdict: bool
    """AD or DO set (RFC 6840 s5.7)."""
    dnssec_ok: bool
    edns_size: int | None
    """UDP payload size of the client; None without EDNS."""


class QueryError(Exception):
    """A message that gets an error code for an answer; `rcode` says which."""

    def __init__(self, rcode: int) -> None:
        """Take the code."""
        super().__init__(rcode)
        self.rcode = rcode


class LabResolver:
    """Answers from the model. TLSA owners of port 25 are found under the lab's SMTP port too."""

    def __init__(self, internet: Internet, smtp_port: int = 25) -> None:
        """Take the model as it is now; its mail servers listen on `smtp_port`."""
        self._answers = internet.answers
        self._secure_zones = internet.secure_zones
        self._tlsa_prefix = f"_{smtp_port}._tcp."
        self._existing: set[str] = set()
        for owner, _ in internet.answers:
            name = owner
            while name and name not in self._existing:
                self._existing.add(name)
                name = name.partition(".")[2]

    def reply(self, message: bytes, *, over_udp: bool) -> bytes | None:
        """Return the reply to a message; None when it gets none: modelled silence, or it is no query."""
        if len(message) < 12 or message[2] & 0x80:
            return None
        try:
            query = read_query(message)
        except QueryError as error:
            header = bytes((0x80 | message[2] & 0x79, 0x80 | error.rcode))
            return message[:2] + header + bytes(8)
        name = query.name
        if name.startswith(self._tlsa_prefix):
            name = "_25._tcp." + name.removeprefix(self._tlsa_prefix)
        answer = self._answer(name, query)
        if answer.silent:
            return None
        return message[:2] + _render(query, name, answer, self._closest_zone(name), over_udp=over_udp)

    def _answer(self, name: str, query: Query) -> DnsAnswer:
        if not query.in_class_internet:
            return DnsAnswer(rcode="REFUSED")
        answer = self._answers.get((name, query.kind))
        if answer is None:
            exists = name in self._existing
            is_secure = self._closest_zone(name) in self._secure_zones
            return DnsAnswer(rcode="NOERROR" if exists else "NXDOMAIN", secure=is_secure)
        if not answer.bogus:
            return answer
        if query.checking_disabled:
            return replace(answer, secure=False, extended_error=None)
        return DnsAnswer(rcode="SERVFAIL", extended_error=answer.extended_error)

    def _closest_zone(self, name: str) -> str:
        """Return the closest secure zone at or above a name; without one, the top-level domain."""
        zone = name
        while zone not in self._secure_zones:
            parent = zone.partition(".")[2]
            if not parent:
                return zone
            zone = parent
        return zone


def read_query(message: bytes) -> Query:
    """Read a message of at least a header. Raises QueryError."""
    if message[2] & 0x78:
        raise QueryError(NOTIMP)
    if message[4:10] != _ONE_QUESTION:
        raise QueryError(FORMERR)
    labels = []
    at = 12
    try:
        while length := message[at]:
            labels.append(message[at + 1 : at + 1 + length])
            at += 1 + length
            if length > 63 or at > 12 + 254:
                raise QueryError(FORMERR)
    except IndexError:
        raise QueryError(FORMERR) from None
    end = at + 5
    if len(message) < end:
        raise QueryError(FORMERR)
    edns_size, dnssec_ok = None, False
    if message[end : end + 3] == _OPT and len(message) >= end + 11:
        edns_size = int.from_bytes(message[end + 3 : end + 5], "big")
        dnssec_ok = bool(message[end + 7] & 0x80)
    return Query(
        question=message[12:end],
        name=_name_text(labels),
        kind=type_mnemonic(int.from_bytes(message[end - 4 : end - 2], "big")),
        in_class_internet=message[end - 2 : end] == b"\0\1",
        recursion_desired=bool(message[2] & 1),
        checking_disabled=bool(message[3] & 0x10),
        wants_verdict=dnssec_ok or bool(message[3] & 0x20),
        dnssec_ok=dnssec_ok,
        edns_size=edns_size,
    )


def _name_text(labels: list[bytes]) -> str:
    joined = b".".join(labels).lower()
    if _PLAIN.fullmatch(joined) and joined.count(b".") == len(labels) - 1:
        return joined.decode("ascii")
    return dns.name.Name([*(label.lower() for label in labels), b""]).to_text(omit_final_dot=True)


def _render(query: Query, name: str, answer: DnsAnswer, zone: str, *, over_udp: bool) -> bytes:
    """Return the reply, its message id left out."""
    sections = [
        record_wire(_TO_QUESTION if owner == name else name_wire(owner), kind, data)
        for owner, kind, data in answer.records
    ]
    answer_count = len(sections)
    authority_count = 0
    if answer.rcode in ("NOERROR", "NXDOMAIN") and not any(
        kind == query.kind for _, kind, _ in answer.records
    ):
        authority_count = 1
        sections.append(record_wire(name_wire(zone), "SOA", _SOA))
    options = b"" if query.edns_size is None else _opt_record(query, answer)
    body = b"".join(sections)
    truncated = 0
    if over_udp:
        size = max(_UDP_SIZE_WITHOUT_EDNS, min(query.edns_size or 0, _PAYLOAD_SIZE))
        if 12 + len(query.question) + len(body) + len(options) > size:
            truncated, body, answer_count, authority_count = 0x02, b"", 0, 0
    is_authentic = answer.secure and query.wants_verdict
    flags = (0x20 if is_authentic else 0) | (0x10 if query.checking_disabled else 0)
    header = _HEADER.pack(
        0x80 | truncated | query.recursion_desired,
        0x80 | flags | _RCODES[answer.rcode],
        1,
        answer_count,
        authority_count,
        1 if options else 0,
    )
    return header + query.question + body + options


def _opt_record(query: Query, answer: DnsAnswer) -> bytes:
    data = b""
    if answer.extended_error is not None:
        data = b"".join(number.to_bytes(2, "big") for number in (_EXTENDED_ERROR, 2, answer.extended_error))
    flags = b"\x80\0" if query.dnssec_ok else b"\0\0"
    return _OPT + _PAYLOAD_SIZE.to_bytes(2, "big") + b"\0\0" + flags + len(data).to_bytes(2, "big") + data

"""DNS messages on the wire (RFC 1035 s4): queries out, replies in, for the few types that a survey asks.

This is the hot path: a survey reads millions of replies, and a general DNS library takes 250 us for what
takes 10 here. Names are in presentation form as `dns_name` makes it: lower case, no final dot. Whatever
cannot be read or sent raises DnsWireError, and nothing else is raised.
"""

import struct
from typing import NamedTuple, TypeAlias

from crawler.protocol.dns_name import DnsWireError, encode_name, read_name, skip_name
from crawler.protocol.dns_rdata import READERS, QueryType, RecordData

__all__ = [
    "DnsReply",
    "DnsWireError",
    "QueryType",
    "ResourceRecord",
    "answer_chain",
    "decode_reply",
    "encode_query",
    "encode_question",
    "query_after_id",
]

_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_OPTION = struct.Struct("!HH")

_QR_AND_OPCODE, _REPLY_TO_QUERY = 0xF800, 0x8000
_TC, _RD, _AD, _CD = 0x0200, 0x0100, 0x0020, 0x0010
_IN = 1
_OPT = 41
_EXTENDED_ERROR = 15
_CNAME = QueryType.CNAME
_MAXIMUM_STEPS = 24
"""CNAME records followed in one reply. Resolvers themselves give up after 11 to 17."""
_TO_THE_QUESTION = b"\xc0\x0c"
"""The pointer that nearly every owner name is: to the name right behind the header."""

# Root owner, type OPT, a UDP payload of 1232 octets (no fragments on any path), DO clear, no options.
_OPT_RECORD = b"\0" + _RECORD.pack(_OPT, 1232, 0, 0)
_OPT_START = _OPT_RECORD[:3]
_NO_OPTIONS = b"\0\0"


class ResourceRecord(NamedTuple):
    """One record of the answer section; `data` is read as `dns_rdata.RecordData` says for its type."""

    owner: str
    type: QueryType
    ttl: int
    """Seconds; 0 where the wire says more than 2**31 - 1 (RFC 2181 s8)."""
    data: RecordData


class DnsReply(NamedTuple):
    """A reply: header, question, answers of class IN and the types of QueryType, extended error."""

    query_id: int
    rcode: int
    """Extended by the bits of the OPT record (RFC 6891 s6.1.3)."""
    truncated: bool
    """With it, nothing behind the question was read: it is to be asked again, over TCP (RFC 2181 s9)."""
    authentic_data: bool
    question: tuple[str, int] | None
    """Name and type of the question; None if the reply repeats none."""
    answers: tuple[ResourceRecord, ...]
    extended_error: int | None
    """INFO-CODE of the first extended DNS error (RFC 8914)."""


Asked: TypeAlias = tuple[bytes, tuple[str, int]]
"""A question: as a section of a message, and its name and type."""

_HEADER_CHECKED = _HEADER.pack(0, _RD | _AD, 1, 0, 0, 1)[2:]
_HEADER_UNCHECKED = _HEADER.pack(0, _RD | _AD | _CD, 1, 0, 0, 1)[2:]


def encode_query(
    query_id: int, name: str, query_type: QueryType, *, checking_disabled: bool = False
) -> bytes:
    """Return a recursive query with EDNS, and AD set to say that AD is understood (RFC 6840 s5.7).

    Raises DnsWireError for a name that has no wire form.
    """
    question = encode_question(name, query_type)
    return query_id.to_bytes(2) + query_after_id(question, checking_disabled=checking_disabled)


def encode_question(name: str, query_type: QueryType) -> bytes:
    """Return the question section of a query. Raises DnsWireError for a name that has no wire form."""
    return encode_name(name) + _QUESTION.pack(query_type, _IN)


def query_after_id(question: bytes, *, checking_disabled: bool = False) -> bytes:
    """Return what follows the id in a query, as `encode_query` makes it."""
    return (_HEADER_UNCHECKED if checking_disabled else _HEADER_CHECKED) + question + _OPT_RECORD


def decode_reply(octets: bytes, asked: Asked | None = None) -> DnsReply:
    """Return the reply that a message is; raises DnsWireError. Octets behind the message are ignored.

    asked: the question expected, which is not read again where it is repeated to the letter.
    """
    try:
        return _decode(octets, asked)
    except (IndexError, struct.error):
        raise DnsWireError("message cut short") from None


def _decode(octets: bytes, asked: Asked | None) -> DnsReply:
    query_id, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(octets)
    if flags & _QR_AND_OPCODE != _REPLY_TO_QUERY:
        raise DnsWireError("no reply to a query")
    question: tuple[str, int] | None
    if asked is not None and questions == 1 and octets.startswith(asked[0], 12):
        offset, question = 12 + len(asked[0]), asked[1]
    else:
        offset, question = _read_question(octets, questions)
    rcode, authentic_data = flags & 0x000F, flags & _AD != 0
    if flags & _TC:
        return DnsReply(query_id, rcode, True, authentic_data, question, (), None)
    offset, records = _read_answers(octets, offset, answers, question)
    for _ in range(authorities):
        offset = skip_name(octets, offset)
        offset += 10 + _RECORD.unpack_from(octets, offset)[3]
    if offset > len(octets):
        raise DnsWireError("record longer than the message")
    extended_rcode, extended_error = _read_opt(octets, offset, additionals)
    return DnsReply(
        query_id, rcode | extended_rcode, False, authentic_data, question, records, extended_error
    )


def _read_question(octets: bytes, count: int) -> tuple[int, tuple[str, int] | None]:
    """Return the offset after the question section, and the question; several are an error (RFC 9619)."""
    if count == 0:
        return 12, None
    if count > 1:
        raise DnsWireError(f"{count} questions")
    name, offset = read_name(octets, 12)
    record_type, record_class = _QUESTION.unpack_from(octets, offset)
    if record_class != _IN:
        raise DnsWireError(f"question of class {record_class}")
    return offset + 4, (name, record_type)


def _read_answers(
    octets: bytes, offset: int, count: int, question: tuple[str, int] | None
) -> tuple[int, tuple[ResourceRecord, ...]]:
    records = []
    for _ in range(count):
        if question is not None and octets[offset : offset + 2] == _TO_THE_QUESTION:
            owner = question[0]
            offset += 2
        else:
            owner, offset = read_name(octets, offset)
        record_type, record_class, ttl, length = _RECORD.unpack_from(octets, offset)
        offset += 10
        end = offset + length
        if end > len(octets):
            raise DnsWireError("record longer than the message")
        if record_class == _IN and (reader := READERS.get(record_type)) is not None:
            known_type, read = reader
            records.append(
                ResourceRecord(owner, known_type, ttl if ttl < 2**31 else 0, read(octets, offset, end))
            )
        offset = end
    return offset, tuple(records)


def _read_opt(octets: bytes, offset: int, count: int) -> tuple[int, int | None]:
    """Return the upper bits of the rcode, in place, and the extended error, from the additional section."""
    if count == 1 and octets.startswith(_OPT_START, offset) and octets[offset + 9 :] == _NO_OPTIONS:
        return octets[offset + 5] << 4, None  # nearly all
    found: tuple[int, int | None] | None = None
    for _ in range(count):
        name_offset, offset = offset, skip_name(octets, offset)
        record_type, _, ttl, length = _RECORD.unpack_from(octets, offset)
        offset += 10
        end = offset + length
        if end > len(octets):
            raise DnsWireError("record longer than the message")
        if record_type == _OPT:
            # RFC 6891 s6.1.1 and s6.1.2: one at most, owned by the root.
            if found is not None or octets[name_offset] != 0:
                raise DnsWireError("OPT record out of place")
            found = (ttl >> 24) << 4, _read_extended_error(octets, offset, end)
        offset = end
    return found or (0, None)


def _read_extended_error(octets: bytes, offset: int, end: int) -> int | None:
    extended_error: int | None = None
    while offset < end:
        code, length = _OPTION.unpack_from(octets, offset)
        offset += 4
        if offset + length > end:
            raise DnsWireError("option longer than its record")
        if code == _EXTENDED_ERROR and extended_error is None:
            if length < 2:
                raise DnsWireError("extended error under 2 octets")
            extended_error = int.from_bytes(octets[offset : offset + 2])
        offset += length
    return extended_error


def answer_chain(
    reply: DnsReply, name: str, query_type: QueryType
) -> tuple[tuple[str, ...], tuple[ResourceRecord, ...]]:
    """Return the names that CNAME records lead through from a name, and the records of a type at the last.

    A CNAME goes before other data at its name (RFC 1034 s4.3.2); records that the chain does not reach are
    left out. Raises DnsWireError for a loop, a chain without end, and two CNAME records at one name (RFC 2181
    s10.1).
    """
    targets: dict[str, str] = {}
    if query_type != _CNAME:
        for record in reply.answers:
            if record.type is _CNAME:
                assert isinstance(record.data, str)
                if targets.setdefault(record.owner, record.data) != record.data:
                    raise DnsWireError(f"two CNAME records at {record.owner}")
    if not targets:
        return (), tuple([r for r in reply.answers if r.type == query_type and r.owner == name])
    chain = [name]
    while (target := targets.get(chain[-1])) is not None:
        if target in chain:
            raise DnsWireError(f"CNAME loop at {target}")
        if len(chain) > _MAXIMUM_STEPS:
            raise DnsWireError(f"more than {_MAXIMUM_STEPS} CNAME records in a row")
        chain.append(target)
    end = chain[-1]
    return tuple(chain[1:]), tuple([r for r in reply.answers if r.type == query_type and r.owner == end])

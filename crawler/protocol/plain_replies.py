"""Plain DNS replies, many at once: what nearly every reply of a survey is, read with numpy.

A *plain* reply has a header that says NOERROR or NXDOMAIN and nothing unusual; the question as asked, to the
letter; MX records owned by the name asked, as a pointer to it, each exchange made of ordinary octets; at
most one authority record; an OPT record without options, or none; and nothing behind. All others are left
to `dns_wire.decode_reply`, which stays the definition: what is read here, it reads alike. So whatever is in
doubt is not plain, and nothing is ever raised for what a reply holds.

A call of numpy costs a microsecond for one reply as for hundreds. So there is no loop over replies, nor over
records, and one over the labels of names, all names at once.
"""

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crawler.protocol.dns_wire import QueryType

__all__ = ["PlainReplies", "read_plain"]

_Octets: TypeAlias = NDArray[np.uint8]
_Flags: TypeAlias = NDArray[np.bool_]
_Numbers: TypeAlias = NDArray[np.intp]
"""Counts, or places in the octets of all replies."""

_HEADER = np.dtype([(name, ">u2") for name in ("id", "flags", "questions", "answers", "authorities", "more")])
_MX_RECORD = np.dtype(
    [("owner_type", ">u4"), ("class", ">u2"), ("ttl", ">u4"), ("length", ">u2"), ("preference", ">u2")]
)
_OPT_RECORD = np.dtype(
    [("owner", "u1"), ("type", ">u2"), ("size", ">u2"), ("rcode", "u1"), ("rest", "V3"), ("length", ">u2")]
)

_QR_OPCODE_TC, _WHOLE_REPLY = 0xFA00, 0x8000
_RCODE, _AD = 0x000F, 0x0020
_NOERROR, _NXDOMAIN = 0, 3
_POINTER = 0xC0
_MX_OF_THE_QUESTION = 0xC00C << 16 | QueryType.MX
"""Owner and type of an MX record: the owner is a pointer to the name right behind the header."""
_IN, _OPT = 1, 41

_MOST_RECORDS = 20
"""Records of one reply, lest a batch of hostile ones take much memory."""
_MOST_STEPS = 24
"""Labels and pointers of one name that are followed; hardly any has ten."""
_LONGEST_NAME = 253
"""Octets in presentation form."""

# Before the first reply stands a root that bad names are sent to; behind the last one there is room for the
# longest label that is cut short, and for a record that is not there.
_BEFORE, _BEHIND = b"\0", bytes(64)
_NOWHERE = 0

_LONGEST_LABEL = 63
_SIZE = np.array([0, *range(2, _LONGEST_LABEL + 2), *repeat(0, 255 - _LONGEST_LABEL)], np.intp)
"""Octets of a label with its length octet, by that; 0: the root, a pointer or a label of unknown type."""
_DOT = ord(".")
_ORDINARY = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
_PRESENTATION = np.array(
    [octet if octet in _ORDINARY else 0 for octet in bytes(range(256)).lower()], np.uint8
)
"""What stands for each octet of a label in presentation form; 0: an escape does, or it is a dot."""


class PlainReplies(NamedTuple):
    """What many replies say, in their order; the records of all one after another."""

    is_plain: _Flags
    """Of the others nothing is told: all else here is 0 or False for them."""
    rcode: NDArray[np.uint8]
    """0 (NOERROR) or 3 (NXDOMAIN)."""
    is_authentic: _Flags
    """The AD bit."""
    counts: _Numbers
    """MX records of each reply: a denial has none."""
    preferences: NDArray[np.int64]
    """Of each record, as sent: in any order, perhaps the same record twice."""
    exchange_ends: NDArray[np.int32]
    """Where in `exchange_octets` each exchange ends, after a first 0: offsets of an Arrow string array."""
    exchange_octets: _Octets
    """Exchanges in presentation form, as `dns_name` makes it."""

    @property
    def is_nxdomain(self) -> _Flags:
        """Of each reply: plain, and the name does not exist."""
        is_nxdomain: _Flags = self.rcode == _NXDOMAIN
        return is_nxdomain

    def take(self, chosen: _Flags) -> "PlainReplies":
        """Return some of the replies."""
        if chosen.all():
            return self
        of_chosen = chosen.repeat(self.counts)
        lengths = np.diff(self.exchange_ends)
        return PlainReplies(
            self.is_plain[chosen],
            self.rcode[chosen],
            self.is_authentic[chosen],
            self.counts[chosen],
            self.preferences[of_chosen],
            _offsets(lengths[of_chosen]),
            self.exchange_octets[of_chosen.repeat(lengths)],
        )


class _Records(NamedTuple):
    """MX records, those of one reply after those of another."""

    reply: _Numbers
    """The number of the reply that a record is in."""
    preferences: NDArray[np.int64]
    exchanges: _Numbers
    """Where the exchange begins."""
    ends: _Numbers


def read_plain(replies: Sequence[bytes], asked: Sequence[bytes], query_type: QueryType) -> PlainReplies:
    """Return what the plain ones among replies say. No octets stand for a question without a reply.

    asked: the question section of each query (`encode_question`), of the type given. Only replies about MX
    are plain with records in them.
    """
    octets = np.frombuffer(b"".join((_BEFORE, *replies, _BEHIND)), np.uint8)
    lengths = np.fromiter(map(len, replies), np.intp, len(replies))
    ends = lengths.cumsum() + len(_BEFORE)
    begins = ends - lengths
    header = _read(octets, begins, _HEADER)
    flags, answers = header["flags"].astype(np.int64), header["answers"]
    rcode = (flags & _RCODE).astype(np.uint8)
    is_plain = np.fromiter(
        map(bytes.startswith, replies, asked, repeat(_HEADER.itemsize)), np.bool_, len(replies)
    )
    is_plain &= (flags & _QR_OPCODE_TC == _WHOLE_REPLY) & (header["questions"] == 1)
    is_plain &= (rcode == _NOERROR) | ((rcode == _NXDOMAIN) & (answers == 0))
    is_plain &= answers <= _MOST_RECORDS

    at = begins + _HEADER.itemsize + np.fromiter(map(len, asked), np.intp, len(replies))
    counts = np.zeros(len(replies), np.intp)
    preferences = np.zeros(0, np.int64)
    exchange_ends, exchange_octets = np.zeros(1, np.int32), np.zeros(0, np.uint8)
    if query_type is QueryType.MX and (is_plain & (answers > 0)).any():
        records, at, is_in_order = _find_records(octets, at, ends, is_plain)
        is_plain &= is_in_order
        preferences = records.preferences
        exchange_ends, exchange_octets, is_ordinary = _read_exchanges(octets, records, begins)
        is_plain[records.reply[~is_ordinary]] = False
        counts = np.bincount(records.reply, minlength=len(replies))
    is_plain &= counts == answers
    is_plain &= _ends_plainly(octets, header, at, ends)
    is_authentic = flags & _AD != 0
    read = PlainReplies(is_plain, rcode, is_authentic, counts, preferences, exchange_ends, exchange_octets)
    if is_plain.all():
        return read
    return read.take(is_plain)._replace(
        is_plain=is_plain,
        rcode=rcode * is_plain,
        is_authentic=is_authentic & is_plain,
        counts=counts * is_plain,
    )


def _read(octets: _Octets, places: _Numbers, structure: np.dtype[np.void]) -> NDArray[np.void]:
    """Return the structures that begin at some places."""
    structures: NDArray[np.void] = octets[places[:, None] + np.arange(structure.itemsize)].view(structure)
    return structures[:, 0]


def _offsets(lengths: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return where each of some parts ends, after a first 0."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    lengths.cumsum(out=offsets[1:])
    return offsets


def _find_records(
    octets: _Octets, end_question: _Numbers, ends: _Numbers, is_plain: _Flags
) -> tuple[_Records, _Numbers, _Flags]:
    """Return the MX records of replies plain so far; of each reply where its last ends, and if all fit.

    Whatever looks like an MX record of the name asked is taken for one. Those of a reply are in order if the
    first begins behind the question and each other one where another ends: as read one after another.
    """
    begins = np.flatnonzero(octets == _POINTER)
    begins = begins[octets[begins + 1] == _HEADER.itemsize]  # few are left to look at
    head = _read(octets, begins, _MX_RECORD)
    reply = ends.searchsorted(begins, side="right")
    is_record = (head["owner_type"] == _MX_OF_THE_QUESTION) & (head["class"] == _IN) & is_plain[reply]
    begins, head, reply = begins[is_record], head[is_record], reply[is_record]
    records = _Records(
        reply, head["preference"].astype(np.int64), begins + _MX_RECORD.itemsize, begins + 12 + head["length"]
    )
    expected = end_question[reply]
    is_next = np.flatnonzero(reply[1:] == reply[:-1]) + 1
    expected[is_next] = records.ends[is_next - 1]
    is_in_order = np.ones(len(ends), np.bool_)
    is_in_order[reply[begins != expected]] = False
    end_answers = end_question.copy()
    end_answers[reply] = records.ends  # the last of a reply stays
    return records, end_answers, is_in_order


def _ends_plainly(octets: _Octets, header: NDArray[np.void], at: _Numbers, ends: _Numbers) -> _Flags:
    """Return which replies have at most a plain authority record and a plain OPT record from a place on."""
    is_plain: _Flags = (header["authorities"] <= 1) & (header["more"] <= 1) & (at <= ends)
    has_authority, has_opt = header["authorities"] == 1, header["more"] == 1
    at = np.minimum(at, ends)
    owner = octets[at]
    is_pointer = owner >= _POINTER
    is_plain &= (owner == 0) | is_pointer | ~has_authority
    at_length = at + 9 + is_pointer
    length = octets[at_length].astype(np.intp) << 8 | octets[at_length + 1]
    at = np.where(has_authority, at_length + 2 + length, at)
    opt = _read(octets, np.minimum(at, ends), _OPT_RECORD)
    is_opt = (opt["owner"] == 0) & (opt["type"] == _OPT) & (opt["rcode"] == 0) & (opt["length"] == 0)
    is_plain &= (is_opt | ~has_opt) & (at + has_opt * _OPT_RECORD.itemsize == ends)
    return is_plain


def _read_exchanges(
    octets: _Octets, records: _Records, message_begins: _Numbers
) -> tuple[NDArray[np.int32], _Octets, _Flags]:
    """Return the exchanges of records in presentation form, as offsets and octets, and which are ordinary.

    One that is not ordinary has some other text.
    """
    places, sizes, is_ordinary = _follow_labels(octets, records, message_begins)
    length = sizes.sum(axis=1)
    is_ordinary &= length <= _LONGEST_NAME + 1
    sizes[~is_ordinary] = 0
    sizes[~is_ordinary | (length == 0), 0] = 1  # the root: nothing but a dot
    taken = np.flatnonzero(sizes)
    names = taken // sizes.shape[1]
    is_new = np.ones(len(names), np.bool_)
    is_new[1:] = names[1:] != names[:-1]
    begins, lengths = places.ravel()[taken], sizes.ravel()[taken]
    # Each label is taken with its length octet, which becomes the dot before it; the first of a name without.
    is_first = is_new & (lengths > 1)
    begins += is_first
    lengths -= is_first
    offsets = _offsets(lengths)
    source = (begins - offsets[:-1]).repeat(lengths)
    source += np.arange(len(source))
    text = _PRESENTATION[octets[source]]
    text[offsets[:-1][~is_first]] = _DOT
    name_offsets = np.append(offsets[:-1][is_new], offsets[-1:])
    is_ordinary[name_offsets.searchsorted(np.flatnonzero(text == 0), side="right") - 1] = False
    return name_offsets, text, is_ordinary


def _follow_labels(
    octets: _Octets, records: _Records, message_begins: _Numbers
) -> tuple[_Numbers, _Numbers, _Flags]:
    """Return where the labels of exchanges begin and their sizes, a row for each, and which are sound.

    A size counts the length octet, and is 0 where a step led to no label. What is sound fills its record, and
    all of its pointers lead back, as `dns_name.read_name` wants it.
    """
    at, limit = records.exchanges.copy(), records.exchanges.copy()
    begins = message_begins[records.reply]
    name_ends = np.zeros_like(at)
    places, sizes = [], []
    for _ in range(_MOST_STEPS):
        length = octets[at]
        pointers = np.flatnonzero(length > _LONGEST_LABEL)
        if len(pointers) > 0:
            met = at[pointers]
            high = length[pointers].astype(np.intp)
            target = begins[pointers] + ((high & 0x3F) << 8 | octets[met + 1])
            leads_back = (high >= _POINTER) & (target < limit[pointers]) & (met + 2 <= records.ends[pointers])
            first_end = name_ends[pointers]
            name_ends[pointers] = np.where(first_end, first_end, met + 2)
            at[pointers] = limit[pointers] = np.where(leads_back, target, _NOWHERE)
        size = _SIZE[length]
        places.append(at)
        sizes.append(size)
        if len(pointers) == 0 and not size.any():
            break
        at = at + size
    is_sound = (octets[at] == 0) & (at > _NOWHERE) & (at < records.ends)
    is_sound &= np.where(name_ends, name_ends, at + 1) == records.ends
    return np.stack(places, axis=1), np.stack(sizes, axis=1), is_sound

"""Plain replies in bulk, with the reading of one after another as the oracle."""

import itertools
from collections.abc import Sequence

import dns.edns
import dns.message
import dns.name
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.protocol.dns_wire import QueryType, answer_chain, decode_reply, encode_question
from crawler.protocol.plain_replies import PlainReplies, read_plain
from tests.protocol.test_dns_wire import header, record, replies
from tests.protocol.usual_replies import question, usual_replies, usual_reply

Reading = tuple[int, bool, list[tuple[int, str]]]
"""What a reply says: rcode, AD, preference and exchange of each record."""

ASKED = question("example.com")
DENIAL = usual_reply("example.com", rcode=3, soa="com.")
TWO_RECORDS = usual_reply("example.com", ["10 mx1.example.com.", "20 alt1.aspmx.l.google.com."])
OWNER, ORDINARY_OPT = b"\xc0\x0c", record(b"\0", 41, b"", record_class=1232, ttl=0)


def read_one(octets: bytes, name: str, query_type: QueryType) -> Reading:
    """Read a plain reply as any other."""
    reply = decode_reply(octets, (encode_question(name, query_type), (name, query_type)))
    assert not reply.truncated
    assert (reply.question, reply.extended_error) == ((name, query_type), None)
    chain, records = answer_chain(reply, name, query_type)
    assert chain == ()
    assert len(records) == len(reply.answers)
    return reply.rcode, reply.authentic_data, [r.data for r in records if isinstance(r.data, tuple)]  # type: ignore[misc]  # of MX: pairs


def readings(read: PlainReplies) -> list[Reading | None]:
    """Return what was read in bulk; None: not plain."""
    exchanges = [
        read.exchange_octets[begin:end].tobytes().decode("ascii")
        for begin, end in itertools.pairwise(read.exchange_ends.tolist())
    ]
    assert len(read.exchange_octets) == read.exchange_ends[-1]
    records = iter(zip(read.preferences.tolist(), exchanges, strict=True))
    found: list[Reading | None] = []
    for is_plain, rcode, is_authentic, count in zip(*(a.tolist() for a in read[:4]), strict=True):
        if is_plain:
            found.append((rcode, is_authentic, list(itertools.islice(records, count))))
        else:
            assert (rcode, is_authentic, count) == (0, False, 0)
            found.append(None)
    assert list(records) == []
    return found


def read_alike(
    octets: Sequence[bytes], names: Sequence[str], query_type: QueryType = QueryType.MX
) -> list[bool]:
    """Tell which of some replies are plain, having seen that they are read alike in bulk and one by one."""
    found = readings(read_plain(octets, [encode_question(name, query_type) for name in names], query_type))
    for reply, name, reading in zip(octets, names, found, strict=True):
        assert reading is None or reading == read_one(reply, name, query_type)
    return [reading is not None for reading in found]


def of_pieces(
    *pieces: bytes, answers: int = 0, authorities: int = 0, more: int = 0, flags: int = 0x8180
) -> bytes:
    head = header(flags=flags, questions=1, answers=answers, authorities=authorities, more=more)
    return head + ASKED + b"".join(pieces)


def mx(exchange: bytes, *, owner: bytes = OWNER, record_class: int = 1) -> bytes:
    return record(owner, 15, b"\0\x0a" + exchange, record_class=record_class)


# --- what is plain -------------------------------------------------------------------------------------


@pytest.mark.parametrize("edns", [True, False])
@pytest.mark.parametrize("authentic", [True, False])
@pytest.mark.parametrize("soa", [None, ".", "com.", "example.com."])
@pytest.mark.parametrize("query_type", list(QueryType))
@pytest.mark.parametrize("rcode", [0, 3])
def test_a_denial_is_plain(
    rcode: int, query_type: QueryType, soa: str | None, authentic: bool, edns: bool
) -> None:
    reply = usual_reply(
        "example.com", query_type=query_type.name, rcode=rcode, soa=soa, authentic=authentic, edns=edns
    )
    assert read_alike([reply], ["example.com"], query_type) == [True]
    read = read_plain([reply], [question("example.com", query_type)], query_type)
    assert (read.counts.tolist(), read.is_nxdomain.tolist()) == ([0], [rcode == 3])


@pytest.mark.parametrize("count", [1, 2, 5, 20])
@pytest.mark.parametrize("exchange", ["mx{}.example.com.", "MX.{}.Example.Net.", "{}._tcp-.x.", "com.{}."])
def test_a_reply_with_any_number_of_records_is_plain(count: int, exchange: str) -> None:
    reply = usual_reply("example.com", [f"{i} {exchange.format(i)}" for i in range(count)])
    assert read_alike([reply], ["example.com"]) == [True]
    assert read_plain([reply], [ASKED], QueryType.MX).counts.tolist() == [count]


def test_a_null_mx_is_plain() -> None:
    assert read_alike([usual_reply("example.com", ["0 ."])], ["example.com"]) == [True]


@pytest.mark.parametrize(
    "exchange",
    [
        b"\xc0\x0c",  # the name asked
        b"\2mx\xc0\x0c",
        b"\2mx\xc0\x14",  # the last label of the name asked
        b"\xc0\x18",  # the end of the name asked: the root
        b"\2mx\xc0\x2b",  # the exchange before
        b"\2mx\xc0\x33",  # the pointer at its end
        b"\1a" * 20 + b"\0",
    ],
)
def test_compressed_exchanges_are_plain(exchange: bytes) -> None:
    reply = of_pieces(mx(b"\4mail\2mx\xc0\x0c"), mx(exchange), ORDINARY_OPT, answers=2, more=1)
    assert (reply.index(b"\4mail"), reply.index(b"\xc0", 0x2B)) == (0x2B, 0x33)
    assert read_alike([reply], ["example.com"]) == [True]


def test_the_longest_name_is_plain_and_a_longer_one_is_not() -> None:
    longest = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"b" * 61 + b"\0"
    too_long = (b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"b" * 62 + b"\0"
    both = [of_pieces(mx(name), answers=1) for name in (longest, too_long)]
    assert read_alike(both, ["example.com"] * 2) == [True, False]


def test_no_replies_are_read_too() -> None:
    assert readings(read_plain([], [], QueryType.MX)) == []


# --- what is not ---------------------------------------------------------------------------------------


def with_extended_error() -> bytes:
    message = dns.message.make_response(dns.message.make_query("example.com.", "MX", use_edns=0))
    message.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode(9))])
    return message.to_wire()


SOA = record(OWNER, 6, b"\0\0" + bytes(20))
PLAIN_MX = mx(b"\2mx\xc0\x0c")
NOT_PLAIN = {
    "no octets": b"",
    "a header only": header(),
    "no question": header(flags=0x8180),
    "two questions": header(questions=2) + ASKED * 2,
    "another question": usual_reply("example.net"),
    "another type": usual_reply("example.com", query_type="A"),
    "capitals": of_pieces().replace(b"example", b"eXample"),
    "a query": of_pieces(flags=0x0180),
    "an update": of_pieces(flags=0xA980),
    "truncated": of_pieces(flags=0x8380),
    "SERVFAIL": of_pieces(flags=0x8182),
    "REFUSED": of_pieces(flags=0x8185),
    "NXDOMAIN with records": of_pieces(PLAIN_MX, answers=1, flags=0x8183),
    "an extended rcode": of_pieces(record(b"\0", 41, b"", ttl=1 << 24), more=1),
    "an extended error": with_extended_error(),
    "two OPT records": of_pieces(ORDINARY_OPT * 2, more=2),
    "an OPT record that is not the root's": of_pieces(record(OWNER, 41, b""), more=1),
    "another additional record": of_pieces(record(b"\0", 1, b"\1\2\3\4"), more=1),
    "an additional record without data": of_pieces(record(b"\0", 99, b""), more=1),
    "a missing OPT record": of_pieces(more=1),
    "a half OPT record": of_pieces(ORDINARY_OPT[:-1], more=1),
    "octets behind": of_pieces(ORDINARY_OPT, b"\0", more=1),
    "an OPT record not counted": of_pieces(ORDINARY_OPT),
    "two authority records": of_pieces(SOA * 2, authorities=2),
    "an authority record named by labels": of_pieces(record(b"\1a\0", 6, b""), authorities=1),
    "an authority record whose owner does not end": of_pieces(record(b"\1", 6, b""), authorities=1),
    "a missing authority record": of_pieces(authorities=1),
    "an authority record cut short": of_pieces(SOA[:-1], authorities=1),
    "a missing record": of_pieces(ORDINARY_OPT, answers=1, more=1),
    "a record not counted": of_pieces(PLAIN_MX, ORDINARY_OPT, more=1),
    "one record less than counted": of_pieces(PLAIN_MX, answers=2),
    "one record more than counted": of_pieces(PLAIN_MX * 2, answers=1),
    "a record with another owner": of_pieces(PLAIN_MX, mx(b"\0", owner=b"\xc0\x14"), answers=2),
    "an owner by labels": of_pieces(mx(b"\0", owner=ASKED[:-4]), answers=1),
    "a record of another class": of_pieces(mx(b"\0", record_class=3), answers=1),
    "an alias": of_pieces(record(OWNER, 5, b"\2mx\xc0\x0c"), answers=1),
    "an address": of_pieces(record(OWNER, 1, b"\1\2\3\4"), answers=1),
    "an address between": of_pieces(PLAIN_MX, record(OWNER, 1, b"\1\2\3\4"), PLAIN_MX, answers=3),
    "a record inside another": of_pieces(record(OWNER, 99, PLAIN_MX), answers=1),
    "a record inside the authority": of_pieces(record(OWNER, 6, PLAIN_MX), answers=1, authorities=1),
    "a dot in a label": of_pieces(mx(b"\3a.b\1c\0"), answers=1),
    "a space": of_pieces(mx(b"\3a b\0"), answers=1),
    "a NUL": of_pieces(mx(b"\1\0\0"), answers=1),
    "an asterisk": of_pieces(mx(b"\1*\xc0\x0c"), answers=1),
    "a letter that is not ASCII": of_pieces(mx(b"\2b\xfc\0"), answers=1),
    "no exchange": of_pieces(mx(b""), answers=1),
    "no data": of_pieces(record(OWNER, 15, b""), answers=1),
    "data too short": of_pieces(mx(b"\2mx"), answers=1),
    "data too long": of_pieces(mx(b"\2mx\0\0"), answers=1),
    "half a pointer": of_pieces(mx(b"\2mx\xc0"), answers=1),
    "data behind a pointer": of_pieces(mx(b"\xc0\x0c\0"), answers=1),
    "a pointer to itself": of_pieces(mx(b"\xc0\x2b"), answers=1),
    "a pointer into its own name": of_pieces(mx(b"\2mx\xc0\x2b"), answers=1),
    "a pointer forward": of_pieces(mx(b"\xc0\x30"), mx(b"\0"), answers=2),
    "a pointer past the end": of_pieces(mx(b"\xff\xff"), answers=1),
    "a pointer to a pointer that does not lead back": of_pieces(
        mx(b"\2mx\xc0\x2b"), mx(b"\xc0\x2b"), answers=2
    ),
    "a label of unknown type": of_pieces(mx(b"\x41a\0"), answers=1),
    "a name of too many steps": of_pieces(mx(b"\1a" * 60 + b"\0"), answers=1),
}


@pytest.mark.parametrize("octets", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_is_unusual_is_not_plain_and_spoils_nothing_beside_it(octets: bytes) -> None:
    read = read_alike([TWO_RECORDS, octets, DENIAL, octets, TWO_RECORDS], ["example.com"] * 5)
    assert read == [True, False, True, False, True]


@pytest.mark.parametrize("query_type", [QueryType.A, QueryType.TXT, QueryType.TLSA])
def test_records_of_another_type_than_mx_are_not_plain(query_type: QueryType) -> None:
    data = {QueryType.A: "192.0.2.1", QueryType.TXT: '"v=STSv1"', QueryType.TLSA: f"3 1 1 {'ab' * 32}"}
    reply = usual_reply("example.com", [data[query_type]], query_type=query_type.name)
    assert read_alike([reply], ["example.com"], query_type) == [False]


def test_mx_records_that_were_not_asked_for_are_not_plain() -> None:
    asked = question("example.com", QueryType.TXT)
    reply = header(questions=1, answers=1) + asked + PLAIN_MX
    assert readings(read_plain([reply], [asked], QueryType.TXT)) == [None]


@pytest.mark.parametrize(("labels", "is_plain"), [(15, True), (60, False)])
def test_an_exchange_of_many_steps_is_not_plain_also_when_pointers_make_it_so(
    labels: int, is_plain: bool
) -> None:
    name = ".".join(["a"] * labels)
    assert read_alike([usual_reply(name, [f"10 mx.{name}."])], [name]) == [is_plain]


def test_a_reply_cut_anywhere_is_not_plain() -> None:
    for whole in (TWO_RECORDS, DENIAL):
        cut = [whole[:end] for end in range(len(whole))]
        assert not any(read_alike(cut, ["example.com"] * len(cut)))


@pytest.mark.parametrize("behind", [b"\0", b"\2mx\0", TWO_RECORDS])
def test_what_follows_in_memory_does_not_complete_a_reply(behind: bytes) -> None:
    for whole in (TWO_RECORDS[:-11], of_pieces(mx(b"\4mail\0"), answers=1)):
        for end in range(len(whole)):
            assert not read_alike([whole[:end], whole[end:] + behind], ["example.com"] * 2)[0]


@pytest.mark.parametrize("behind", [b"\0\7", b"\x0c\7"])
@pytest.mark.parametrize("length", [b"0", b"1"])
def test_a_name_that_leads_to_the_next_reply_is_not_plain(length: bytes, behind: bytes) -> None:
    # The second exchange ends in a pointer to place 0xC0. What is a letter there is a length now, of a label
    # behind which the last octet of the reply would be half a pointer, or the next reply would go on.
    letters = b"\x3f" + b"a" * 63 + b"\x3f" + b"b" * 63 + b"\x1e" + b"c" * 20 + length + b"d" * 9 + b"\0"
    reply = of_pieces(mx(letters), mx(b"\x16" + b"e" * 22 + b"\xc0\xc0"), answers=2)
    assert (reply[0xC0:0xC1], len(reply)) == (length, 0xC0 + 1 + ord("0") + 1)
    assert read_alike([reply, behind + DENIAL[2:]], ["example.com"] * 2) == [False, True]


def test_a_reply_that_leads_anywhere_ends_in_good_time() -> None:
    pointers = b"".join((0xC000 | place).to_bytes(2) for place in range(29 + 13, 8000, 2))
    chain = record(OWNER, 99, b"\0" + pointers)
    records = mx(b"\xff\xfe") * 3000
    replies_ = [of_pieces(chain, records, answers=3001), of_pieces(mx(b"\x3f" * 60000), answers=1)]
    assert read_alike([reply[:65535] for reply in replies_], ["example.com"] * 2) == [False, False]


# --- all replies ---------------------------------------------------------------------------------------


@given(st.lists(usual_replies(), max_size=5))
def test_usual_replies_are_plain_and_read_alike(drawn: list[tuple[str, bytes]]) -> None:
    assert all(read_alike([octets for _, octets in drawn], [name for name, _ in drawn]))


@pytest.mark.parametrize("octets", [TWO_RECORDS, DENIAL, usual_reply("example.com", ["0 ."], edns=False)])
def test_a_reply_with_any_octet_changed_is_read_alike_if_it_is_plain_still(octets: bytes) -> None:
    changed = [
        octets[:place] + bytes((octet,)) + octets[place + 1 :]
        for place in range(len(octets))
        for octet in {0, 1, 2, 3, 12, 0x2E, 0x3F, 0x40, 0x5A, 0x80, 0xC0, 0xFF, octets[place] ^ 0x20}
    ]
    read = read_alike(changed, ["example.com"] * len(changed))
    assert any(read)
    assert not all(read)


@given(usual_replies(), st.data())
def test_a_reply_with_octets_changed_is_read_alike_if_it_is_plain_still(
    drawn: tuple[str, bytes], data: st.DataObject
) -> None:
    name, octets = drawn[0], bytearray(drawn[1])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(octets) - 1))
        octets[place] = data.draw(st.sampled_from([0, 1, 12, 0x3F, 0xC0]) | st.integers(0, 255))
    read_alike([drawn[1], bytes(octets), drawn[1]], [name] * 3)


labels = st.sampled_from([b"\2mx", b"\7EXAMPLE", b"\1.", b"\x3f" + b"a" * 63])
pointers = st.integers(0, 90).map(lambda place: (0xC000 | place).to_bytes(2))
ends = st.sampled_from([b"\0", b"", b"\xc0", b"\xc0\x0c", b"\0\0"])
wire_names = st.builds(
    lambda parts, end: b"".join(parts) + end, st.lists(labels | pointers, max_size=3), ends
)


@given(st.lists(st.lists(wire_names, min_size=1, max_size=4), max_size=4))
def test_any_exchanges_are_read_alike_where_they_are_plain(messages: list[list[bytes]]) -> None:
    octets = [of_pieces(*map(mx, exchanges), answers=len(exchanges)) for exchanges in messages]
    read_alike(octets, ["example.com"] * len(octets))


@given(replies())
def test_any_reply_that_dnspython_writes_is_read_alike_if_it_is_plain(message: dns.message.Message) -> None:
    name, query_type = decode_reply(message.to_wire()).question or ("example.com", 15)
    if query_type in (QueryType.A, QueryType.MX, QueryType.TXT):
        read_alike([message.to_wire()], [name], QueryType(query_type))


@given(st.lists(st.binary(max_size=100), max_size=5), st.booleans())
def test_any_octets_are_read_alike_if_they_are_plain(drawn: list[bytes], with_question: bool) -> None:
    octets = [of_pieces(behind, answers=1) if with_question else behind for behind in drawn]
    read_alike(octets, ["example.com"] * len(octets))


# --- some of them --------------------------------------------------------------------------------------


@given(st.lists(st.tuples(usual_replies(), st.booleans()), max_size=6))
def test_taking_some_is_reading_only_those(drawn: list[tuple[tuple[str, bytes], bool]]) -> None:
    def read(some: list[tuple[tuple[str, bytes], bool]]) -> PlainReplies:
        octets = [octets for (_, octets), _ in some]
        return read_plain(octets, [question(name) for (name, _), _ in some], QueryType.MX)

    taken = read(drawn).take(np.array([chosen for _, chosen in drawn], np.bool_))
    assert readings(taken) == readings(read([entry for entry in drawn if entry[1]]))

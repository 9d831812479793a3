"""DNS messages on the wire, with dnspython as the oracle."""

import contextlib
import struct
from collections.abc import Sequence

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.protocol.dns_wire import (
    DnsReply,
    DnsWireError,
    QueryType,
    ResourceRecord,
    answer_chain,
    decode_reply,
    encode_query,
    encode_question,
)

HEADER = struct.Struct("!6H")
OUR_TYPES = {int(query_type) for query_type in QueryType}


def normal_form(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def reply_octets(
    *answers: tuple[str, str, Sequence[str]],
    name: str = "example.com.",
    query_type: str = "MX",
    options: bool = True,
) -> bytes:
    """Return the wire form of a reply with some RRsets, given as owner, type and RDATA texts."""
    query = dns.message.make_query(name, query_type, id=7, use_edns=0 if options else -1)
    reply = dns.message.make_response(query, recursion_available=True)
    reply.answer = [
        dns.rrset.from_text_list(owner, 300, "IN", kind, list(data)) for owner, kind, data in answers
    ]
    return reply.to_wire()


def header(
    *, flags: int = 0x8180, questions: int = 0, answers: int = 0, authorities: int = 0, more: int = 0
) -> bytes:
    return HEADER.pack(7, flags, questions, answers, authorities, more)


def record(owner: bytes, record_type: int, data: bytes, *, record_class: int = 1, ttl: int = 300) -> bytes:
    return owner + struct.pack("!HHIH", record_type, record_class, ttl, len(data)) + data


# --- queries -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("checking_disabled", [False, True])
@pytest.mark.parametrize("query_type", list(QueryType))
def test_a_query_asks_recursively_with_ad_and_edns_but_not_for_signatures(
    query_type: QueryType, checking_disabled: bool
) -> None:
    query = dns.message.from_wire(
        encode_query(0xBEEF, "_25._tcp.mx.example.com", query_type, checking_disabled=checking_disabled)
    )
    assert query.id == 0xBEEF
    cd = dns.flags.CD if checking_disabled else 0
    assert query.flags == dns.flags.RD | dns.flags.AD | cd
    assert (query.edns, query.payload, query.ednsflags, query.options) == (0, 1232, 0, ())
    assert [(str(q.name), int(q.rdtype)) for q in query.question] == [
        ("_25._tcp.mx.example.com.", query_type)
    ]


LABELS = st.binary(min_size=1, max_size=63)


@given(st.lists(LABELS, max_size=3))
def test_any_labels_survive_the_way_through_presentation_form(labels: list[bytes]) -> None:
    name = dns.name.Name([*labels, b""])
    query = encode_query(1, normal_form(name), QueryType.MX)
    assert dns.message.from_wire(query).question[0].name == name
    assert decode_reply(b"\0\1\x80" + query[3:]).question == (normal_form(name), 15)


def test_a_name_of_255_octets_is_sent_and_a_longer_one_is_not() -> None:
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert decode_reply(b"\0\1\x80" + encode_query(1, longest, QueryType.A)[3:]).question == (longest, 1)
    with pytest.raises(DnsWireError, match="255"):
        encode_query(1, longest + "b", QueryType.A)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "example.com.",
        ".example.com",
        "a..b",
        "a" * 64 + ".example",
        "bücher.example",
        "a\\",
        "a\\256.b",
        "a\\é",
    ],
)
def test_a_name_without_a_wire_form_is_an_error(name: str) -> None:
    with pytest.raises(DnsWireError):
        encode_query(1, name, QueryType.MX)


@given(st.text(max_size=300))
def test_any_text_is_sent_or_a_wire_error(name: str) -> None:
    with contextlib.suppress(DnsWireError):
        encode_query(1, name, QueryType.MX)


# --- replies: one by one -------------------------------------------------------------------------------


def test_a_typical_reply_is_read() -> None:
    octets = reply_octets(
        ("example.com.", "MX", ["20 Alt.Mail.Example.NET.", "10 mail.example.net.", "30 mx.Example.com."])
    )
    reply = decode_reply(octets)
    assert (reply.query_id, reply.rcode, reply.truncated, reply.authentic_data) == (7, 0, False, False)
    assert reply.question == ("example.com", 15)
    assert reply.extended_error is None
    assert sorted(r.data for r in reply.answers if isinstance(r.data, tuple)) == [
        (10, "mail.example.net"),
        (20, "alt.mail.example.net"),
        (30, "mx.example.com"),
    ]
    assert {(r.owner, r.type, r.ttl) for r in reply.answers} == {("example.com", QueryType.MX, 300)}


@pytest.mark.parametrize(
    ("query_type", "text", "data"),
    [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("A", "255.255.255.255", "255.255.255.255"),
        ("AAAA", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("AAAA", "::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("AAAA", "::", "::"),
        ("CNAME", "Other.Example.", "other.example"),
        ("MX", "0 .", (0, ".")),
        ("MX", "65535 192.0.2.1.", (65535, "192.0.2.1")),
        ("MX", r"1 a\.b\032c\\.example.", (1, r"a\.b\032c\\.example")),
        ("TXT", '"v=STSv1; " "id=1;"', b"v=STSv1; id=1;"),
        ("TXT", '""', b""),
        ("TXT", r'"\000\255\"" ""', b'\x00\xff"'),
        ("TLSA", "3 1 0 00ff", (3, 1, 0, b"\x00\xff")),
        ("TLSA", "255 255 255 00", (255, 255, 255, b"\x00")),
    ],
)
def test_the_data_of_each_type_is_read(query_type: str, text: str, data: object) -> None:
    octets = reply_octets(("example.com.", query_type, [text]), query_type=query_type)
    assert [answer.data for answer in decode_reply(octets).answers] == [data]


@pytest.mark.parametrize("data", [b"\3\1\1", b"\3\1\1short", b"\3\1\xff"])
def test_tlsa_data_of_the_wrong_length_is_read_as_it_is(data: bytes) -> None:
    (answer,) = decode_reply(header(answers=1) + record(b"\0", 52, data)).answers
    assert answer.data == (3, 1, data[2], data[3:])


@pytest.mark.parametrize("flag", [True, False])
def test_the_ad_bit_is_read(flag: bool) -> None:
    assert decode_reply(header(flags=0x81A0 if flag else 0x8180)).authentic_data is flag


@pytest.mark.parametrize("rcode", [*range(11), 16, 23, 4095])
def test_the_response_code_is_read_with_its_extension(rcode: int) -> None:
    opt = record(b"\0", 41, b"", record_class=1232, ttl=(rcode >> 4) << 24)
    assert decode_reply(header(flags=0x8180 | rcode & 15, more=1) + opt).rcode == rcode


@pytest.mark.parametrize("code", [0, 6, 22, 65535])
def test_the_first_extended_error_is_read(code: int) -> None:
    query = dns.message.make_query("example.com.", "MX", use_edns=0)
    reply = dns.message.make_response(query)
    cookie = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")
    errors = [
        dns.edns.EDEOption(dns.edns.EDECode(code), "signature expired"),
        dns.edns.EDEOption(dns.edns.EDECode(9)),
    ]
    reply.use_edns(0, options=[cookie, *errors])
    reply.set_rcode(dns.rcode.SERVFAIL)
    read = decode_reply(reply.to_wire())
    assert (read.rcode, read.extended_error) == (2, code)


def test_a_denial_with_its_soa_has_no_answers() -> None:
    query = dns.message.make_query("nx.example.com.", "MX", use_edns=0)
    reply = dns.message.make_response(query)
    reply.set_rcode(dns.rcode.NXDOMAIN)
    reply.authority = [
        dns.rrset.from_text("example.com.", 60, "IN", "SOA", "ns. root.example.com. 1 2 3 4 5")
    ]
    assert decode_reply(reply.to_wire())[1:] == (3, False, False, ("nx.example.com", 15), (), None)


def test_a_reply_that_repeats_no_question_is_read() -> None:
    assert decode_reply(header(flags=0x8181)) == DnsReply(7, 1, False, False, None, (), None)


def test_types_and_classes_not_asked_for_are_passed_over() -> None:
    answers = (
        record(b"\0", 46, b"\x00\x0f"),
        record(b"\0", 1, b"\x01\x02\x03\x04", record_class=3),
        record(b"\0", 99, b""),
        record(b"\0", 1, b"\x01\x02\x03\x04"),
    )
    reply = decode_reply(header(answers=4) + b"".join(answers))
    assert reply.answers == (ResourceRecord(".", QueryType.A, 300, "1.2.3.4"),)


@pytest.mark.parametrize(("wire", "ttl"), [(0, 0), (2**31 - 1, 2**31 - 1), (2**31, 0), (2**32 - 1, 0)])
def test_a_ttl_with_its_highest_bit_set_is_zero(wire: int, ttl: int) -> None:
    (answer,) = decode_reply(header(answers=1) + record(b"\0", 1, b"\1\2\3\4", ttl=wire)).answers
    assert answer.ttl == ttl


def test_behind_the_question_of_a_truncated_reply_nothing_is_read() -> None:
    whole = reply_octets(("example.com.", "MX", ["10 mx.example.com."]))
    truncated = whole[:2] + bytes((whole[2] | 0x02,)) + whole[3:]
    for end in (29, 40, len(truncated)):
        reply = decode_reply(truncated[:end])
        assert (reply.truncated, reply.question, reply.answers) == (True, ("example.com", 15), ())


def test_octets_behind_the_message_are_ignored() -> None:
    octets = reply_octets(("example.com.", "MX", ["10 mx.example.com."]))
    assert decode_reply(octets + b"\0garbage") == decode_reply(octets)


def test_a_message_cut_anywhere_is_an_error() -> None:
    octets = reply_octets(
        ("example.com.", "CNAME", ["www.example.net."]), ("www.example.net.", "TXT", ['"some text" "more"'])
    )
    decode_reply(octets)
    for end in range(len(octets)):
        with pytest.raises(DnsWireError):
            decode_reply(octets[:end])


def test_a_denial_cut_inside_its_last_record_is_an_error() -> None:
    octets = header(authorities=1) + record(b"\0", 6, b"data of any type")
    decode_reply(octets)
    for end in range(len(octets)):
        with pytest.raises(DnsWireError):
            decode_reply(octets[:end])


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        header(flags=0x0100),  # a query
        header(flags=0xA800),  # a reply to an update
        header(questions=1),
        header(answers=1),
        header(authorities=1),
        header(more=1),
        header(answers=65535) + record(b"\0", 1, b"\1\2\3\4"),
        header(questions=2) + (b"\0" + b"\0\x0f\0\1") * 2,
        header(questions=1) + b"\0" + b"\0\x0f\0\3",
    ],
)
def test_no_reply_and_counts_that_lie_are_errors(octets: bytes) -> None:
    with pytest.raises(DnsWireError):
        decode_reply(octets)


@pytest.mark.parametrize(
    ("record_type", "data"),
    [
        (1, b"\1\2\3"),
        (1, b"\1\2\3\4\5"),
        (28, b"\0" * 15),
        (28, b"\0" * 17),
        (15, b""),
        (15, b"\0"),
        (15, b"\0\x0a"),
        (15, b"\0\x0a\0\0"),
        (15, b"\0\x0a\x02mx"),
        (5, b""),
        (5, b"\0\0"),
        (16, b""),
        (16, b"\x05abc"),
        (16, b"\x01a\x05"),
        (52, b"\3\1"),
    ],
)
@pytest.mark.parametrize("behind", [b"", record(b"\0", 1, b"\1\2\3\4")])
def test_data_that_does_not_fill_its_record_exactly_is_an_error(
    record_type: int, data: bytes, behind: bytes
) -> None:
    octets = header(answers=1) + record(b"\0", record_type, data) + behind
    with pytest.raises(DnsWireError):
        decode_reply(octets)


@pytest.mark.parametrize(
    "records",
    [
        [record(b"\0", 41, b""), record(b"\0", 41, b"")],
        [record(b"\1a\0", 41, b"")],
        [record(b"\0", 41, b"\0\x0f\0\1\0")],
        [record(b"\0", 41, b"\0\x0f\0\3\0\0")],
        [record(b"\0", 41, b"\0\x0f\0")],
        [record(b"\0", 41, b"")[:-1]],
    ],
)
def test_a_malformed_opt_record_is_an_error(records: list[bytes]) -> None:
    with pytest.raises(DnsWireError):
        decode_reply(header(more=len(records)) + b"".join(records))


# --- names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        b"\xc0\x0c",  # to itself
        b"\x01a\xc0\x0c",  # a loop
        b"\xc0\x0e\xc0\x0c",  # forward, then back
        b"\xc0\x0e\0",  # forward
        b"\x01a\xc0\x0e",  # into itself
        b"\xff\xff",  # past the end
        b"\xc0",
        b"\x40a\0",  # reserved label types
        b"\x80a\0",
        b"\x05ab",
        b"\x3f" + b"a" * 63,
    ],
)
def test_pointers_lead_back_and_labels_end(name: bytes) -> None:
    with pytest.raises(DnsWireError):
        decode_reply(header(questions=1) + name + b"\0\x0f\0\1")


def test_a_name_over_255_octets_is_an_error_also_when_pointers_make_it_so() -> None:
    half = b"\x3f" + b"a" * 63 + b"\x3f" + b"b" * 63
    longest = half + b"\x3f" + b"c" * 63 + b"\x3d" + b"d" * 61 + b"\0"
    decode_reply(header(questions=1) + longest + b"\0\x0f\0\1")
    too_long = half + b"\x3f" + b"c" * 63 + b"\x3e" + b"d" * 62 + b"\0"
    with pytest.raises(DnsWireError, match="255"):
        decode_reply(header(questions=1) + too_long + b"\0\x0f\0\1")
    answer = record(b"\x01e\xc0\x0c", 1, b"\1\2\3\4")
    with pytest.raises(DnsWireError, match="255"):
        decode_reply(header(questions=1, answers=1) + longest + b"\0\x0f\0\1" + answer)


def test_a_long_chain_of_pointers_ends_in_good_time() -> None:
    # Each pointer leads to the one before it; the last owner follows them all.
    chain = b"\0" + b"".join(struct.pack("!H", 0xC000 | place) for place in [12, *range(13, 8000, 2)])
    filler = record(b"\0", 99, chain[11:])
    octets = header(answers=2) + filler + record(b"\xff\xff", 1, b"\1\2\3\4")
    with pytest.raises(DnsWireError):
        decode_reply(octets)


def test_upper_case_is_folded_in_ascii_only() -> None:
    reply = decode_reply(header(questions=1) + b"\x03A\xc9Z\0" + b"\0\x0f\0\1")
    assert reply.question == (r"a\201z", 15)


# --- against dnspython ---------------------------------------------------------------------------------

odd_label = st.binary(min_size=1, max_size=8)
plain_label = st.sampled_from([b"mx", b"MAIL", b"example", b"com", b"a" * 63, b"_25", b"*", b"a.b"])
names = st.lists(plain_label | odd_label, max_size=3).map(lambda labels: dns.name.Name([*labels, b""]))


wire_names = names.map(lambda name: name.to_wire() or b"")
strings = st.lists(st.binary(max_size=255), min_size=1, max_size=3)
# dnspython refuses TLSA records whose data is not as long as their matching type says; we keep them.
associations = st.sampled_from([b"\1" + b"d" * 32, b"\2" + b"d" * 64, b"\0d", b"\3data"])
wire_data = {
    "A": st.binary(min_size=4, max_size=4),
    "AAAA": st.binary(min_size=16, max_size=16) | st.just(b"\0" * 10 + b"\xff\xff\xc0\0\2\1"),
    "CNAME": wire_names,
    "NS": wire_names,
    "MX": st.builds(bytes.__add__, st.binary(min_size=2, max_size=2), wire_names),
    "TXT": strings.map(lambda parts: b"".join(bytes((len(part),)) + part for part in parts)),
    "TLSA": st.builds(bytes.__add__, st.binary(min_size=2, max_size=2), associations),
}


def rdata(query_type: str) -> st.SearchStrategy[dns.rdata.Rdata]:
    return wire_data[query_type].map(lambda wire: dns.rdata.from_wire("IN", query_type, wire, 0, len(wire)))


@st.composite
def rrsets(draw: st.DrawFn) -> dns.rrset.RRset:
    query_type = draw(st.sampled_from(["A", "AAAA", "CNAME", "NS", "MX", "TXT", "TLSA"]))
    members = draw(st.lists(rdata(query_type), min_size=1, max_size=1 if query_type == "CNAME" else 3))
    return dns.rrset.from_rdata(draw(names), draw(st.integers(0, 2**31 - 1)), *members)


@st.composite
def replies(draw: st.DrawFn) -> dns.message.Message:
    query = dns.message.make_query(draw(names), draw(st.sampled_from(["A", "MX", "TXT", "SOA"])), id=7)
    reply = dns.message.make_response(query)
    reply.flags |= draw(st.sampled_from([0, dns.flags.AD, dns.flags.RA | dns.flags.AA]))
    options: list[dns.edns.Option] = [
        dns.edns.GenericOption(dns.edns.OptionType(65001), draw(st.binary(max_size=5)))
    ]
    if (code := draw(st.none() | st.integers(0, 65535))) is not None:
        options.insert(
            draw(st.integers(0, 1)),
            dns.edns.EDEOption(dns.edns.EDECode(code), draw(st.none() | st.just("why"))),
        )
    if draw(st.booleans()):
        reply.use_edns(0, payload=1232, options=options)
        reply.set_rcode(dns.rcode.Rcode(draw(st.integers(0, 4095))))
    for section in (reply.answer, reply.authority, reply.additional):
        section.extend(draw(st.lists(rrsets(), max_size=3)))
    return reply


def as_ours(member: dns.rdata.Rdata) -> object:
    """Return the data of a record of dnspython's as ours."""
    match dns.rdatatype.to_text(member.rdtype):
        case "A" | "AAAA":
            return member.to_text()
        case "CNAME":
            return normal_form(member.target)  # type: ignore[attr-defined]  # of the subclass
        case "MX":
            return member.preference, normal_form(member.exchange)  # type: ignore[attr-defined]  # as above
        case "TXT":
            return b"".join(member.strings)  # type: ignore[attr-defined]  # as above
        case _:
            return member.usage, member.selector, member.mtype, member.cert  # type: ignore[attr-defined]  # as above


def as_our_reply(message: dns.message.Message) -> DnsReply:
    """Return what dnspython read, in our form."""
    question = message.question[0] if message.question else None
    answers = tuple(
        ResourceRecord(normal_form(rrset.name), QueryType(rrset.rdtype), rrset.ttl, as_ours(member))  # type: ignore[arg-type]  # object stands for any of our data
        for rrset in message.answer
        for member in rrset
        if rrset.rdtype in OUR_TYPES and rrset.rdclass == dns.rdataclass.IN
    )
    codes = [int(option.code) for option in message.options if isinstance(option, dns.edns.EDEOption)]
    return DnsReply(
        query_id=message.id,
        rcode=int(message.rcode()),
        truncated=bool(message.flags & dns.flags.TC),
        authentic_data=bool(message.flags & dns.flags.AD),
        question=(normal_form(question.name), int(question.rdtype)) if question is not None else None,
        answers=answers,
        extended_error=codes[0] if codes else None,
    )


@given(replies())
def test_we_read_what_dnspython_writes_as_dnspython_reads_it(message: dns.message.Message) -> None:
    octets = message.to_wire()
    assert decode_reply(octets) == as_our_reply(dns.message.from_wire(octets, one_rr_per_rrset=True))


@given(replies(), st.data())
def test_a_changed_octet_gives_the_same_reading_as_dnspython_or_a_wire_error(
    message: dns.message.Message, data: st.DataObject
) -> None:
    octets = bytearray(message.to_wire())
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        ours = decode_reply(bytes(octets))
        theirs = as_our_reply(dns.message.from_wire(bytes(octets), one_rr_per_rrset=True))
    except (DnsWireError, dns.exception.DNSException, ValueError):
        return
    if not ours.truncated:
        assert ours == theirs


@given(replies(), st.data())
def test_a_reply_cut_anywhere_is_an_error(message: dns.message.Message, data: st.DataObject) -> None:
    octets = message.to_wire()
    with pytest.raises(DnsWireError):
        decode_reply(octets[: data.draw(st.integers(0, len(octets) - 1))])


@given(st.binary(max_size=600))
def test_any_octets_give_a_reply_or_a_wire_error(octets: bytes) -> None:
    with contextlib.suppress(DnsWireError):
        decode_reply(octets)


@given(st.binary(max_size=200), st.tuples(st.integers(0, 1), *[st.integers(0, 3)] * 3))
def test_any_octets_behind_a_sound_header_give_a_reply_or_a_wire_error(
    octets: bytes, counts: tuple[int, int, int, int]
) -> None:
    with contextlib.suppress(DnsWireError):
        decode_reply(HEADER.pack(1, 0x8180, *counts) + octets)


# --- chains --------------------------------------------------------------------------------------------


def alias(owner: str, target: str) -> ResourceRecord:
    return ResourceRecord(owner, QueryType.CNAME, 1, target)


def address(owner: str, text: str = "192.0.2.1") -> ResourceRecord:
    return ResourceRecord(owner, QueryType.A, 1, text)


def reply_of(*answers: ResourceRecord) -> DnsReply:
    return DnsReply(1, 0, False, False, None, answers, None)


def test_without_a_cname_the_chain_is_empty() -> None:
    reply = reply_of(
        address("a.example", "192.0.2.1"), address("a.example", "192.0.2.2"), address("b.example")
    )
    chain, records = answer_chain(reply, "a.example", QueryType.A)
    assert chain == ()
    assert [r.data for r in records] == ["192.0.2.1", "192.0.2.2"]


def test_a_chain_is_followed_in_whatever_order_it_arrives() -> None:
    reply = reply_of(
        address("c"), alias("b", "c"), alias("x", "y"), address("a"), alias("a", "b"), alias("a", "b")
    )
    assert answer_chain(reply, "a", QueryType.A) == (("b", "c"), (address("c"),))


def test_a_chain_may_end_without_records() -> None:
    assert answer_chain(reply_of(alias("a", "b")), "a", QueryType.MX) == (("b",), ())
    assert answer_chain(reply_of(), "a", QueryType.MX) == ((), ())


def test_a_question_for_the_cname_itself_follows_none() -> None:
    reply = reply_of(alias("a", "b"), alias("b", "a"))
    assert answer_chain(reply, "a", QueryType.CNAME) == ((), (alias("a", "b"),))


@pytest.mark.parametrize(
    "answers",
    [
        [alias("a", "a")],
        [alias("a", "b"), alias("b", "a")],
        [alias("a", "b"), alias("b", "c"), alias("c", "b")],
        [alias("a", "b"), alias("a", "c")],
    ],
)
def test_loops_and_forks_are_errors(answers: list[ResourceRecord]) -> None:
    with pytest.raises(DnsWireError, match="CNAME"):
        answer_chain(reply_of(*answers), "a", QueryType.A)


def test_a_chain_without_end_is_an_error() -> None:
    reply = reply_of(*[alias(f"n{number}", f"n{number + 1}") for number in range(200)])
    with pytest.raises(DnsWireError, match="in a row"):
        answer_chain(reply, "n0", QueryType.A)
    assert len(answer_chain(reply, "n180", QueryType.A)[0]) == 20


# --- the question expected -----------------------------------------------------------------------------


def reading_of(octets: bytes, asked: tuple[bytes, tuple[str, int]] | None) -> DnsReply | None:
    try:
        return decode_reply(octets, asked)
    except DnsWireError:
        return None


@given(replies(), st.data())
def test_a_reply_is_read_alike_whether_its_question_is_expected_or_not(
    message: dns.message.Message, data: st.DataObject
) -> None:
    octets = bytearray(message.to_wire())
    name, query_type = decode_reply(bytes(octets)).question or ("other.example", QueryType.MX)
    asked = (encode_question(name, QueryType.MX)[:-4] + query_type.to_bytes(2) + b"\0\1", (name, query_type))
    assert decode_reply(bytes(octets), asked) == decode_reply(bytes(octets))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    assert reading_of(bytes(octets), asked) == reading_of(bytes(octets), None)


def test_a_question_that_is_not_the_expected_one_is_read_as_it_is() -> None:
    octets = dns.message.make_response(dns.message.make_query("Other.Example", "MX")).to_wire()
    expected = ("example.com", QueryType.MX)
    reply = decode_reply(octets, (encode_question(*expected), expected))
    assert reply.question == ("other.example", QueryType.MX)
    in_capitals = ("other.example", QueryType.MX)
    assert decode_reply(octets, (encode_question(*in_capitals), in_capitals)).question == in_capitals


def chained(pointers: int, owners: int) -> bytes:
    """Return a reply whose owners each lead through so many pointers to the root."""
    places = [23, *range(24, 24 + 2 * pointers, 2)]
    chain = b"\0" + b"".join((0xC000 | place).to_bytes(2) for place in places[:-1])
    owner = (0xC000 | places[-1]).to_bytes(2)
    return header(answers=1 + owners) + record(b"\0", 99, chain) + record(owner, 1, b"\1\2\3\4") * owners


def test_a_name_through_more_pointers_than_a_name_has_labels_is_an_error() -> None:
    assert [r.owner for r in decode_reply(chained(100, 3)).answers] == ["."] * 3
    with pytest.raises(DnsWireError, match="pointer"):
        decode_reply(chained(7000, 3000))

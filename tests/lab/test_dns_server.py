"""The lab's resolver, asked by dnspython."""

from typing import TYPE_CHECKING

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.lab.dns_records import name_wire, rdata_wire
from crawler.lab.internet import DnsAnswer, Internet
from crawler.lab.resolver import LabResolver

if TYPE_CHECKING:
    from tests.lab.conftest import StartLab

SIGNED = "signed.example"
MX = DnsAnswer(records=((SIGNED, "MX", "10 mx.signed.example."), (SIGNED, "MX", "20 .")), secure=True)
INTERNET = Internet(
    answers={
        (SIGNED, "MX"): MX,
        ("mx.signed.example", "A"): DnsAnswer(records=(("mx.signed.example", "A", "127.1.2.3"),)),
        ("bogus.example", "MX"): DnsAnswer(
            records=(("bogus.example", "MX", "10 mx.bogus.example."),),
            bogus=True,
            secure=True,
            extended_error=6,
        ),
        ("dead.example", "MX"): DnsAnswer(rcode="SERVFAIL", extended_error=22),
        ("silent.example", "MX"): DnsAnswer(silent=True),
        ("a.deep.name.example", "A"): DnsAnswer(records=(("a.deep.name.example", "A", "127.0.0.9"),)),
        ("alias.example", "A"): DnsAnswer(
            records=(
                ("alias.example", "CNAME", "mx.signed.example."),
                ("mx.signed.example", "A", "127.1.2.3"),
            )
        ),
        ("dangling.example", "A"): DnsAnswer(
            records=(("dangling.example", "CNAME", "gone.example."),), rcode="NXDOMAIN"
        ),
        ("large.example", "TXT"): DnsAnswer(
            records=tuple(("large.example", "TXT", f'"{n:0200}"') for n in range(5))
        ),
        ("_25._tcp.mx.signed.example", "TLSA"): DnsAnswer(
            records=(("_25._tcp.mx.signed.example", "TLSA", "3 1 1 " + "ab" * 32),), secure=True
        ),
    },
    secure_zones={SIGNED},
)
RESOLVER = LabResolver(INTERNET, smtp_port=40025)


def ask(
    name: str,
    kind: str,
    *,
    flags: int = dns.flags.RD | dns.flags.AD,
    edns: bool = True,
    over_udp: bool = True,
) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=0 if edns else -1, payload=1232, flags=flags)
    reply = RESOLVER.reply(query.to_wire(), over_udp=over_udp)
    assert reply is not None
    message = dns.message.from_wire(reply)
    assert query.is_response(message)
    assert message.flags & dns.flags.RA
    return message


def extended_errors(message: dns.message.Message) -> list[int]:
    return [int(option.code) for option in message.options if isinstance(option, dns.edns.EDEOption)]


def test_records_come_as_the_model_has_them() -> None:
    reply = ask(SIGNED, "MX")
    assert reply.rcode() == dns.rcode.NOERROR
    assert [str(record) for record in reply.answer[0]] == ["10 mx.signed.example.", "20 ."]
    assert not reply.authority


def test_ad_is_set_for_secure_answers_when_the_query_asks_by_ad_or_by_do() -> None:
    assert ask(SIGNED, "MX").flags & dns.flags.AD
    assert not ask(SIGNED, "MX", flags=dns.flags.RD).flags & dns.flags.AD
    query = dns.message.make_query(SIGNED, "MX", want_dnssec=True, flags=dns.flags.RD)
    reply = RESOLVER.reply(query.to_wire(), over_udp=True)
    assert reply is not None
    message = dns.message.from_wire(reply)
    assert message.flags & dns.flags.AD
    assert message.ednsflags & dns.flags.DO
    assert not ask("mx.signed.example", "A").flags & dns.flags.AD


def test_a_bogus_answer_is_servfail_with_its_extended_error_until_checking_is_disabled() -> None:
    refused = ask("bogus.example", "MX")
    assert refused.rcode() == dns.rcode.SERVFAIL
    assert extended_errors(refused) == [6]
    assert not refused.answer
    given = ask("bogus.example", "MX", flags=dns.flags.RD | dns.flags.AD | dns.flags.CD)
    assert given.rcode() == dns.rcode.NOERROR
    assert len(given.answer) == 1
    assert given.flags & dns.flags.CD
    assert not given.flags & dns.flags.AD
    assert extended_errors(given) == []


def test_a_dead_zone_is_servfail_with_checking_disabled_too() -> None:
    for flags in (dns.flags.RD, dns.flags.RD | dns.flags.CD):
        reply = ask("dead.example", "MX", flags=flags)
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert extended_errors(reply) == [22]


def test_an_extended_error_needs_edns() -> None:
    assert ask("dead.example", "MX", edns=False).opt is None


def test_silence_is_silence() -> None:
    query = dns.message.make_query("silent.example", "MX").to_wire()
    assert RESOLVER.reply(query, over_udp=True) is None


@pytest.mark.parametrize("name", ["name.example", "deep.name.example", "example", SIGNED])
def test_a_name_with_something_at_or_below_it_exists(name: str) -> None:
    reply = ask(name, "AAAA")
    assert reply.rcode() == dns.rcode.NOERROR
    assert not reply.answer
    assert reply.authority[0].rdtype == dns.rdatatype.SOA


def test_any_other_name_does_not_exist_and_the_zone_decides_on_ad() -> None:
    secure, insecure = ask(f"nothing.{SIGNED}", "A"), ask("nothing.example", "A")
    assert secure.rcode() == insecure.rcode() == dns.rcode.NXDOMAIN
    assert secure.authority[0].name == dns.name.from_text(SIGNED)
    assert secure.flags & dns.flags.AD
    assert not insecure.flags & dns.flags.AD


def test_a_cname_comes_with_what_it_leads_to() -> None:
    reply = ask("alias.example", "A")
    assert [rrset.rdtype for rrset in reply.answer] == [dns.rdatatype.CNAME, dns.rdatatype.A]
    assert reply.answer[1].name == dns.name.from_text("mx.signed.example")
    assert not reply.authority


def test_a_cname_to_nowhere_is_nxdomain_with_the_cname() -> None:
    reply = ask("dangling.example", "A")
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert len(reply.answer) == len(reply.authority) == 1


def test_the_letter_case_of_the_question_is_repeated() -> None:
    reply = ask("SiGnEd.ExAmPlE", "MX")
    assert str(reply.question[0].name) == "SiGnEd.ExAmPlE."
    assert str(reply.answer[0].name) == "SiGnEd.ExAmPlE."


def test_a_large_answer_is_truncated_over_udp_by_the_edns_size_or_512_octets() -> None:
    assert not ask("large.example", "TXT").flags & dns.flags.TC
    short = ask("large.example", "TXT", edns=False)
    assert short.flags & dns.flags.TC
    assert not short.answer
    assert len(ask("large.example", "TXT", edns=False, over_udp=False).answer[0]) == 5


def test_tlsa_is_found_under_the_port_that_the_lab_listens_on_and_under_25() -> None:
    for port in (25, 40025):
        reply = ask(f"_{port}._tcp.mx.signed.example", "TLSA")
        assert reply.flags & dns.flags.AD
        assert str(reply.answer[0].name) == f"_{port}._tcp.mx.signed.example."
        assert str(reply.answer[0][0]) == "3 1 1 " + "ab" * 32


def test_other_classes_are_refused_and_other_opcodes_not_implemented() -> None:
    chaos = dns.message.make_query("version.bind", "TXT", rdclass="CH")
    update = bytearray(chaos.to_wire())
    update[2] |= 5 << 3
    for query, rcode in ((chaos.to_wire(), dns.rcode.REFUSED), (bytes(update), dns.rcode.NOTIMP)):
        reply = RESOLVER.reply(query, over_udp=True)
        assert reply is not None
        assert reply[:2] == query[:2]
        assert reply[3] & 15 == rcode


@given(st.binary(max_size=80))
def test_octets_of_any_kind_are_answered_or_ignored(octets: bytes) -> None:
    reply = RESOLVER.reply(octets, over_udp=True)
    assert reply is None or reply[2] & 0x80


@given(st.data())
def test_a_query_cut_short_or_damaged_never_harms(data: st.DataObject) -> None:
    query = bytearray(dns.message.make_query(SIGNED, "MX", use_edns=0).to_wire())
    query[data.draw(st.integers(0, len(query) - 1))] = data.draw(st.integers(0, 255))
    RESOLVER.reply(bytes(query[: data.draw(st.integers(0, len(query)))]), over_udp=True)


LABELS = st.lists(st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True), min_size=1, max_size=5)


@given(LABELS)
def test_names_are_written_as_dnspython_writes_them(labels: list[str]) -> None:
    name = ".".join(labels)
    assert name_wire(name) == dns.name.from_text(name).to_wire()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("A", "127.3.4.5"),
        ("AAAA", "::1"),
        ("MX", "0 ."),
        ("MX", "10 127.0.0.1."),
        ("MX", r"10 odd\032name.example."),
        ("CNAME", "other.example."),
        ("TXT", '"v=STSv1; id=1;"'),
        ("TXT", '"two " "strings"'),
        ("TXT", r'"\"quoted\" \200"'),
        ("TLSA", "3 1 1 " + "cd" * 32),
        ("TLSA", "2 1 0 0102 03"),
        ("SOA", "ns.example. host.example. 1 2 3 4 5"),
    ],
)
def test_records_are_written_as_dnspython_writes_them(kind: str, data: str) -> None:
    theirs = dns.rdata.from_text(
        dns.rdataclass.IN, kind, data, origin=dns.name.root, relativize=False
    ).to_wire()
    assert rdata_wire(kind, data) == theirs


@pytest.mark.parametrize(("data", "octets"), [("3 1 1 ", "030101"), ("3 1 1 0011", "0301010011")])
def test_tlsa_records_may_hold_what_dnspython_would_not_write(data: str, octets: str) -> None:
    assert rdata_wire("TLSA", data).hex() == octets


def test_the_server_answers_over_udp_and_tcp_on_one_port(start: "StartLab") -> None:
    port = start(INTERNET).ports.dns
    for ask_over in (dns.query.udp, dns.query.tcp):
        query = dns.message.make_query(SIGNED, "MX")
        reply = ask_over(query, "127.0.0.1", port=port, timeout=5)
        assert len(reply.answer[0]) == 2


def test_a_truncated_reply_is_whole_over_tcp(start: "StartLab") -> None:
    port = start(INTERNET).ports.dns
    query = dns.message.make_query("large.example", "TXT", use_edns=-1)
    reply, over_tcp = dns.query.udp_with_fallback(query, "127.0.0.1", port=port, timeout=5)
    assert over_tcp
    assert len(reply.answer[0]) == 5

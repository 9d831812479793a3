"""DNS replies as resolvers send them, written by dnspython, for who reads them in bulk."""

from collections.abc import Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from hypothesis import strategies as st

from crawler.protocol.dns_wire import QueryType, encode_question


def usual_reply(
    name: str,
    records: Sequence[str] = (),
    *,
    query_type: str = "MX",
    rcode: int = 0,
    soa: str | None = None,
    authentic: bool = False,
    edns: bool = True,
) -> bytes:
    """Return the reply for a name: with records, given as texts, or with an SOA record of some owner."""
    query = dns.message.make_query(f"{name}.", query_type, id=7, use_edns=0 if edns else -1)
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(dns.rcode.Rcode(rcode))
    if authentic:
        reply.flags |= dns.flags.AD
    # One set for each record: of several records dnspython draws the order.
    reply.answer = [dns.rrset.from_text(f"{name}.", 300, "IN", query_type, data) for data in records]
    if soa is not None:
        data = "ns1.example.net. hostmaster.example.net. 1 7200 900 1209600 300"
        reply.authority = [dns.rrset.from_text(soa, 300, "IN", "SOA", data)]
    return reply.to_wire()


def question(name: str, query_type: QueryType = QueryType.MX) -> bytes:
    """Return the question section for a name."""
    return encode_question(name, query_type)


names = st.sampled_from(["example.com", "mail.example.co.uk", "xn--bcher-kva.example", "a.b.c.d.example"])
exchanges = st.sampled_from(
    [
        ".",
        "Mx1.Example.Com.",
        "mx1.example.com.",
        "aspmx.l.google.com.",
        "ALT1.ASPMX.L.GOOGLE.COM.",
        "alt2.aspmx.l.google.com.",
        "mail.protection.example.photography.",
        "mx.example.xn--p1ai.",
        "localhost.",
        "a.localhost.",
        "mail.",
        "192.0.2.1.",
        "under_score.example.",
        "-.example.",
        "mx-.example.",
        "mx.1.2.",
        f"{'l' * 63}.example.",
    ]
)
record_sets = st.lists(st.builds("{} {}".format, st.sampled_from([0, 1, 10, 65535]), exchanges), max_size=5)


@st.composite
def usual_replies(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a name and what a resolver may say of its MX records."""
    name = draw(names)
    records = draw(record_sets)
    authentic, edns = draw(st.booleans()), draw(st.booleans())
    if records:
        return name, usual_reply(name, records, authentic=authentic, edns=edns)
    soa = draw(st.sampled_from([None, ".", f"{name}.", f"{name.split('.', 1)[1]}."]))
    rcode = draw(st.sampled_from([0, 3]))
    return name, usual_reply(name, rcode=rcode, soa=soa, authentic=authentic, edns=edns)

"""Rows made of plain replies in bulk are the rows that records made one by one give."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.outcomes import DnssecStatus, LookupStatus, MxKind, UnusableExchange
from crawler.plain_domains import domain_rows
from crawler.probes.plain_lookups import PlainLookups
from crawler.protocol.dns_wire import QueryType, answer_chain, decode_reply
from crawler.protocol.mx import read_mx, sort_mx
from crawler.protocol.plain_replies import read_plain
from crawler.records import Domain, MxLookup, TxtLookup
from crawler.schema import arrow_schema, to_table
from tests.protocol.usual_replies import question, usual_replies, usual_reply

START = datetime(2026, 1, 1, tzinfo=UTC)


class Answered(NamedTuple):
    """A question that was answered."""

    name: str
    reply: bytes
    attempts: int = 1
    elapsed_seconds: float = 0.25


class Resolved(NamedTuple):
    """What was answered about a domain; the last two count only where the domain exists."""

    mx: Answered
    sts_txt: Answered
    tlsrpt_txt: Answered


def resolved(
    name: str, mx_reply: bytes, *, rcode: int = 3, attempts: int = 1, authentic: bool = True
) -> Resolved:
    """Return a domain with a reply about MX, and with denials below it."""
    sts_txt, tlsrpt_txt = (
        Answered(
            f"{label}.{name}",
            usual_reply(f"{label}.{name}", query_type="TXT", rcode=code, soa=".", authentic=authentic),
            attempts + 1,
        )
        for label, code in (("_mta-sts", rcode), ("_smtp._tls", 3 - rcode))
    )
    return Resolved(Answered(name, mx_reply, attempts, attempts / 3), sts_txt, tlsrpt_txt)


def lookup_of(answered: Answered, query_type: QueryType, is_trusted: bool) -> MxLookup:
    """Return a lookup as the resolver makes it, with the records, if any, as those of MX."""
    reply = decode_reply(answered.reply)
    chain, records = answer_chain(reply, answered.name, query_type)
    assert chain == ()
    denied = LookupStatus.NXDOMAIN if reply.rcode == 3 else LookupStatus.NODATA
    security = DnssecStatus.SECURE if reply.authentic_data else DnssecStatus.INSECURE
    return MxLookup(
        status=LookupStatus.NOERROR if records else denied,
        dnssec_status=security if is_trusted else DnssecStatus.UNVALIDATED,
        attempts=answered.attempts,
        elapsed_seconds=answered.elapsed_seconds,
        records=sort_mx([r.data for r in records if isinstance(r.data, tuple)]),  # type: ignore[misc]  # of MX: pairs
    )


def denial_of(answered: Answered, is_trusted: bool) -> TxtLookup:
    lookup = lookup_of(answered, QueryType.TXT, is_trusted)
    return TxtLookup(
        status=lookup.status,
        dnssec_status=lookup.dnssec_status,
        attempts=lookup.attempts,
        elapsed_seconds=lookup.elapsed_seconds,
    )


def one_by_one(domains: Sequence[Resolved], *, is_trusted: bool, with_txt: bool) -> pa.Table:
    """Return the rows made of records."""
    records = []
    for place, domain in enumerate(domains, 1):
        mx = lookup_of(domain.mx, QueryType.MX, is_trusted)
        is_asked = with_txt and mx.status is not LookupStatus.NXDOMAIN
        records.append(
            Domain(
                domain=domain.mx.name,
                position=place,
                rank=rank_of(place),
                mx_kind=read_mx(mx.status, mx.records),
                mx=mx,
                sts_txt=denial_of(domain.sts_txt, is_trusted) if is_asked else None,
                tlsrpt_txt=denial_of(domain.tlsrpt_txt, is_trusted) if is_asked else None,
                resolved_at=START,
            )
        )
    return to_table(Domain, records)


def rank_of(place: int) -> int | None:
    return place * 3 if place % 2 else None


def lookups_of(answered: Sequence[Answered], query_type: QueryType, is_trusted: bool) -> PlainLookups:
    asked = [question(name, query_type) for name, *_ in answered]
    read = read_plain([entry.reply for entry in answered], asked, query_type)
    assert read.is_plain.all()
    return PlainLookups(
        [None] * len(answered),
        read,
        is_trusted,
        np.array([entry.attempts for entry in answered], np.int64),
        np.array([entry.elapsed_seconds for entry in answered], np.float64),
    )


def work_list(domains: Sequence[Resolved]) -> pa.Table:
    places = range(1, len(domains) + 1)
    return pa.table(
        {
            "domain": pa.array([domain.mx.name for domain in domains], pa.string()),
            "position": pa.array(places, pa.int64()),
            "rank": pa.array(map(rank_of, places), pa.int64()),
            "shard": pa.repeat(pa.scalar(0, pa.int64()), len(domains)),
        }
    )


def in_bulk(domains: Sequence[Resolved], *, is_trusted: bool, with_txt: bool) -> pa.Table:
    """Return the rows made of plain replies."""
    mx = lookups_of([domain.mx for domain in domains], QueryType.MX, is_trusted)
    existing = [d for d, is_none in zip(domains, mx.replies.is_nxdomain, strict=True) if not is_none]
    sts_txt, tlsrpt_txt = (
        lookups_of([domain[member] for domain in existing], QueryType.TXT, is_trusted) for member in (1, 2)
    )
    return domain_rows(
        work_list(domains), START, mx, sts_txt if with_txt else None, tlsrpt_txt if with_txt else None
    )


def check(domains: Sequence[Resolved], *, is_trusted: bool = True, with_txt: bool = True) -> pa.Table:
    """Return the rows of domains, having seen that they are the same in both ways, and may be stored."""
    rows = in_bulk(domains, is_trusted=is_trusted, with_txt=with_txt)
    rows.validate(full=True)
    assert rows.schema.equals(arrow_schema(Domain), check_metadata=True)
    expected = one_by_one(domains, is_trusted=is_trusted, with_txt=with_txt)
    assert rows.to_pylist() == expected.to_pylist()
    assert rows.equals(expected, check_metadata=True)
    file = io.BytesIO()
    pq.write_table(rows, file)
    assert pq.read_table(file, schema=arrow_schema(Domain)).equals(expected)
    return rows


@pytest.mark.parametrize("with_txt", [True, False])
@pytest.mark.parametrize("is_trusted", [True, False])
def test_every_kind_of_answer_gives_its_row(is_trusted: bool, with_txt: bool) -> None:
    answers = {
        "explicit.example": (
            ["20 b.example.", "10 c.example.", "10 A.example.", "20 b.example."],
            MxKind.EXPLICIT,
        ),
        "null.example": (["0 ."], MxKind.NULL_MX),
        "twice.example": (["0 .", "0 ."], MxKind.NULL_MX),
        "others.example": (["0 .", "0 mx.example."], MxKind.NULL_MX_WITH_OTHERS),
        "nulls.example": (["0 .", "1 ."], MxKind.NULL_MX_WITH_OTHERS),
    }
    domains = [
        resolved("nowhere.example", usual_reply("nowhere.example", rcode=3, soa="example.", authentic=True)),
        *(resolved(name, usual_reply(name, records)) for name, (records, _) in answers.items()),
        resolved("nodata.example", usual_reply("nodata.example", soa="."), rcode=0, authentic=False),
    ]
    rows = check(domains, is_trusted=is_trusted, with_txt=with_txt)
    kinds = [MxKind.NO_DOMAIN, *(kind for _, kind in answers.values()), MxKind.NO_MX]
    assert rows["mx_kind"].to_pylist() == kinds
    assert [lookup is not None for lookup in rows["sts_txt"].to_pylist()] == [False, *[with_txt] * 6]


def test_records_are_sorted_by_preference_and_then_exchange_each_once() -> None:
    records = [
        "10 b.a.",
        "2 z.example.",
        "10 b-a.",
        "10 b.a.",
        "10 B.",
        "10 b0.a.",
        "65535 a.",
        "0 a.example.",
    ]
    rows = check([resolved("example.com", usual_reply("example.com", records))])
    assert [(r["preference"], r["exchange"]) for r in rows["mx"].to_pylist()[0]["records"]] == [
        (0, "a.example"),
        (2, "z.example"),
        (10, "b"),
        (10, "b-a"),
        (10, "b.a"),
        (10, "b0.a"),
        (65535, "a"),
    ]


def test_what_makes_an_exchange_unusable_is_told() -> None:
    reasons = {
        ".": UnusableExchange.ROOT,
        "192.0.2.1": UnusableExchange.IP_LITERAL,
        "localhost": UnusableExchange.LOCALHOST,
        "mx.localhost": UnusableExchange.LOCALHOST,
        "mail": UnusableExchange.SINGLE_LABEL,
        "under_score.example": UnusableExchange.NOT_A_HOSTNAME,
        "mx-.example": UnusableExchange.NOT_A_HOSTNAME,
        "-.example": UnusableExchange.NOT_A_HOSTNAME,
        "mx.example.1": UnusableExchange.NOT_A_HOSTNAME,
        "mx.example.12": UnusableExchange.NOT_A_HOSTNAME,
        "mx.example": None,
        "1.example": None,
        "mx.xn--p1ai": None,
        "mx.example.photography": None,
        "localhost.example": None,
        "mx.notlocalhost": None,
    }
    records = [f"{place} {name.rstrip('.')}." for place, name in enumerate(reasons)]
    rows = check([resolved("example.com", usual_reply("example.com", records))])
    (lookup,) = rows["mx"].to_pylist()
    assert {record["exchange"]: record["unusable"] for record in lookup["records"]} == reasons


@st.composite
def resolved_domains(draw: st.DrawFn) -> Resolved:
    name, reply = draw(usual_replies())
    return resolved(
        name,
        reply,
        rcode=draw(st.sampled_from([0, 3])),
        attempts=draw(st.integers(1, 9)),
        authentic=draw(st.booleans()),
    )


@given(st.lists(resolved_domains(), max_size=6), st.booleans(), st.booleans())
def test_any_plain_answers_give_the_rows_that_records_give(
    domains: list[Resolved], is_trusted: bool, with_txt: bool
) -> None:
    check(domains, is_trusted=is_trusted, with_txt=with_txt)


@given(st.lists(st.tuples(resolved_domains(), st.booleans()), max_size=6))
def test_taking_some_lookups_is_making_only_those(drawn: list[tuple[Resolved, bool]]) -> None:
    chosen = np.array([is_chosen for _, is_chosen in drawn], np.bool_)
    domains = [domain for domain, _ in drawn]
    taken = lookups_of([domain.mx for domain in domains], QueryType.MX, True).take(chosen)
    some = [domain for domain, is_chosen in drawn if is_chosen]
    only = lookups_of([domain.mx for domain in some], QueryType.MX, True)
    assert domain_rows(work_list(some), START, taken, None, None).equals(
        domain_rows(work_list(some), START, only, None, None)
    )


def test_rows_of_a_sliced_work_list_are_made_too() -> None:
    domains = [resolved(name, usual_reply(name, [f"1 mx.{name}."])) for name in ("a.example", "b.example")]
    expected = in_bulk(domains, is_trusted=True, with_txt=False).slice(1)
    mx = lookups_of([domains[1].mx], QueryType.MX, True)
    assert domain_rows(work_list(domains).slice(1), START, mx, None, None).equals(expected)

"""TLSRPT records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.outcomes import TlsrptVerdict
from crawler.protocol.text import printable
from crawler.protocol.tlsrpt import parse_records


@pytest.mark.parametrize(
    ("text", "ruas"),
    [
        ("v=TLSRPTv1; rua=mailto:reports@example.com", ("mailto:reports@example.com",)),
        ("v=TLSRPTv1;rua=https://reports.example.com/v1/tlsrpt;", ("https://reports.example.com/v1/tlsrpt",)),
        ("v=TLSRPTv1 ;\trua=MAILTO:a@b.example", ("MAILTO:a@b.example",)),
        (
            "v=TLSRPTv1; rua=mailto:a@b.example , https://c.example",
            ("mailto:a@b.example", "https://c.example"),
        ),
        ("v=TLSRPTv1; ext=1; rua=mailto:a%21b@c.example?subject=x", ("mailto:a%21b@c.example?subject=x",)),
        ("v=TLSRPTv1; rua=mailto:a@b.example; rua=mailto:c@d.example", ("mailto:a@b.example",)),
        ("v=TLSRPTv1; rua=ftp://b.example,mailto:a@b.example", ("mailto:a@b.example",)),
        ("v=TLSRPTv1; rua=https://b.example/?a=b", ("https://b.example/?a=b",)),
    ],
)
def test_a_sole_record_with_an_address_to_report_to_is_valid(text: str, ruas: tuple[str, ...]) -> None:
    assert parse_records((printable(text.encode()),)) == (TlsrptVerdict.VALID, ruas)


@pytest.mark.parametrize(
    "text",
    [
        "v=TLSRPTv1;",
        "v=TLSRPTv1; ext=1",
        "v=TLSRPTv1; rua=",
        "v=TLSRPTv1; RUA=x",
        "v=TLSRPTv1; rua=reports@example.com",
        "v=TLSRPTv1; rua=http://example.com",
        "v=TLSRPTv1; rua=mailto:",
        "v=TLSRPTv1; rua=mailto:nobody",
        "v=TLSRPTv1; rua=mailto://example.com",
        "v=TLSRPTv1; rua=https:example.com",
        "v=TLSRPTv1; rua=https:///path",
        "v=TLSRPTv1; rua=mailto:a@b.example!10m",
        "v=TLSRPTv1; rua=mailto:a@b.example,",
        "v=TLSRPTv1; rua=,mailto:a@b.example",
        "v=TLSRPTv1; rua=mailto:a@b.example mailto:c@d.example",
        "v=TLSRPTv1; rua=mailto:a@b.example,c@d.example",
        "v=TLSRPTv1; rua= mailto:a@b.example",
        "v=TLSRPTv1; rua=mailto:a@b.example ",
        "v=TLSRPTv1; rua=mailto:é@b.example",
        "v=TLSRPTv1; rua=mailto:a%4@b.example",
    ],
)
def test_a_missing_or_ill_formed_rua_is_named(text: str) -> None:
    assert parse_records((printable(text.encode()),)) == (TlsrptVerdict.INVALID_RUA, ())


@pytest.mark.parametrize(
    "text",
    [
        "v=TLSRPTv1;; rua=mailto:a@b.example",
        "v=TLSRPTv1; rua=mailto:a@b.example; word",
        "v=TLSRPTv1; rua =mailto:a@b.example",
        "v=TLSRPTv1; rua=mailto:a@b.example?a;b",
    ],
)
def test_fields_that_break_the_grammar_are_named(text: str) -> None:
    assert parse_records((printable(text.encode()),)) == (TlsrptVerdict.MALFORMED, ())


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("v=TLSRPTv1",),
        ("v=TLSRPTv10; rua=mailto:a@b.example",),
        ("v=tlsrptv1; rua=mailto:a@b.example",),
        ("v=spf1 -all",),
        (" v=TLSRPTv1; rua=mailto:a@b.example",),
    ],
)
def test_records_that_do_not_begin_with_version_and_semicolon_are_none(texts: tuple[str, ...]) -> None:
    assert parse_records(texts) == (TlsrptVerdict.ABSENT, ())


def test_other_txt_records_do_no_harm_and_a_second_tlsrpt_record_does() -> None:
    good = "v=TLSRPTv1; rua=mailto:a@b.example"
    assert parse_records(("v=spf1 -all", good)) == (TlsrptVerdict.VALID, ("mailto:a@b.example",))
    assert parse_records((good, "v=TLSRPTv1;")) == (TlsrptVerdict.MULTIPLE, ())


@given(st.lists(st.text() | st.text(alphabet="rua=mailto:@, ;\t\\").map("v=TLSRPTv1;".__add__), max_size=3))
def test_any_texts_have_a_verdict(texts: list[str]) -> None:
    verdict, ruas = parse_records(texts)
    assert bool(ruas) == (verdict is TlsrptVerdict.VALID)

"""Matching of DNS-IDs (RFC 9525 s6.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.protocol.dns_id import matches_dns_id


@pytest.mark.parametrize(
    ("presented", "reference"),
    [
        ("mx.example.com", "mx.example.com"),
        ("MX.Example.COM", "mx.example.com"),
        ("mx.example.com", "MX.EXAMPLE.COM."),
        ("*.example.com", "mx.example.com"),
        ("*.EXAMPLE.com", "mx.example.COM"),
        ("*.example.com", "xn--bcher-kva.example.com"),
        ("*.com", "example.com"),
        ("xn--bcher-kva.example", "XN--BCHER-KVA.example"),
        ("localhost", "localhost"),
    ],
)
def test_equal_labels_match_and_a_wildcard_matches_one(presented: str, reference: str) -> None:
    assert matches_dns_id(presented, reference)


@pytest.mark.parametrize(
    ("presented", "reference"),
    [
        ("example.com", "mx.example.com"),
        ("mx.example.com", "example.com"),
        ("evilmx.example.com", "mx.example.com"),
        ("*.example.com", "example.com"),
        ("*.example.com", "a.b.example.com"),
        ("*.example.com", ".example.com"),
        ("*.*.example.com", "a.b.example.com"),
        ("*.*.com", "a.*.com"),
        ("mx.*.com", "mx.example.com"),
        ("m*.example.com", "mx.example.com"),
        ("*x.example.com", "mx.example.com"),
        ("m*x.example.com", "mx.example.com"),
        ("xn--*.example.com", "xn--a.example.com"),
        ("*", "example"),
        ("*", "mx.example.com"),
        ("*", "*"),
        ("*.", "example"),
        ("*.", "example."),
        ("*.", "mx.example.com"),
        ("*.example.com", "*.example.com"),
        ("", ""),
        ("", "."),
        (".", "."),
        ("mx.example.com.", "mx.example.com"),
        ("*.example.com.", "mx.example.com"),
        (" mx.example.com", "mx.example.com"),
        ("mx.example.com\n", "mx.example.com"),
        ("mx.example.com\\x00.evil.example", "mx.example.com"),
        ("mx.example.com", "mx.example.com.."),
        ("192.0.2.1", "192.0.2.1"),
        ("*.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("https://mx.example.com:25", "mx.example.com"),
        ("mx_1.example.com", "mx_1.example.com"),
    ],
)
def test_anything_else_does_not(presented: str, reference: str) -> None:
    assert not matches_dns_id(presented, reference)


@pytest.mark.parametrize(
    "presented",
    [
        "bücher.example",
        "B\u00dcCHER.example",
        "b\\xC3\\xBCcher.example",
        "\u212aelvin.example",  # KELVIN SIGN, which str.lower makes a k
        "kelv\u0131n.example",
        "ｋelvin.example",
        "kelvin\u3002example",
    ],
)
@pytest.mark.parametrize("reference", ["xn--bcher-kva.example", "kelvin.example", "bücher.example"])
def test_names_outside_ascii_match_nothing(presented: str, reference: str) -> None:
    assert not matches_dns_id(presented, reference)


@given(st.text(), st.text())
def test_any_two_texts_have_an_answer(presented: str, reference: str) -> None:
    if matches_dns_id(presented, reference):
        assert presented.isascii()
        assert "*" not in reference
        assert presented.lower().split(".")[1:] == reference.lower().removesuffix(".").split(".")[1:]

"""Host names and unusable exchanges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.outcomes import UnusableExchange
from crawler.protocol.hostname import classify_exchange, is_hostname

LABEL_63 = "a" * 63


@pytest.mark.parametrize(
    "name",
    [
        "mx.example.com",
        "MX.Example.COM",
        "localhost",
        "3com.example",
        "1.2.3.4.example",
        "a-b.c--d.example",
        "xn--bcher-kva.example",
        "mx.xn--p1ai",
        "a.b",
        LABEL_63 + ".example",
        ".".join([LABEL_63, LABEL_63, LABEL_63, "a" * 61]),
        "mx.1a",
    ],
)
def test_letters_digits_and_inner_hyphens_make_a_host_name(name: str) -> None:
    assert is_hostname(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "mx.example.com.",
        ".example.com",
        "mx..example",
        "_dmarc.example.com",
        "mx_1.example.com",
        "-mx.example.com",
        "mx-.example.com",
        "*.example.com",
        "mx example.com",
        "mx.example.com\n",
        "192.0.2.1",
        "mx.123",
        "123",
        "bücher.example",
        "\u212aelvin.example",
        "mx.example\u3002com",
        LABEL_63 + "a.example",
        ".".join([LABEL_63, LABEL_63, LABEL_63, "a" * 62]),
        r"a\.b.example",
    ],
)
def test_nothing_else_does(name: str) -> None:
    assert not is_hostname(name)


@pytest.mark.parametrize(
    ("exchange", "reason"),
    [
        (".", UnusableExchange.ROOT),
        ("192.0.2.1", UnusableExchange.IP_LITERAL),
        (r"192\.0\.2\.1", UnusableExchange.IP_LITERAL),
        ("2001:db8::1", UnusableExchange.IP_LITERAL),
        ("[192.0.2.1]", UnusableExchange.IP_LITERAL),
        ("[ipv6:2001:db8::1]", UnusableExchange.IP_LITERAL),
        ("localhost", UnusableExchange.LOCALHOST),
        ("mx.localhost", UnusableExchange.LOCALHOST),
        ("mail", UnusableExchange.SINGLE_LABEL),
        (r"mail\.example\.com", UnusableExchange.SINGLE_LABEL),
        (r"a\032b", UnusableExchange.SINGLE_LABEL),
        ("mx_1.example.com", UnusableExchange.NOT_A_HOSTNAME),
        ("192.0.2.256", UnusableExchange.NOT_A_HOSTNAME),
        (r"mail\032.example.com", UnusableExchange.NOT_A_HOSTNAME),
        (r"\@.example.com", UnusableExchange.NOT_A_HOSTNAME),
        ("mx.example.com", None),
        ("localhost.example.com", None),
        ("1.2.0.192.example", None),
    ],
)
def test_an_exchange_is_unusable_for_the_first_reason_of_the_vocabulary(
    exchange: str, reason: UnusableExchange | None
) -> None:
    assert classify_exchange(exchange) == reason


@given(st.text(max_size=300))
def test_any_text_has_an_answer_and_what_is_usable_is_a_host_name(exchange: str) -> None:
    if classify_exchange(exchange) is None:
        assert is_hostname(exchange)
        assert "." in exchange

"""Text of peers' octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.protocol.text import original_octets, printable


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", ""),
        (b"250 ok ~", "250 ok ~"),
        (b"a\tb\r\n", r"a\x09b\x0D\x0A"),
        (b"\x00\x7f\x80\xff", r"\x00\x7F\x80\xFF"),
        (b"\\", r"\\"),
        (rb"\x00", r"\\x00"),
        ("é".encode(), r"\xC3\xA9"),
    ],
)
def test_only_printable_ascii_is_kept_as_it_is(octets: bytes, text: str) -> None:
    assert printable(octets) == text


@given(st.binary())
def test_the_text_is_printable_ascii_and_gives_the_octets_back(octets: bytes) -> None:
    text = printable(octets)
    assert text.isascii()
    assert text.isprintable()
    assert original_octets(text) == octets


@given(st.text())
def test_any_text_has_octets(text: str) -> None:
    assert isinstance(original_octets(text), bytes)

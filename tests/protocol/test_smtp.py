"""SMTP replies and EHLO keywords."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.protocol.smtp import (
    MAXIMUM_LINE_OCTETS,
    MAXIMUM_LINES,
    MAXIMUM_REPLY_OCTETS,
    MalformedReply,
    ReplyReader,
    ReplyTooLong,
    SmtpError,
    ehlo_keywords,
    has_stripped_keyword,
    is_masked_greeting,
    offers_starttls,
)
from crawler.records import Reply


def reply(code: int, *lines: str) -> Reply:
    return Reply(code=code, lines=lines)


def read_whole(octets: bytes) -> tuple[list[Reply], bytes]:
    """Feed everything at once; return the replies, and what is left."""
    reader = ReplyReader()
    reader.feed(octets)
    replies = []
    while (found := reader.next_reply()) is not None:
        replies.append(found)
    return replies, reader.unread


def read_octetwise(octets: bytes) -> tuple[list[Reply], bytes]:
    """Feed one octet at a time; return the replies, and what is left."""
    reader = ReplyReader()
    replies = []
    for octet in octets:
        reader.feed(bytes((octet,)))
        if (found := reader.next_reply()) is not None:
            replies.append(found)
            assert reader.unread == b""
    return replies, reader.unread


GOOD = [
    (b"220 mx.example ESMTP\r\n", reply(220, "mx.example ESMTP")),
    (b"220 mx.example ESMTP\n", reply(220, "mx.example ESMTP")),
    (b"250\r\n", reply(250, "")),
    (b"250 \r\n", reply(250, "")),
    (b"250-\r\n250\r\n", reply(250, "", "")),
    (b"250-mx\r\n250-SIZE 10\n250 STARTTLS\r\n", reply(250, "mx", "SIZE 10", "STARTTLS")),
    (b"571 5.7.1 go away\r\n", reply(571, "5.7.1 go away")),
    (b"299 odd but well formed\r\n", reply(299, "odd but well formed")),
    (b"220-mx\r\n421 busy\r\n", reply(421, "mx", "busy")),
    (b"250-mx\r\n250-SIZE\r\n521-no\r\n521 go\r\n", reply(521, "mx", "SIZE", "no", "go")),
    (b"220 tab\there, \xff and \\\r\n", reply(220, r"tab\x09here, \xFF and \\")),
    (b"220 a\rb\r\r\n", reply(220, r"a\x0Db\x0D")),
    (b"220 nul\0\r\n", reply(220, r"nul\x00")),
    (b"220 " + b"a" * (MAXIMUM_LINE_OCTETS - 6) + b"\r\n", reply(220, "a" * (MAXIMUM_LINE_OCTETS - 6))),
    (b"250-x\r\n" * (MAXIMUM_LINES - 1) + b"250 x\r\n", reply(250, *["x"] * MAXIMUM_LINES)),
]


@pytest.mark.parametrize(("octets", "expected"), GOOD)
@pytest.mark.parametrize("behind", [b"", b"2", b"\x16\x03\x01\x00", b"220-partial\r\n220"])
def test_a_whole_reply_is_read_however_it_arrives_and_whatever_follows(
    octets: bytes, expected: Reply, behind: bytes
) -> None:
    reader = ReplyReader()
    reader.feed(octets + behind)
    assert reader.next_reply() == expected
    assert reader.unread == behind
    assert read_octetwise(octets) == ([expected], b"")


@pytest.mark.parametrize(("octets", "expected"), GOOD)
def test_until_its_last_octet_a_reply_is_not_there(octets: bytes, expected: Reply) -> None:
    reader = ReplyReader()
    reader.feed(octets[:-1])
    assert reader.next_reply() is None
    assert reader.next_reply() is None
    assert reader.unread == octets[:-1]
    reader.feed(octets[-1:])
    assert reader.next_reply() == expected


def test_replies_that_arrive_together_are_read_one_by_one() -> None:
    octets = b"".join(octets for octets, _ in GOOD)
    expected = [expected for _, expected in GOOD]
    assert read_whole(octets) == (expected, b"")
    assert read_octetwise(octets) == (expected, b"")


BAD = [
    (b"\r\n", MalformedReply),
    (b"SSH-2.0-OpenSSH_9\r\n", MalformedReply),
    (b"HTTP/1.1 400 Bad Request\r\n", MalformedReply),
    (b"\x16\x03\x01", MalformedReply),
    (b"J\x00\x00\x00\x0a5.5.5", MalformedReply),
    (b" 220 mx\r\n", MalformedReply),
    (b"22\r\n", MalformedReply),
    (b"2200 mx\r\n", MalformedReply),
    (b"220_mx\r\n", MalformedReply),
    (b"220\tmx\r\n", MalformedReply),
    (b"250\rx" + b"x" * MAXIMUM_LINE_OCTETS, MalformedReply),
    (b"120 soon\r\n", MalformedReply),
    (b"600 what\r\n", MalformedReply),
    ("２２0 mx\r\n".encode(), MalformedReply),
    (b"220-mx\r\n\r\n220 mx\r\n", MalformedReply),
    (b"220-mx\r\n250 mx\r\n", MalformedReply),
    (b"421-busy\r\n220 mx\r\n", MalformedReply),
    (b"220-mx\r\n421-busy\r\n450 busy\r\n", MalformedReply),
    (b"220-mx\r\n421-busy\r\n220 mx\r\n", MalformedReply),
    (b"220-mx\r\n continued\r\n", MalformedReply),
    (b"220 " + b"a" * (MAXIMUM_LINE_OCTETS - 5) + b"\r\n", ReplyTooLong),
    (b"220 " + b"a" * MAXIMUM_LINE_OCTETS, ReplyTooLong),
    (b"250-x\r\n" * MAXIMUM_LINES, ReplyTooLong),
    ((b"250-" + b"x" * 1000 + b"\r\n") * (MAXIMUM_REPLY_OCTETS // 1006 + 1), ReplyTooLong),
]


@pytest.mark.parametrize(("octets", "error"), BAD)
@pytest.mark.parametrize("read", [read_whole, read_octetwise])
def test_what_is_no_reply_is_an_error_however_it_arrives(
    octets: bytes, error: type[SmtpError], read: object
) -> None:
    assert callable(read)
    with pytest.raises(error):
        read(octets)


@pytest.mark.parametrize(("octets", "error"), BAD)
def test_an_error_stays(octets: bytes, error: type[SmtpError]) -> None:
    reader = ReplyReader()
    reader.feed(octets)
    for _ in range(2):
        with pytest.raises(error):
            reader.next_reply()
        reader.feed(b"220 mx\r\n")


def test_another_protocol_is_told_by_its_first_octet() -> None:
    reader = ReplyReader()
    reader.feed(b"S")
    with pytest.raises(MalformedReply):
        reader.next_reply()


reply_pieces = st.lists(
    st.sampled_from([b"220", b"250", b"-", b" ", b"\r\n", b"\n", b"\r", b"mx", b"\xff", b"5", b"a" * 2040])
    | st.binary(max_size=4)
).map(b"".join)


def result_of(octets: bytes, cuts: list[int]) -> tuple[list[Reply], bytes | type[SmtpError]]:
    """Feed octets in pieces; return the replies, and what is left or how it failed."""
    reader = ReplyReader()
    replies: list[Reply] = []
    places = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    try:
        for start, end in pairwise(places):
            reader.feed(octets[start:end])
            while (found := reader.next_reply()) is not None:
                replies.append(found)
    except SmtpError as error:
        return replies, type(error)
    return replies, reader.unread


@given(reply_pieces, st.lists(st.integers(0, 5000)))
def test_how_octets_are_cut_does_not_matter(octets: bytes, cuts: list[int]) -> None:
    whole = result_of(octets, [])
    assert result_of(octets, cuts) == whole
    assert result_of(octets, list(range(len(octets)))) == whole


def test_the_first_line_is_a_name_and_never_a_keyword() -> None:
    answer = reply(250, "STARTTLS", "SIZE 10", "", "8bitmime")
    assert ehlo_keywords(answer) == ("SIZE 10", "8bitmime")
    assert not offers_starttls(ehlo_keywords(answer))


@pytest.mark.parametrize("code", [220, 251, 421, 500, 502])
def test_a_reply_that_is_not_250_has_no_keywords(code: int) -> None:
    assert ehlo_keywords(reply(code, "mx", "STARTTLS")) == ()


@pytest.mark.parametrize(
    "keyword",
    ["STARTTLS", "starttls", "StartTLS", "STARTTLS ", "STARTTLS REQUIRED", " STARTTLS", r"STARTTLS\x0D"],
)
def test_starttls_is_found_in_any_case_and_with_parameters(keyword: str) -> None:
    assert offers_starttls(("SIZE 10", keyword, "HELP"))


@pytest.mark.parametrize(
    "keyword",
    [
        "STARTTLSX",
        "XSTARTTLS",
        "X-STARTTLS",
        "AUTH STARTTLS",
        "starttls.example",
        "STARTTLS=1",
        "START TLS",
        "STARTTLS-REQUIRED",
        r"STARTTLS\\",
        "\u017ftarttls",
        "",
    ],
)
def test_starttls_is_not_found_inside_other_words(keyword: str) -> None:
    assert not offers_starttls((keyword,))


@pytest.mark.parametrize("keyword", ["XXXX", "XXXXXXXA", "XXXXXXXX", "XXXXXXXXB "])
def test_a_keyword_of_x_in_the_place_of_starttls_is_stripping(keyword: str) -> None:
    assert has_stripped_keyword(("SIZE 10", keyword))
    assert not has_stripped_keyword(("STARTTLS", keyword))


@pytest.mark.parametrize(
    "keyword", ["XXX", "XXXA", "XEXCH50", "XXXXXXXAB", "XXXX 1", "xxxxxxxa", "X-ANONYMOUSTLS"]
)
def test_other_keywords_that_begin_with_x_are_not(keyword: str) -> None:
    assert not has_stripped_keyword((keyword,))


@pytest.mark.parametrize(
    "greeting",
    [
        reply(220, "*" * 40),
        reply(220, "****************************0*******2******200***"),
        reply(220, "*** ****"),
        reply(220, "***", "***"),
    ],
)
def test_a_greeting_of_stars_is_masked(greeting: Reply) -> None:
    assert is_masked_greeting(greeting)


@pytest.mark.parametrize(
    "greeting",
    [
        reply(220, "mx.example ESMTP"),
        reply(220, "*** Welcome ***"),
        reply(220, "**"),
        reply(220, ""),
        reply(220, "202 020"),
        reply(554, "***"),
        reply(220, "***", "mx.example"),
    ],
)
def test_other_greetings_are_not(greeting: Reply) -> None:
    assert not is_masked_greeting(greeting)

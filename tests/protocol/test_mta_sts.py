"""MTA-STS records, policies and mx patterns."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.outcomes import StsMode, StsPolicySyntax, StsRecordVerdict
from crawler.protocol.mta_sts import Policy, PolicyError, matches_mx_pattern, parse_policy, parse_records
from crawler.protocol.text import printable

# --- records -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "record_id"),
    [
        ("v=STSv1; id=20160831085700Z;", "20160831085700Z"),
        ("v=STSv1;id=1", "1"),
        ("v=STSv1 ; id=1", "1"),
        ("v=STSv1;\tid=1\t;\t", "1"),
        ("v=STSv1; id=" + "a" * 32, "a" * 32),
        ("v=STSv1; ext=some:value; id=1; x.y-z_0=\\", "1"),
        ("v=STSv1; id=1; id=2", "1"),
        ("v=STSv1; id=1; id=!", "1"),
        ("v=STSv1; ID=2; id=1", "1"),
    ],
)
def test_a_sole_well_formed_record_is_valid(text: str, record_id: str) -> None:
    assert parse_records((printable(text.encode()),)) == (StsRecordVerdict.VALID, record_id)


@pytest.mark.parametrize(
    "text",
    [
        "v=STSv1;",
        "v=STSv1; ",
        "v=STSv1; ext=1",
        "v=STSv1; id=",
        "v=STSv1; id=" + "a" * 33,
        "v=STSv1; id=2016-08-31",
        "v=STSv1; id=a_b",
        "v=STSv1; id=é",
        "v=STSv1; id=1 2",
        "v=STSv1; id=1 ",
        "v=STSv1; ID=1",
        "v=STSv1; id=!; id=1",
    ],
)
def test_a_missing_or_ill_formed_id_is_named(text: str) -> None:
    assert parse_records((printable(text.encode()),)) == (StsRecordVerdict.INVALID_ID, None)


@pytest.mark.parametrize(
    "text",
    [
        "v=STSv1;; id=1",
        "v=STSv1; id=1;;",
        "v=STSv1; id=1; ; ",
        "v=STSv1; id = 1",
        "v=STSv1; id: 1",
        "v=STSv1; id=1; word",
        "v=STSv1; id=1; _x=1",
        "v=STSv1; id=1; x=",
        "v=STSv1; id=1; x=a=b",
        "v=STSv1; id=1; x=a b",
        "v=STSv1; id=1; x=\x7f",
        "v=STSv1; id=1; x=1 ",
        "v=STSv1; id=1; " + "x" * 33 + "=1",
        "v=STSv1; id=1\n; x",
    ],
)
def test_fields_that_break_the_grammar_are_named(text: str) -> None:
    assert parse_records((printable(text.encode()),)) == (StsRecordVerdict.MALFORMED, None)


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("",),
        ("v=STSv1",),
        ("v=STSv10; id=1",),
        ("v=stsv1; id=1",),
        (" v=STSv1; id=1",),
        ("V=STSv1; id=1",),
        ('"v=STSv1; id=1"',),
        ("v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@b.example"),
        ("v=STSv1 ; id=1", "v=spf1 -all"),
    ],
)
def test_records_that_do_not_begin_with_version_and_semicolon_are_none(texts: tuple[str, ...]) -> None:
    assert parse_records(texts) == (StsRecordVerdict.ABSENT, None)


def test_other_txt_records_do_no_harm() -> None:
    texts = ("v=spf1 -all", "v=STSv10; id=2", "v=STSv1; id=1", "")
    assert parse_records(texts) == (StsRecordVerdict.VALID, "1")


def test_two_records_are_none_even_if_one_is_broken() -> None:
    assert parse_records(("v=STSv1; id=1", "v=STSv1; id=2")) == (StsRecordVerdict.MULTIPLE, None)
    assert parse_records(("v=STSv1; id=1", "v=STSv1;")) == (StsRecordVerdict.MULTIPLE, None)


@given(st.lists(st.text() | st.text(alphabet="v=STSv1; id\t\\").map("v=STSv1;".__add__), max_size=3))
def test_any_texts_have_a_verdict(texts: list[str]) -> None:
    verdict, record_id = parse_records(texts)
    assert (record_id is not None) == (verdict is StsRecordVerdict.VALID)


def test_a_text_of_blanks_takes_no_long_time() -> None:
    assert parse_records(("v=STSv1;" + " " * 60000 + "x",))[0] is StsRecordVerdict.MALFORMED
    assert parse_records(("v=STSv1" + " " * 60000,))[0] is StsRecordVerdict.ABSENT


# --- policies ------------------------------------------------------------------------------------------

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.NET\r\nmax_age: 604800\r\n"


def policy_of(*lines: str) -> Policy:
    return parse_policy("\n".join(lines).encode())


def syntax_of(body: bytes) -> StsPolicySyntax:
    with pytest.raises(PolicyError) as caught:
        parse_policy(body)
    return caught.value.syntax


@pytest.mark.parametrize("body", [GOOD, GOOD.replace(b"\r\n", b"\n"), GOOD[:-2], GOOD[:-2] + b" \t"])
def test_a_policy_is_read_with_crlf_or_lf_and_with_or_without_a_last_line_end(body: bytes) -> None:
    assert parse_policy(body) == Policy(
        version="STSv1",
        mode=StsMode.ENFORCE,
        max_age=604800,
        mx_patterns=("mail.example.com", "*.example.net"),
    )


@pytest.mark.parametrize("mode", list(StsMode))
def test_every_mode_is_known_and_none_needs_no_mx(mode: StsMode) -> None:
    lines = ("version:STSv1", f"mode:\t {mode.value} ", "max_age:0")
    if mode is StsMode.NONE:
        assert policy_of(*lines).mx_patterns == ()
    else:
        assert syntax_of("\n".join(lines).encode()) is StsPolicySyntax.MISSING_MX
    assert policy_of(*lines, "mx: a.example").mode is mode


def test_fields_may_stand_in_any_order_and_unknown_ones_are_ignored() -> None:
    policy = policy_of(
        "max_age: 1",
        "x-note: gr\u00fc\u00dfe: \u0085\u2028 \U0001f600",
        "mx: b",
        "mx: a",
        "mode: testing",
        "Mode: none",
        "version: STSv1",
        "mx: b",
    )
    assert policy == Policy(version="STSv1", mode=StsMode.TESTING, max_age=1, mx_patterns=("b", "a", "b"))


def test_of_repeated_fields_the_first_counts() -> None:
    policy = policy_of(
        "version: STSv1", "version: STSv2", "mode: none", "mode: bad", "max_age: 5", "max_age: x", "mode:"
    )
    assert (policy.version, policy.mode, policy.max_age) == ("STSv1", StsMode.NONE, 5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("1", 1), ("31557600", 31557600), ("0031557600", 31557600), ("0000000000", 0)],
)
def test_max_age_is_up_to_ten_digits_and_a_leap_year(text: str, seconds: int) -> None:
    assert policy_of("version: STSv1", "mode: none", f"max_age: {text}").max_age == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "1.0",
        "1 0",
        "1_0",
        "0x10",
        "31557601",
        "00000000001",
        "1" + "0" * 30,
        "9" * 60000,
        "\u0661",
    ],
)
def test_any_other_max_age_is_an_error(text: str) -> None:
    body = f"version: STSv1\nmode: none\nmax_age: {text}\n".encode()
    assert syntax_of(body) is StsPolicySyntax.INVALID_MAX_AGE


@pytest.mark.parametrize(
    "pattern",
    ["mx.example.com", "*.example.com", "MX", "*.com", "xn--bcher-kva.example", "a--b.1", "192.0.2.1"],
)
def test_an_mx_is_a_domain_of_rfc_5321_or_a_wildcard_before_one(pattern: str) -> None:
    assert policy_of("version: STSv1", "mode: enforce", "max_age: 1", f"mx: {pattern}").mx_patterns == (
        pattern.lower(),
    )


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "*",
        "*.",
        ".example.com",
        "mx.example.com.",
        "*.*.example.com",
        "mx.*.example",
        "m*.example",
        "**.example",
        "mx_1.example",
        "-mx.example",
        "mx-.example",
        "a..b",
        "bücher.example",
        "mx.example.com, mx.example.net",
        "mx1 mx2",
        "[192.0.2.1]",
        "2001:db8::1",
    ],
)
def test_any_other_mx_is_an_error_in_every_mode(pattern: str) -> None:
    for mode in StsMode:
        body = f"version: STSv1\nmode: {mode.value}\nmx: ok.example\nmx: {pattern}\nmax_age: 1\n".encode()
        assert syntax_of(body) is StsPolicySyntax.INVALID_MX


@pytest.mark.parametrize(
    ("body", "syntax"),
    [
        (b"\xff\xfe" + GOOD, StsPolicySyntax.NOT_TEXT),
        (GOOD.replace(b"mail", b"m\xe9il"), StsPolicySyntax.NOT_TEXT),
        (GOOD + b"x: \xed\xa0\x80", StsPolicySyntax.NOT_TEXT),
        (GOOD + b"\0", StsPolicySyntax.NOT_TEXT),
        (b"\xef\xbb\xbf" + GOOD, StsPolicySyntax.MALFORMED_LINE),
        (GOOD.replace(b"\r\n", b"\r"), StsPolicySyntax.MALFORMED_LINE),
        (GOOD[:-1], StsPolicySyntax.MALFORMED_LINE),
        (GOOD.replace(b"\r\n", b"\r\r\n"), StsPolicySyntax.MALFORMED_LINE),
        (GOOD + b"\r\n", StsPolicySyntax.MALFORMED_LINE),
        (b"\n" + GOOD, StsPolicySyntax.MALFORMED_LINE),
        (b"\n", StsPolicySyntax.MALFORMED_LINE),
        (b" " + GOOD, StsPolicySyntax.MALFORMED_LINE),
        (GOOD + b"words", StsPolicySyntax.MALFORMED_LINE),
        (GOOD + b"x : y", StsPolicySyntax.MALFORMED_LINE),
        (GOOD + b"x:", StsPolicySyntax.MALFORMED_LINE),
        (GOOD + b"x: a\tb", StsPolicySyntax.MALFORMED_LINE),
        (GOOD + b"x: \x1b", StsPolicySyntax.MALFORMED_LINE),
        (GOOD + b"x" * 33 + b": y", StsPolicySyntax.MALFORMED_LINE),
        (GOOD + b": y", StsPolicySyntax.MALFORMED_LINE),
        (b"<!DOCTYPE html>\n<html></html>\n", StsPolicySyntax.MALFORMED_LINE),
        (b"", StsPolicySyntax.MISSING_VERSION),
        (b"mode: none\nmax_age: 1\n", StsPolicySyntax.MISSING_VERSION),
        (b"Version: STSv1\nmode: none\nmax_age: 1\n", StsPolicySyntax.MISSING_VERSION),
        (b"version: STSv2\nmode: none\nmax_age: 1\n", StsPolicySyntax.INVALID_VERSION),
        (b"version: stsv1\nmode: none\nmax_age: 1\n", StsPolicySyntax.INVALID_VERSION),
        (b"version: STSv1;\nmode: none\nmax_age: 1\n", StsPolicySyntax.INVALID_VERSION),
        (b"version:\nmode: none\nmax_age: 1\n", StsPolicySyntax.INVALID_VERSION),
        (b"version: STSv1\nmax_age: 1\n", StsPolicySyntax.MISSING_MODE),
        (b"version: STSv1\nmode: Enforce\nmax_age: 1\n", StsPolicySyntax.INVALID_MODE),
        (b"version: STSv1\nmode: report\nmax_age: 1\n", StsPolicySyntax.INVALID_MODE),
        (b"version: STSv1\nmode: none\n", StsPolicySyntax.MISSING_MAX_AGE),
        (b"version: STSv1\nmode: none\nmax_age: a\n", StsPolicySyntax.INVALID_MAX_AGE),
        (b"version: STSv1\nmode: enforce\nmax_age: 1\n", StsPolicySyntax.MISSING_MX),
        (b"version: STSv1\nmode: enforce\nmax_age: 1\nmx: *\n", StsPolicySyntax.INVALID_MX),
    ],
)
def test_the_first_error_is_named(body: bytes, syntax: StsPolicySyntax) -> None:
    assert syntax_of(body) is syntax


def test_ten_thousand_mx_lines_are_read() -> None:
    body = GOOD + b"mx: a.example\n" * 10_000
    assert len(parse_policy(body).mx_patterns) == 10_002


@given(st.binary() | st.text().map(str.encode) | st.binary(max_size=20).map(GOOD.__add__))
def test_any_octets_are_a_policy_or_a_policy_error(body: bytes) -> None:
    with contextlib.suppress(PolicyError):
        parse_policy(body)


# --- patterns ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("mx.example.com", "mx.example.com"),
        ("MX.example.com", "mx.Example.com."),
        ("*.example.com", "mx.example.com"),
        ("*.com", "example.com"),
    ],
)
def test_a_pattern_matches_its_host_or_one_label(pattern: str, host: str) -> None:
    assert matches_mx_pattern(pattern, host)


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("mx.example.com", "evilmx.example.com"),
        ("mx.example.com", "mxaexample.com"),
        ("mx.example.com", "mx.example.com.evil.example"),
        ("example.com", "mx.example.com"),
        ("*.example.com", "example.com"),
        ("*.example.com", "a.b.example.com"),
        ("*.example.com", ".example.com"),
        ("*.example.com", "evilexample.com"),
        ("*", "mx"),
        ("*.", "mx."),
        ("*.", "mx"),
        ("m*.example.com", "mx.example.com"),
    ],
)
def test_a_pattern_matches_nothing_else(pattern: str, host: str) -> None:
    assert not matches_mx_pattern(pattern, host)

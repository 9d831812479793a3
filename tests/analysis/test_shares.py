"""Numbers are never printed with more digits than they have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.figures import FigureRow
from analysis.shares import (
    bounds_text,
    count,
    count_text,
    inference_text,
    percent,
    published_percent,
    share_text,
    unit_text,
    unknown_text,
)

BLANK = "\u202f"


def row(
    numerator: int,
    denominator: int,
    unknown: int = 0,
    never: int = 0,
    unit: str = "domain",
    inferred: tuple[int, int] = (0, 0),
) -> FigureRow:
    known, whole = denominator > 0, denominator + unknown
    return FigureRow(
        figure="f",
        stratum="s",
        numerator=numerator,
        denominator=denominator,
        unknown=unknown,
        never=never,
        inferred=inferred[0],
        inference_bound=inferred[1],
        unit=unit,
        estimate=numerator / denominator if known else None,
        low=numerator / whole if known else None,
        high=(numerator + unknown) / whole if known else None,
        interval="nonresponse",
        run="r",
        list="l",
    )


@pytest.mark.parametrize(
    ("numerator", "denominator", "unknown", "share", "bounds"),
    [
        (5, 9, 6, "56 %", "33 to 73 %"),
        (336, 421, 0, "79.8 %", ""),
        (965, 367190, 0, "0.26 %", ""),
        (4158589, 23220430, 0, "17.91 %", ""),
        (1, 100000, 0, "0.0010 %", ""),
        (1, 87000000, 0, "< 0.0001 %", ""),
        (12000, 16000, 1600, "75 %", "68 to 77 %"),
        (12000, 16000, 160, "75.0 %", "74.3 to 75.2 %"),
        (0, 1000, 0, "0 %", ""),
        (7, 7, 0, "100 %", ""),
        (996, 1000, 900, "> 99 %", "52 to > 99 %"),
        (1, 1000, 400, "< 1 %", "< 1 to 29 %"),
        (0, 0, 0, "no estimate", ""),
    ],
)
def test_digits_follow_the_bounds(
    numerator: int, denominator: int, unknown: int, share: str, bounds: str
) -> None:
    figure_row = row(numerator, denominator, unknown)
    assert share_text(figure_row).replace(BLANK, " ") == share
    assert bounds_text(figure_row).replace(BLANK, " ") == bounds


@given(
    st.integers(1, 10**9).flatmap(lambda d: st.tuples(st.integers(0, d), st.just(d), st.integers(0, 10**9)))
)
def test_only_nothing_reads_as_zero_and_only_all_as_a_hundred(counts: tuple[int, int, int]) -> None:
    numerator, denominator, _ = counts
    text = share_text(row(*counts))
    assert (float(text.strip(f"<> {BLANK}%")) == 0 and "<" not in text) == (numerator == 0)
    assert (text == f"100{BLANK}%" or text.startswith("100.")) == (numerator == denominator)


def test_what_can_never_be_a_yes_stands_outside_the_bounds_and_is_named() -> None:
    assert bounds_text(row(5, 9, unknown=4, never=2)).replace(BLANK, " ") == "38 to 69 %"
    assert bounds_text(row(5, 9, never=6)) == ""
    assert unknown_text(row(5, 9, unknown=4, never=2)) == "4 + 2 never"
    assert unknown_text(row(5, 9, unknown=4)) == "4"


@pytest.mark.parametrize(
    ("inferred", "text"),
    [
        ((0, 0), ""),
        ((800, 12), "80 % inferred, bound 12"),
        ((1, 1), "< 1 % inferred, bound 1"),
        ((999, 15), "> 99 % inferred, bound 15"),
        ((1000, 15), "100 % inferred, bound 15"),
    ],
)
def test_what_is_inferred_is_said_with_its_bound(inferred: tuple[int, int], text: str) -> None:
    assert inference_text(row(700, 1000, inferred=inferred)).replace(BLANK, " ") == text


def test_thousands_stand_apart() -> None:
    assert count(4158589) == f"4{BLANK}158{BLANK}589"


def test_weights_are_printed_in_domains() -> None:
    weighted = row(2_833_333_333_333, 5_083_333_333_333, unit="weight of domains, in 10^-12")
    assert count_text(weighted) == "2.83 of 5.08"
    assert unit_text(weighted) == "weight of domains"


def test_a_share_without_bounds_or_count_has_at_most_two_decimals() -> None:
    assert percent(0.123456) == f"12.35{BLANK}%"


@pytest.mark.parametrize(
    ("value", "denominator", "text"),
    [
        (0.82, None, "82 %"),
        (0.993, None, "99.3 %"),
        (0.7981, 421, "79.8 %"),
        (0.0026, 367190, "0.26 %"),
        (0.00078, 87000000, "0.078 %"),
        (0.0360, 8370, "3.6 %"),
        (1.0, 100, "100 %"),
    ],
)
def test_published_shares_keep_their_own_digits(value: float, denominator: int | None, text: str) -> None:
    assert published_percent(value, denominator).replace(BLANK, " ") == text

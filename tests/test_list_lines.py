"""Runs of plain lines are read together: to the same end as line by line."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import list_lines
from crawler.domain_name import RejectedNameError, normalize
from crawler.list_lines import MAX_LINE_OCTETS, LineReader, whole_lines
from crawler.listed import ReadLines

NAMES = (
    "a.example",
    "b-c.example",
    "xn--a.xn--p1ai",
    "A.example",
    "a.example.",
    "faß.de",
    "1.2.3.a4",
    "1.2.3.4",
)
JUNK = (
    "",
    " ",
    "#",
    "a",
    "a..b",
    "-a.b",
    "a-.b",
    "a.b-",
    "a.1",
    "a_b.c",
    "a,b",
    '"a.b"',
    "a.b\r",
    "\x00",
    "\t",
    "x@y.z",
)
FIRST = (
    "domain",
    "rank,domain",
    "domain,rank,domain",
    "Domain,signed",
    "\ufeffdomain",
    "\ufeffa.example",
    "# made",
)
RANKS = ("", "1,", "07,", "0,", "-1,", f"{2**63},", "9" * 18 + ",", "9" * 19 + ",", "1 ,", ",", "1,2,")

line = st.builds(str.__add__, st.sampled_from(RANKS), st.sampled_from(NAMES)) | st.sampled_from(JUNK)
octets = st.builds(
    lambda first, lines, end: end.join([*first, *lines]).encode() + end.encode(),
    st.lists(st.sampled_from(FIRST), max_size=1),
    st.lists(line | st.sampled_from(NAMES[:3]), max_size=30),
    st.sampled_from(["\n", "\r\n", ""]),
)


def read(octets: bytes) -> list[list[dict[str, Any]]]:
    found = ReadLines()
    reader = LineReader(found)
    for lines in whole_lines(io.BytesIO(octets)):
        reader.read(lines)
    return [
        [row for batch in store.batches() for row in batch.to_pylist()]
        for store in (found.named, found.nameless)
    ]


@given(octets=octets | st.binary(max_size=60), chunk=st.integers(1, 60), short=st.integers(1, 60))
def test_together_lines_say_what_each_says_alone(octets: bytes, chunk: int, short: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_lines, "_SHORT_OCTETS", short)
        patch.setattr(list_lines, "_CHUNK_OCTETS", chunk)
        together = read(octets)
        patch.setattr(list_lines, "_PLAIN", {})
        assert together == read(octets)


@given(st.text("ab1-.", max_size=9) | st.text("a-.", min_size=55, max_size=70))
def test_a_plain_name_is_a_domain_as_it_stands(text: str) -> None:
    is_plain = list_lines._NAMES.fullmatch(f"{text}\n".encode()) is not None
    try:
        is_normal = normalize(text) == text
    except RejectedNameError:
        is_normal = False
    begins_with_letter = text.rpartition(".")[2][:1].isalpha()
    assert (is_plain and text != "") == (is_normal and begins_with_letter and len(text) <= 63)


@pytest.mark.parametrize("before", ["", "{},"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_nearly_all_lines_of_a_plain_list_are_read_together(
    monkeypatch: pytest.MonkeyPatch, before: str, end: str
) -> None:
    alone = []
    monkeypatch.setattr(LineReader, "_read_line", lambda _, line: alone.append(line))
    monkeypatch.setattr(list_lines, "_PLAIN", {None: list_lines._PLAIN[()]})
    lines = [before.format(number) + f"d{number}.example{end}" for number in range(1, 20_000)]
    named, _ = read("".join(lines).encode())
    assert len(named) == 19_999
    assert alone == []


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))), st.integers(1, 50))
def test_chunks_are_whole_lines(lines: list[bytes], size: int) -> None:
    octets = b"".join(line + b"\n" for line in lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_lines, "_CHUNK_OCTETS", size)
        chunks = list(whole_lines(io.BytesIO(octets)))
    assert b"".join(chunks) == octets
    assert all(chunk.endswith(b"\n") for chunk in chunks)


@pytest.mark.parametrize("size", [1, 64, MAX_LINE_OCTETS, MAX_LINE_OCTETS + 1, 3 * MAX_LINE_OCTETS])
@pytest.mark.parametrize("before", [0, 1, 63])
@pytest.mark.parametrize("long", [MAX_LINE_OCTETS, MAX_LINE_OCTETS + 1, 9 * MAX_LINE_OCTETS])
def test_a_line_too_long_is_one_line_wherever_a_chunk_ends(
    monkeypatch: pytest.MonkeyPatch, size: int, before: int, long: int
) -> None:
    monkeypatch.setattr(list_lines, "_CHUNK_OCTETS", size)
    named, nameless = read(b"a" * before + b"\n" + b"x" * long + b"\nb.example\n")
    assert [row["line"] for row in named] == [3]
    reason = "line_too_long" if long > MAX_LINE_OCTETS else "name_too_long"
    assert [(row["line"], row["reason"]) for row in nameless][1:] == [(2, reason)]

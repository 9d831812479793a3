"""Domain lists: every format, and every kind of junk."""

import gzip
import io
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from crawler.domain_list import DomainListError, read_list
from crawler.domain_name import RejectedNameError, normalize
from crawler.outcomes import Rejection


def read(
    tmp_path: Path, octets: bytes, name: str = "list.txt"
) -> tuple[list[str], list[tuple[int, Rejection]]]:
    path = tmp_path / name
    path.write_bytes(octets)
    found = read_list(str(path))
    return [d.domain for d in found.domains], [(r.line, r.reason) for r in found.rejected]


def test_plain_text_is_one_domain_a_line(tmp_path: Path) -> None:
    assert read(tmp_path, b"example.com\nexample.org\r\nexample.net") == (
        ["example.com", "example.org", "example.net"],
        [],
    )


def test_rank_and_domain_without_a_header_give_ranks(tmp_path: Path) -> None:
    path = tmp_path / "top.csv"
    path.write_bytes(b"1,example.com\n7,example.org\n")
    assert [(d.domain, d.rank, d.position) for d in read_list(str(path)).domains] == [
        ("example.com", 1, 1),
        ("example.org", 7, 2),
    ]


def test_a_header_says_which_column_is_the_domain(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(
        b'\xef\xbb\xbfOwner,Domain,Rank,signed\n"Smith, J.",Example.GOV,3,true\n\nx,other.gov,,false\ny\n'
    )
    found = read_list(str(path))
    assert [(d.domain, d.rank, d.signed) for d in found.domains] == [
        ("example.gov", 3, True),
        ("other.gov", None, False),
    ]
    assert [(r.line, r.reason) for r in found.rejected] == [(3, Rejection.BLANK), (5, Rejection.BLANK)]


def test_a_comment_above_the_header_does_not_hide_it(tmp_path: Path) -> None:
    assert read(tmp_path, b"# made by hand\nowner,domain\nx,example.com\n") == (
        ["example.com"],
        [(1, Rejection.COMMENT)],
    )


def test_a_quoted_single_column_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, b'"example.com"\n"example.org"\n') == (["example.com", "example.org"], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", Rejection.BLANK),
        (b"   ", Rejection.BLANK),
        (b"# a comment", Rejection.COMMENT),
        (b"http://example.com/", Rejection.URL),
        (b"example.com/path", Rejection.URL),
        (b"postmaster@example.com", Rejection.EMAIL_ADDRESS),
        (b"192.0.2.1", Rejection.IP_ADDRESS),
        (b"192.0.2.1:25", Rejection.IP_ADDRESS),
        (b"[2001:db8::1]", Rejection.IP_ADDRESS),
        (b"2001:db8::1", Rejection.IP_ADDRESS),
        (b"localhost", Rejection.SINGLE_LABEL),
        (b"com.", Rejection.SINGLE_LABEL),
        (b"a..example.com", Rejection.NOT_A_DOMAIN),
        (b"-a.example.com", Rejection.NOT_A_DOMAIN),
        (b"_dmarc.example.com", Rejection.NOT_A_DOMAIN),
        (b"*.example.com", Rejection.NOT_A_DOMAIN),
        (b"two words.example", Rejection.NOT_A_DOMAIN),
        (b"1.2.3", Rejection.NOT_A_DOMAIN),
        (b"example.com..", Rejection.NOT_A_DOMAIN),
        (b"a" * 64 + b".com", Rejection.LABEL_TOO_LONG),
        (b".".join([b"a" * 50] * 6), Rejection.NAME_TOO_LONG),
        ("\u2603\u0301.example".encode(), Rejection.INVALID_IDN),
        (b"x" * 1_000_000, Rejection.LINE_TOO_LONG),
        (b"\x00\x01\x02", Rejection.NOT_TEXT),
        (b"\xff\xfe\xfd.com", Rejection.NOT_TEXT),
        (b"EXAMPLE.com.", Rejection.DUPLICATE),
    ],
)
def test_junk_is_rejected_with_its_line_and_reason_and_the_rest_is_read(
    tmp_path: Path, line: bytes, reason: Rejection
) -> None:
    domains, rejected = read(tmp_path, b"example.com\n" + line + b"\nexample.org\n")
    assert domains == ["example.com", "example.org"]
    assert rejected == [(2, reason)]


def test_a_rejected_line_is_shown_cut_and_printable(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"example.com\n\x1b[2J" + b"y" * 500 + b"\n")
    (shown,) = read_list(str(path)).rejected
    assert shown.text.startswith("\\x1b[2Jyyy")
    assert shown.text.isprintable()
    assert len(shown.text) < 100


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("  example.com\t", "example.com"),
        ("münchen.de", "xn--mnchen-3ya.de"),
        ("faß.de", "xn--fa-hia.de"),  # IDNA 2008, where IDNA 2003 made it fass.de
        ("МОСКВА.рф", "xn--80adxhks.xn--p1ai"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
    ],
)
def test_a_domain_becomes_a_labels_in_lower_case_without_final_dot(text: str, domain: str) -> None:
    assert normalize(text) == domain


def test_a_rank_that_fits_no_column_is_no_rank(tmp_path: Path) -> None:
    path = tmp_path / "top.csv"
    path.write_text(f"{2**63 - 1},example.com\n{2**63},example.org\n")
    assert [listed.rank for listed in read_list(str(path)).domains] == [2**63 - 1, None]


def test_a_longer_list_takes_no_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.repeated_names._NAMES_AT_ONCE", 2_000)

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.txt"
        names = (f"d{number - (number % 10 == 9)}.example\n" for number in range(count))
        path.write_text(
            "".join(f"{name}no domain\n" * (number % 8 == 0) + name for number, name in enumerate(names))
        )
        tracemalloc.start()
        found = read_list(str(path))
        arrow_octets = sum(1 for _ in found.domains) and pa.total_allocated_bytes()
        octets = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return octets + arrow_octets

    peak(10)  # what is made once, whatever the list
    assert peak(36_000) < 1.4 * peak(12_000)


def test_packed_lists_are_unpacked_by_their_first_octets(tmp_path: Path) -> None:
    plain = b"example.com\nexample.org\n"
    for octets in (gzip.compress(plain, mtime=0), zstandard.compress(plain)):
        assert read(tmp_path, octets)[0] == ["example.com", "example.org"]


def test_a_parquet_list_has_a_domain_column(tmp_path: Path) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"rank": [5, 6], "domain": ["example.com", None]}), sink)
    assert read(tmp_path, sink.getvalue()) == (["example.com"], [(2, Rejection.BLANK)])
    sink = io.BytesIO()
    pq.write_table(pa.table({"name": ["example.com"]}), sink)
    with pytest.raises(DomainListError, match="no column 'domain'"):
        read(tmp_path, sink.getvalue())


def test_standard_input_is_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"example.com\n")))
    assert read_list("-").name == "standard input"


def test_a_closed_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(DomainListError, match="standard input: is closed"):
        read_list("-")


@pytest.mark.parametrize("rank", [True, 0, -5])
def test_a_parquet_rank_counts_from_one(tmp_path: Path, rank: int) -> None:
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table({"rank": [rank], "domain": ["example.com"]}), path)
    assert [listed.rank for listed in read_list(str(path)).domains] == [None]


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"", "the list is empty"),
        (b"\n\n", "no usable domain in 2 lines"),
        (b"domain\n", "no usable domain in 0 lines"),
        (b"\x7fELF\x00\x00", "no usable domain in 1 lines"),
        (b"\x1f\x8bnot gzip", "cannot be unpacked"),
        (gzip.compress(b"example.com\n" * 9, mtime=0)[:-12], "cannot be unpacked"),
        (b"\x28\xb5\x2f\xfdnot zstd", "cannot be unpacked"),
        (b"PAR1not parquet", "no readable Parquet file"),
    ],
)
def test_a_list_without_a_domain_is_one_error_that_names_it(
    tmp_path: Path, octets: bytes, message: str
) -> None:
    with pytest.raises(DomainListError, match=message) as raised:
        read(tmp_path, octets)
    assert str(tmp_path / "list.txt") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_list_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DomainListError, match="No such file"):
        read_list(str(tmp_path / "none"))
    with pytest.raises(DomainListError, match="is a folder"):
        read_list(str(tmp_path))


def test_the_gov_list_is_whole() -> None:
    found = read_list(str(Path(__file__).parent.parent / "datasets" / "lists" / "dotgov.csv"))
    assert len(found.domains) == 16_539
    assert list(found.rejected) == []
    assert sum(bool(listed.signed) for listed in found.domains) == 2_069


@given(st.text())
def test_a_text_is_normalized_or_rejected_and_normal_names_stay(text: str) -> None:
    try:
        domain = normalize(text)
    except RejectedNameError:
        return
    assert normalize(domain) == domain


@given(st.binary(max_size=300))
def test_any_octets_are_a_list_or_one_error(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.list"
    path.write_bytes(octets)
    try:
        found = read_list(str(path))
    except DomainListError:
        return
    assert len({listed.domain for listed in found.domains}) == len(found.domains) > 0

"""Pseudonyms: the same name is the same pseudonym everywhere, and nothing else leads to the name."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from crawler.dataset.pseudonyms import (
    WITHHELD,
    KeyFileError,
    Pseudonyms,
    coarse_rank,
    read_key,
    without_names,
)
from crawler.records import Reply
from tests.dataset.published import STRIPPED, TALKATIVE
from tests.dataset.test_redaction import CERTIFICATE

KEY = bytes(range(32))
PSEUDONYMS = Pseudonyms(KEY, frozenset({"aa"}))
NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), min_size=2, max_size=5).map(".".join)


@given(NAMES, st.from_regex(r"[a-z]{1,9}", fullmatch=True))
def test_what_is_below_a_name_stays_below_its_pseudonym(name: str, label: str) -> None:
    parent, child = PSEUDONYMS.name(name), PSEUDONYMS.name(f"{label}.{name}")
    assert child.partition(".")[2] == parent
    assert parent.rpartition(".")[2] == name.rpartition(".")[2]
    assert name != parent


def test_the_same_label_below_other_names_is_another_pseudonym() -> None:
    first, second = (PSEUDONYMS.name(f"mx1.{name}.test").partition(".")[0] for name in ("a", "b"))
    assert first != second


def test_another_key_gives_other_pseudonyms_and_the_same_key_the_same() -> None:
    name = "mail.example.org"
    assert Pseudonyms(KEY, frozenset()).name(name) == PSEUDONYMS.name(name)
    assert Pseudonyms(KEY[::-1], frozenset()).name(name) != PSEUDONYMS.name(name)


@pytest.mark.parametrize("name", ["localhost", "192.0.2.1", "a\\.b.example", "-x-.org", "_25._tcp.mx.test"])
def test_of_what_is_no_host_name_nothing_stays(name: str) -> None:
    assert "." not in PSEUDONYMS.name(name)
    assert PSEUDONYMS.name(name) != name


def test_the_root_is_no_name() -> None:
    assert PSEUDONYMS.name(".") == "."


def test_a_wildcard_stays_one() -> None:
    assert PSEUDONYMS.pattern("*.example.org") == f"*.{PSEUDONYMS.name('example.org')}"
    assert PSEUDONYMS.pattern("jane@example.org") == WITHHELD


@pytest.mark.parametrize(
    ("rank", "published"), [(None, None), (1, 1000), (1000, 1000), (1001, 10_000), (99_999, 100_000)]
)
def test_ranks_are_coarse(rank: int | None, published: int | None) -> None:
    assert coarse_rank(rank) == published


def test_words_that_may_be_names_are_withheld_and_technical_ones_stay() -> None:
    assert without_names("SIZE 36700160") == "SIZE 36700160"
    assert without_names("X-HOST mx1.example.org by jane@b") == f"X-HOST {WITHHELD} by {WITHHELD}"
    assert without_names("2001:db8::1") == WITHHELD


def test_a_session_keeps_what_is_technical_alone() -> None:
    published = PSEUDONYMS(TALKATIVE)
    assert published.mx_host == PSEUDONYMS.name("mx.talkative.test")
    assert published.greeting == Reply(code=220, lines=(WITHHELD,))
    assert published.ehlo_keywords == TALKATIVE.ehlo_keywords
    assert published.tls.version == "TLSv1.3"
    assert published.tls.chain == tuple(
        PSEUDONYMS(replace(CERTIFICATE, sha256=d)).sha256 for d in ("aa", "bb")
    )
    for text in ("talkative", "192.0.2.77", "jane", "'aa'"):
        assert text not in repr(published)


def test_addresses_are_the_same_pseudonym_in_every_row() -> None:
    assert PSEUDONYMS(replace(STRIPPED, address="192.0.2.77")).address == PSEUDONYMS(TALKATIVE).address


def test_a_certificate_cannot_be_found_in_the_logs() -> None:
    at = datetime(2026, 11, 22, 10, 11, 12, tzinfo=UTC)
    signed = replace(CERTIFICATE, issuer="CN=R3,O=Trust", self_signed=False, not_before=at, not_after=None)
    published = PSEUDONYMS(signed)
    assert (published.der, published.subject, published.common_names) == (b"", None, None)
    assert published.issuer == "CN=R3,O=Trust"
    assert published.not_before == datetime(2026, 11, 22, tzinfo=UTC)
    assert published.serial_number != signed.serial_number
    assert published.spki_sha256 != signed.spki_sha256
    assert PSEUDONYMS(CERTIFICATE).issuer is None
    assert Pseudonyms(KEY, frozenset())(signed).issuer is None


def test_a_short_key_is_refused_and_the_way_to_a_good_one_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY[:31])
    with pytest.raises(KeyFileError, match=r"31 octets are too few.*head -c 32 /dev/urandom"):
        read_key(tmp_path / "key")
    (tmp_path / "key").write_bytes(KEY)
    assert read_key(tmp_path / "key") == KEY

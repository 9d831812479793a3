"""The opt-out file: what it covers, and that no line of it is ever passed over."""

import hashlib
import ipaddress
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.opt_out import OptOut, OptOutError
from crawler.outcomes import DnssecStatus, LookupStatus
from crawler.records import CnameStep, Lookup
from crawler.settings import SettingsError

Load = Callable[[bytes], OptOut]

FILE = """\ufeff# Who asked us to stay away.
example.org            # 2026-03-01, by mail
  MÜNCHEN.example.\r

192.0.2.0/24
198.51.100.7
2001:db8:a::/48
2001:db8:b::1
mail.example.net
"""


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    path = tmp_path_factory.mktemp("opt_out") / "opt-out.txt"

    def load(octets: bytes) -> OptOut:
        path.write_bytes(octets)
        return OptOut.load(str(path))

    return load


@pytest.fixture(scope="module")
def listed(load: Load) -> OptOut:
    return load(FILE.encode())


@pytest.mark.parametrize(
    "name",
    [
        "example.org",
        "mx.example.org",
        "_mta-sts.a.b.example.org",
        "xn--mnchen-3ya.example",
        "mx.xn--mnchen-3ya.example",
        "mail.example.net",
    ],
)
def test_a_domain_is_covered_with_all_below_it(listed: OptOut, name: str) -> None:
    assert listed.covers_name(name)


@pytest.mark.parametrize(
    "name", ["example.net", "notexample.org", "example.org.example.com", "org", "", ".", "192.0.2.1"]
)
def test_no_other_name_is(listed: OptOut, name: str) -> None:
    assert not listed.covers_name(name)


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.0",
        "192.0.2.255",
        "198.51.100.7",
        "2001:db8:a:ffff::1",
        "2001:db8:b::1",
        "::ffff:192.0.2.1",
        "64:ff9b::192.0.2.1",
        "2002:c000:201::1",
    ],
)
def test_a_network_is_covered_in_every_form_of_its_addresses(listed: OptOut, address: str) -> None:
    assert listed.covers_address(address)


@pytest.mark.parametrize(
    "address", ["192.0.3.0", "198.51.100.6", "2001:db8:b::2", "::192.0.2.1", "64:ff9b::192.0.3.1"]
)
def test_no_other_address_is(listed: OptOut, address: str) -> None:
    assert not listed.covers_address(address)


def test_an_alias_of_a_covered_name_is_covered(listed: OptOut) -> None:
    def lookup(*targets: str) -> Lookup:
        chain = tuple(CnameStep(target=name, dnssec_status=DnssecStatus.INSECURE) for name in targets)
        return Lookup(status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.INSECURE, cname_chain=chain)

    assert listed.covers_alias(lookup("mx.example.com", "mx.example.org", "mx.hoster.test"))
    assert not listed.covers_alias(lookup("mx.example.com"))
    assert not listed.covers_alias(lookup())


def test_a_file_is_named_by_its_digest_and_counted(listed: OptOut) -> None:
    assert listed.sha256 == hashlib.sha256(FILE.encode()).hexdigest()
    assert listed.size == 7


@pytest.mark.parametrize("octets", [None, b"", b"\n# nobody yet\n"])
def test_without_entries_nothing_is_covered(load: Load, octets: bytes | None) -> None:
    empty = OptOut.load("") if octets is None else load(octets)
    assert (empty.sha256 is None) == (octets is None)
    assert empty.size == 0
    assert not empty.covers_name("example.org")
    assert not empty.covers_address("192.0.2.1")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"*.example.org", "letters, digits"),
        (b".example.org", "letters, digits"),
        (b"_dmarc.example.org", "letters, digits"),
        (b"org", "one label"),
        (b"https://example.org/", "IPv4 or IPv6 network"),
        (b"postmaster@example.org", "holds an @"),
        (b"example.org, example.net", "letters, digits"),
        (b"192.0.2.0/33", "network"),
        (b"192.0.2.1/24", "has host bits set"),
        (b"192.0.2", "letters, digits"),
        (b"192.0.2.1-192.0.2.9", "letters, digits"),
        (b"192.0.2.1:25", "network"),
        (b"[2001:db8::1]", "network"),
        (b"fe80::1%eth0", "with a zone"),
        (b"2001:db8::/129", "network"),
        (b"caf\xe9.example", "not UTF-8"),
        (b"example.org \xff # or so", "not UTF-8"),
        (b"exa\x00mple.org", "letters, digits"),
        ("exam\u2028ple.org".encode(), "IDNA"),
        (b"a" * 5000 + b".org", "over 253 octets"),
    ],
)
def test_a_line_that_is_neither_domain_nor_network_is_named(load: Load, line: bytes, why: str) -> None:
    with pytest.raises(OptOutError) as caught:
        load(b"example.org\n# a comment\n" + line + b"\nexample.net\n")
    message = str(caught.value)
    assert "opt-out.txt:3: " in message
    assert why in message
    assert message.isprintable()
    assert len(message) < 500


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.txt", tmp_path / "\0"):
        with pytest.raises(SettingsError, match="setting opt_out: "):
            OptOut.load(str(path))


@given(st.binary(max_size=100))
@example(b"\xef\xbb\xbf\xef\xbb\xbfexample.org")
@example("１.1.1.1/8".encode())
@example("1.1.1.1/８".encode())
@example(b"::%/1")
def test_any_octets_are_a_file_or_an_error_with_its_line(load: Load, octets: bytes) -> None:
    try:
        opt_out = load(octets)
    except OptOutError as error:
        assert "opt-out.txt:" in str(error)  # noqa: PT017 - either ending is right
    else:
        entries = [line.partition(b"#")[0].strip() for line in octets.split(b"\n")]
        assert opt_out.size <= sum(map(bool, entries))


LABELS = st.text("abc-", min_size=1, max_size=3).filter(lambda label: "-" not in (label[0], label[-1]))
NAMES = st.lists(LABELS, min_size=2, max_size=4).map(".".join)
NETWORKS = st.one_of(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
        lambda pair: ipaddress.IPv4Network(pair, strict=False)
    ),
    st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
        lambda pair: ipaddress.IPv6Network(pair, strict=False)
    ),
)


@given(st.lists(NAMES), NAMES)
def test_a_name_is_covered_exactly_by_itself_and_what_it_lies_below(names: list[str], name: str) -> None:
    covered = any(name == listed or name.endswith(f".{listed}") for listed in names)
    assert OptOut(names).covers_name(name) == covered


@given(st.lists(NETWORKS), st.ip_addresses())
def test_an_address_is_covered_by_every_network_that_holds_it(
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    own = ipaddress.ip_network(address)
    around = own.supernet(new_prefix=own.max_prefixlen // 2)
    assert OptOut(networks=[*networks, around]).covers_address(str(address))
    if any(address in network for network in networks):
        assert OptOut(networks=networks).covers_address(str(address))
    elif isinstance(address, ipaddress.IPv4Address):
        assert not OptOut(networks=networks).covers_address(str(address))


@given(st.lists(st.one_of(NAMES, NETWORKS.map(str))))
def test_what_is_written_is_covered(load: Load, entries: list[str]) -> None:
    opt_out = load("\r\n".join(entries).encode())
    assert opt_out.size == len(set(entries))
    for entry in entries:
        if "/" in entry:
            assert opt_out.covers_address(entry.partition("/")[0])
        else:
            assert opt_out.covers_name(entry)


def test_a_hundred_thousand_lines_are_read_in_a_moment(load: Load) -> None:
    lines = [f"d{number}.example" for number in range(80_000)]
    lines += [f"10.{number >> 8}.{number & 255}.0/24" for number in range(20_000)]
    start = time.process_time()
    opt_out = load("\n".join(lines).encode())
    assert time.process_time() - start < 5  # 0.3 on an idle machine
    assert opt_out.size == 100_000
    assert opt_out.covers_name("mx.d79999.example")
    assert opt_out.covers_address("10.78.31.1")
    start = time.process_time()
    for _ in range(1000):
        opt_out.covers_name("a.b.c.d.e.f.example.com")
        opt_out.covers_address("192.0.2.1")
    assert time.process_time() - start < 1  # 0.005 on an idle machine

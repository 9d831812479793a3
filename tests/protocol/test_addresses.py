"""Special-purpose addresses and networks."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.protocol.addresses import embedded_ipv4, is_special_purpose, network_of


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::192.0.2.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:2::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:c0a8:101::",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_of_the_iana_registries_are_special(address: str) -> None:
    assert is_special_purpose(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2002:808:808::1",
        "2a00:1450::1",
        "3ffe::1",
        "64:ff9b::8.8.8.8",
    ],
)
def test_other_addresses_are_not(address: str) -> None:
    assert not is_special_purpose(address)


@pytest.mark.parametrize("text", ["", "mx.example.com", "256.0.0.1", "010.0.0.1", "1.2.3", "[::1]"])
def test_what_is_no_address_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        is_special_purpose(text)
    with pytest.raises(ValueError, match="does not appear"):
        network_of(text)


@given(st.ip_addresses())
def test_whatever_the_standard_library_calls_private_or_multicast_is_special(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if address.is_private or address.is_multicast or address.is_reserved:
        embedded = isinstance(address, ipaddress.IPv6Address) and str(address).startswith(
            ("2002:", "64:ff9b:")
        )
        assert is_special_purpose(str(address)) or embedded


@pytest.mark.parametrize(
    ("address", "inner"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("64:ff9b::192.0.2.1", "192.0.2.1"),
        ("2002:c000:201:5::9", "192.0.2.1"),
        ("::192.0.2.1", None),
        ("64:ff9b:1::192.0.2.1", None),
        ("2001:db8::1", None),
    ],
)
def test_some_ipv6_addresses_stand_for_an_ipv4_address(address: str, inner: str | None) -> None:
    expected = inner and ipaddress.IPv4Address(inner)
    assert embedded_ipv4(ipaddress.IPv6Address(address)) == expected


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("0.0.0.1", "0.0.0.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::1", "::/48"),
    ],
)
def test_a_network_is_the_24_or_the_48(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.ip_addresses())
def test_an_address_lies_in_its_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert address in ipaddress.ip_network(network_of(str(address)))

"""IP addresses: which are never to be contacted, and which network one belongs to."""

import ipaddress
from bisect import bisect
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# IANA IPv4 Special-Purpose Address Registry (RFC 6890 and successors), and the multicast space. The blocks
# marked globally reachable there (AS112, AMT, PCP anycast) are services of their own, never mail hosts.
_IPV4_SPECIAL = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # shared address space
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link local
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation (TEST-NET-1)
        "192.31.196.0/24",  # AS112-v4
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # deprecated 6to4 relay anycast
        "192.168.0.0/16",  # private use
        "192.175.48.0/24",  # direct delegation AS112 service
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation (TEST-NET-2)
        "203.0.113.0/24",  # documentation (TEST-NET-3)
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and limited broadcast
    )
)

_IPV4_FIRST, _IPV4_LAST = zip(
    *sorted((int(network[0]), int(network[-1])) for network in _IPV4_SPECIAL), strict=True
)
"""First and last address of each: they are looked up for every endpoint, twice."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA allocates for global unicast (RFC 4291 s2.4); any other address is special or reserved."""

# IANA IPv6 Special-Purpose Address Registry, the entries inside global unicast space.
_IPV6_SPECIAL = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID, ...
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # direct delegation AS112 service
        "3fff::/20",  # documentation
    )
)
_6TO4 = IPv6Network("2002::/16")
_NAT64 = IPv6Network("64:ff9b::/96")


def is_special_purpose(address: str) -> bool:
    """Whether an address is in a special-purpose or reserved range of the IANA registries.

    6to4 (RFC 3056) and NAT64 (RFC 6052) addresses are judged by the IPv4 address inside; IPv4-mapped ones
    are always special, as they may not appear on the wire. Raises ValueError for what is no address.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, IPv4Address):
        return _is_special_ipv4(parsed)
    if parsed in _NAT64 or parsed in _6TO4:
        inner = embedded_ipv4(parsed)
        assert inner is not None
        return _is_special_ipv4(inner)
    return parsed not in _GLOBAL_UNICAST or any(parsed in network for network in _IPV6_SPECIAL)


def _is_special_ipv4(address: IPv4Address) -> bool:
    number = int(address)
    before = bisect(_IPV4_FIRST, number)
    return before > 0 and number <= _IPV4_LAST[before - 1]


def embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for: 6to4, NAT64 or IPv4-mapped; else None."""
    if address in _NAT64:
        return IPv4Address(address.packed[12:])
    if address in _6TO4:
        return IPv4Address(address.packed[2:6])
    return address.ipv4_mapped


def network_of(address: str) -> str:
    """Return the network that pacing counts an address to: its /24 (IPv4) or /48 (IPv6).

    Raises ValueError for what is no address.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, IPv6Address):
        return f"{IPv6Address(int(parsed) >> 80 << 80)}/48"
    return f"{IPv4Address(int(parsed) >> 8 << 8)}/24"

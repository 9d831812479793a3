"""The endpoints of the session benchmarks: one address of 127/8 and one MX host name for each number."""

import ipaddress
from pathlib import Path

_FIRST = int(ipaddress.IPv4Address("127.16.0.1"))
"""Away from 127.0.0.1, where other services of a machine listen."""

LEAVES = 1000
"""Distinct certificates of the target: as many as a shard has rows, so that none is read once for many."""


def address_of(number: int) -> str:
    """Return the address of an endpoint, from 0."""
    return str(ipaddress.IPv4Address(_FIRST + number))


def name_of(number: int) -> str:
    """Return the MX host name of an endpoint."""
    return f"mx{number:07}.bench.example"


def number_of(address: str) -> int:
    """Return the number of the endpoint with an address."""
    return int(ipaddress.IPv4Address(address)) - _FIRST


def leaf_of(number: int) -> str:
    """Return the name in the certificate that an endpoint presents."""
    return f"leaf{number % LEAVES:04}.bench.example"


def write_targets(path: Path, count: int) -> None:
    """Write the first endpoints, a line `address,name` each."""
    path.write_text("".join(f"{address_of(number)},{name_of(number)}\n" for number in range(count)))


def read_targets(path: Path) -> list[tuple[str, str]]:
    """Return the (address, name) of each line."""
    pairs = (line.split(",") for line in path.read_text().splitlines())
    return [(address, name) for address, name in pairs]

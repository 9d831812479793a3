"""Reaching an address: whether it may be contacted, and the TCP connection to it."""

import ipaddress
import socket
from collections.abc import Awaitable, Callable
from functools import cache

import trio

from crawler.probes.failures import StageFailed, name_failure
from crawler.probes.tcp_stream import TcpStream, connect_tcp
from crawler.protocol.addresses import is_special_purpose
from crawler.settings import Settings

Connect = Callable[[str, int], Awaitable[trio.abc.Stream]]
"""Opens a stream to an address and port; raises StageFailed."""


def may_contact(address: str, settings: Settings) -> bool:
    """Return whether an address may be contacted: special-purpose ones only where a range is allowed."""
    if not is_special_purpose(address):
        return True
    number = ipaddress.ip_address(address)
    return any(number in network for network in _networks(settings.allowed_ranges))


@cache
def _networks(ranges: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in ranges)


def family_of(address: str) -> int:
    """Return 4 or 6."""
    return 6 if ":" in address else 4


async def open_tcp(address: str, port: int) -> TcpStream:
    """Return a TCP connection. Raises StageFailed with the system's reason; the caller limits the time."""
    family = socket.AF_INET6 if family_of(address) == 6 else socket.AF_INET
    try:
        return await connect_tcp(family, address, port)
    except OSError as error:
        raise StageFailed(*name_failure(error)) from error

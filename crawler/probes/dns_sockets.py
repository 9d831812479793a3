"""What makes a reply hard to forge: sockets that hear one address and port only, and ids nobody can guess."""

import os
import socket
from collections.abc import Iterator

from crawler.probes.reach import family_of

_RECEIVE_BUFFER = 4 * 1024 * 1024
"""Octets asked of the kernel, which may give less: a burst of replies must not be lost to a busy moment."""


def random_ids() -> Iterator[int]:
    """Give unpredictable message ids; one call of the system for many."""
    while True:
        yield from memoryview(os.urandom(1024)).cast("H")


def connected(address: str, port: int) -> socket.socket:
    """Return a UDP socket that takes datagrams from this address and port only."""
    family = socket.AF_INET6 if family_of(address) == 6 else socket.AF_INET
    endpoint = socket.socket(family, socket.SOCK_DGRAM)
    try:
        endpoint.setblocking(False)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        endpoint.connect((address, port))
    except OSError as error:
        endpoint.close()
        raise OSError(error.errno, error.strerror, f"resolver {address} port {port}") from None
    return endpoint

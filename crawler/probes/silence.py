"""Whether a resolver is there at all: one that is gone would pass for an internet without names."""

import os
import socket
from collections.abc import Callable

import trio

from crawler.probes.reach import family_of
from crawler.protocol.dns_wire import QueryType, encode_query

_REPLY_SECONDS = 2.0
"""How long a resolver may take over a question that needs nobody else."""
_BETWEEN_SECONDS = 1.0
"""Between two looks at a resolver that is gone."""


async def is_there(address: str, port: int) -> bool:
    """Tell whether a resolver sends any reply to what each can answer by itself (RFC 6761 s6.3)."""
    number = int.from_bytes(os.urandom(2), "big")
    query = encode_query(number, "localhost", QueryType.A)
    family = socket.AF_INET6 if family_of(address) == 6 else socket.AF_INET
    with trio.socket.socket(family, socket.SOCK_DGRAM) as endpoint, trio.move_on_after(_REPLY_SECONDS):
        try:
            await endpoint.connect((address, port))
            await endpoint.send(query)
            while (await endpoint.recv(4096))[:2] != query[:2]:
                pass
        except OSError:  # ICMP: nobody listens; or no route
            return False
        return True
    return False


class Silence:
    """Looks after a resolver from which nothing is heard, until it is heard again."""

    def __init__(self, address: str, port: int) -> None:
        """Begin with a resolver that is there."""
        self._address = address
        self._port = port
        self._doubt = trio.Event()
        self.problem: str | None = None
        """What is wrong while the resolver is gone, in one line."""
        self.back_at = float("-inf")
        """When it was there again last, on trio's clock."""

    def doubt(self) -> None:
        """Have it found out whether the resolver is there."""
        self._doubt.set()

    async def look_after(self, when_there: Callable[[], None]) -> None:
        """For ever: once there is doubt, wait until the resolver is there, and say so."""
        while True:
            await self._doubt.wait()
            while not await is_there(self._address, self._port):
                self.problem = f"the resolver {self._address} port {self._port} does not answer"
                await trio.sleep(_BETWEEN_SECONDS)
            self._doubt = trio.Event()
            if self.problem is not None:
                self.problem, self.back_at = None, trio.current_time()
            when_there()

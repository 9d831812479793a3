"""A recursive resolver played by the test that takes its time, and bears only so many questions at once."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from crawler.outcomes import LookupStatus
from crawler.probes.resolver import Resolver, open_resolver
from tests.probes.peers import lab_settings

TIMEOUT = 3.0
SERVFAIL = 2


@dataclass
class BusyResolver:
    """Takes a while over each question, and does with it what it is told."""

    endpoint: socket.socket
    nursery: trio.Nursery
    treat: "Callable[[BusyResolver, int], float | int | None]"
    """From the number of a name: seconds until it is answered; an rcode at once; None: dropped."""
    pending: int = 0
    most_pending: int = 0
    asked: dict[int, int] = field(default_factory=dict)
    sources: dict[int, list[tuple[bytes, Any]]] = field(default_factory=dict)

    async def serve(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self.endpoint)
            try:
                while True:
                    self.take(*self.endpoint.recvfrom(4096))
            except BlockingIOError:
                pass

    def take(self, query: bytes, source: Any) -> None:
        number = int(query[14 : 13 + query[12]])
        self.asked[number] = self.asked.get(number, 0) + 1
        treatment = self.treat(self, number)
        if isinstance(treatment, float):
            self.pending += 1
            self.most_pending = max(self.most_pending, self.pending)
            self.nursery.start_soon(self.answer, treatment, number, query, source)
        elif treatment is not None:
            self.endpoint.sendto(reply_to(query, number, treatment), source)

    async def answer(self, seconds: float, number: int, query: bytes, source: Any) -> None:
        await trio.sleep(seconds)
        self.pending -= 1
        self.endpoint.sendto(reply_to(query, number, 0), source)


def reply_to(query: bytes, number: int, rcode: int) -> bytes:
    """Return a reply with the one address that belongs to a name."""
    question = query[12 : query.index(b"\0", 12) + 5]
    header = query[:2] + bytes((0x81, 0x80 | rcode, 0, 1, 0, rcode == 0, 0, 0, 0, 0))
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + (0x0A000000 + number).to_bytes(4, "big")
    return header + question + (answer if rcode == 0 else b"")


def address_of(number: int) -> str:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


@asynccontextmanager
async def busy_resolver(
    treat: Callable[[BusyResolver, int], float | int | None], most: int = 500
) -> AsyncIterator[tuple[Resolver, BusyResolver]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        endpoint.setblocking(False)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        async with trio.open_nursery() as nursery:
            peer = BusyResolver(endpoint, nursery, treat)
            nursery.start_soon(peer.serve)
            address = f"127.0.0.1:{endpoint.getsockname()[1]}"
            settings = lab_settings(
                resolver=address, dns_timeout_seconds=TIMEOUT, dns_attempts=3, questions_in_flight=most
            )
            async with open_resolver(settings) as resolver:
                yield resolver, peer
            nursery.cancel_scope.cancel()


async def ask_all(resolver: Resolver, names: int, at_once: float = float("inf")) -> dict[int, LookupStatus]:
    """Ask for all names; return how each ended, and see that none has another's answer."""
    ended: dict[int, LookupStatus] = {}
    turn = trio.CapacityLimiter(at_once)

    async def ask(number: int) -> None:
        async with turn:
            lookup = await resolver.a(f"n{number}.test")
        ended[number] = lookup.status
        if lookup.status is LookupStatus.NOERROR:
            assert lookup.addresses == (address_of(number),)

    async with trio.open_nursery() as nursery:
        for number in range(names):
            nursery.start_soon(ask, number)
    return ended

"""A recursive resolver played by the test, on a real loopback port."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import trio

from crawler.probes.resolver import Resolver, open_resolver
from tests.probes.peers import lab_settings


@dataclass
class Question:
    """One query as it arrived."""

    message: dns.message.Message
    number: int
    """From 1, UDP and TCP counted together."""
    source: Any
    over_tcp: bool = False

    @property
    def checking_disabled(self) -> bool:
        return bool(self.message.flags & dns.flags.CD)

    def reply(
        self, *records: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, flags: int = 0
    ) -> dns.message.Message:
        """Return a reply with these records: 'owner ttl IN type data'."""
        message = dns.message.make_response(self.message)
        message.flags |= dns.flags.RA | flags
        message.flags &= ~dns.flags.AD if not flags & dns.flags.AD else ~0
        message.set_rcode(rcode)
        for record in records:
            owner, ttl, record_class, record_type, data = record.split(maxsplit=4)
            message.answer.append(dns.rrset.from_text(owner, int(ttl), record_class, record_type, data))
        return message


Answer = Callable[[Question], "bytes | dns.message.Message | list[bytes] | None"]


@dataclass
class DnsPeer:
    """Answers as it is told, and notes what it was asked."""

    answer: Answer
    questions: list[Question] = field(default_factory=list)
    port: int = 0

    def replies(self, octets: bytes, source: Any, *, over_tcp: bool = False) -> list[bytes]:
        question = Question(dns.message.from_wire(octets), len(self.questions) + 1, source, over_tcp)
        self.questions.append(question)
        replies = self.answer(question)
        if replies is None:
            return []
        if isinstance(replies, dns.message.Message):
            return [replies.to_wire(max_size=65535)]
        return [replies] if isinstance(replies, bytes) else replies

    async def serve_udp(self, endpoint: trio.socket.SocketType) -> None:
        while True:
            octets, source = await endpoint.recvfrom(4096)
            for reply in self.replies(octets, source):
                await endpoint.sendto(reply, source)

    async def serve_tcp(self, stream: trio.SocketStream) -> None:
        async with stream:
            octets = bytes(await stream.receive_some(4096))
            assert int.from_bytes(octets[:2], "big") == len(octets) - 2
            for reply in self.replies(octets[2:], None, over_tcp=True):
                framed = len(reply).to_bytes(2, "big") + reply
                for start in range(0, len(framed), 40):
                    await stream.send_all(framed[start : start + 40])


@asynccontextmanager
async def resolver_with(
    answer: Answer, *, outlasts_silence: bool = False, control_hosts: Sequence[str] = (), **changes: Any
) -> AsyncIterator[tuple[Resolver, DnsPeer]]:
    """Open a resolver whose every question is answered by a function; the rest is as in `open_resolver`."""
    peer = DnsPeer(answer)
    endpoint, listener = await _bound_to_one_port()
    with endpoint, listener:
        listener.listen()
        peer.port = endpoint.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, peer.serve_tcp, [trio.SocketListener(listener)])
            nursery.start_soon(peer.serve_udp, endpoint)
            settings = lab_settings(resolver=f"127.0.0.1:{peer.port}", **changes)
            async with open_resolver(
                settings, outlasts_silence=outlasts_silence, control_hosts=control_hosts
            ) as resolver:
                yield resolver, peer
            nursery.cancel_scope.cancel()


async def _bound_to_one_port() -> tuple[trio.socket.SocketType, trio.socket.SocketType]:
    """Return a UDP and a TCP socket with the same port; what is free for one may be taken for the other."""
    for _ in range(100):
        listener = trio.socket.socket()
        await listener.bind(("127.0.0.1", 0))
        endpoint = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
        try:
            await endpoint.bind(listener.getsockname())
        except OSError:
            endpoint.close()
            listener.close()
        else:
            return endpoint, listener
    raise AssertionError("no port is free")

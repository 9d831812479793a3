"""Questions to one recursive resolver and its replies, over UDP and, where truncated, TCP (RFC 1035 s4.2).

The hot path of a survey. A few connected sockets serve every task, since opening one per question costs more
than the question; one task watches all deadlines, since a cancel scope per question costs half as much again.
"""

import secrets
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import trio

from crawler.outcomes import LookupStatus
from crawler.probes.failures import PEER_ERRORS
from crawler.probes.reach import family_of, open_tcp
from crawler.protocol.dns_wire import DnsReply, DnsWireError, QueryType, decode_reply, encode_query

_SOCKETS = 4
"""Each with an ephemeral port: a forged reply must guess port and id (RFC 5452 s4.5)."""

_RECEIVE_BUFFER = 4 * 1024 * 1024
"""Octets asked of the kernel, which may give less: a burst of replies must not be lost to a busy moment."""

_DATAGRAM_LIMIT = 4096
_DRAIN_LIMIT = 256
"""Replies read in a row before other tasks get a turn."""

_RCODES_WITHOUT_QUESTION = frozenset({1, 2, 4, 5})
"""FORMERR, SERVFAIL, NOTIMP, REFUSED: said by some without repeating the question."""


class Exchange(NamedTuple):
    """How a question ended: with a reply, or with the reason why there is none."""

    reply: DnsReply | None
    failure: LookupStatus
    """TIMEOUT, UNREACHABLE, MALFORMED, TRUNCATED or NAME_TOO_LONG; means nothing when there is a reply."""
    attempts: int
    """Questions sent, over UDP and TCP."""


class _Question:
    """One question on its way."""

    __slots__ = ("attempts", "body", "deadline", "failure", "name", "query_type", "reply", "sent", "task")

    def __init__(self, name: str, query_type: QueryType, body: bytes) -> None:
        self.name = name
        self.query_type = query_type
        self.body = body
        """The query without its id."""
        self.attempts = 0
        self.deadline = 0.0
        self.reply: DnsReply | None = None
        self.failure = LookupStatus.TIMEOUT
        self.sent: list[tuple[_Waiting, int]] = []
        """Where replies are awaited. All attempts stay open: a slow answer to the first is an answer."""
        self.task: trio.lowlevel.Task | None = None
        """The task to wake; None as soon as the question is done."""

    def is_answered_by(self, reply: DnsReply) -> bool:
        if reply.question is None:
            return reply.rcode in _RCODES_WITHOUT_QUESTION
        return reply.question == (self.name, self.query_type)


_Waiting = dict[int, _Question]


@asynccontextmanager
async def open_exchange(
    address: str, port: int, *, timeout_seconds: float, attempts: int
) -> AsyncIterator["DnsExchange"]:
    """Open the sockets to a resolver. A question is asked again after the timeout, up to `attempts` times."""
    exchange = DnsExchange(address, port, timeout_seconds, attempts)
    try:
        async with trio.open_nursery() as nursery:
            for endpoint in exchange.endpoints:
                nursery.start_soon(exchange.receive, *endpoint)
            nursery.start_soon(exchange.sweep)
            yield exchange
            nursery.cancel_scope.cancel()
    finally:
        exchange.close()


class DnsExchange:
    """The sockets, and the questions on their way. Made by `open_exchange`."""

    def __init__(self, address: str, port: int, timeout_seconds: float, attempts: int) -> None:
        self._address = address
        self._port = port
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._turn = 0
        self._deadlines: deque[tuple[float, _Question]] = deque()
        self.endpoints: list[tuple[socket.socket, _Waiting]] = []
        try:
            for _ in range(_SOCKETS):
                self.endpoints.append((_connected(address, port), {}))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the sockets."""
        for endpoint, _waiting in self.endpoints:
            endpoint.close()

    async def ask(self, name: str, query_type: QueryType, *, checking_disabled: bool = False) -> Exchange:
        """Ask one question and return how it ended. Raises DnsWireError for a name that cannot be sent."""
        body = encode_query(0, name, query_type, checking_disabled=checking_disabled)[2:]
        question = _Question(name, query_type, body)
        question.task = trio.lowlevel.current_task()
        self._send(question)

        def forget(_: object) -> trio.lowlevel.Abort:
            self._stop_waiting(question)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(forget)
        if question.reply is not None and question.reply.truncated:
            await self._ask_over_tcp(question)
        return Exchange(question.reply, question.failure, question.attempts)

    def _send(self, question: _Question) -> None:
        """Send a question with a new id on the next socket, and note its deadline."""
        self._turn = (self._turn + 1) % _SOCKETS
        endpoint, waiting = self.endpoints[self._turn]
        while (query_id := secrets.randbits(16)) in waiting:
            pass
        waiting[query_id] = question
        question.sent.append((waiting, query_id))
        question.attempts += 1
        question.deadline = trio.current_time() + self._timeout_seconds
        self._deadlines.append((question.deadline, question))
        octets = query_id.to_bytes(2, "big") + question.body
        # A connected socket reports the ICMP error of an earlier datagram in place of sending this one, once.
        for _ in range(2):
            try:
                endpoint.send(octets)
            except BlockingIOError:
                return  # as good as lost on the way
            except OSError:
                question.failure = LookupStatus.UNREACHABLE
            else:
                return

    def _stop_waiting(self, question: _Question) -> None:
        question.task = None
        for waiting, query_id in question.sent:
            del waiting[query_id]

    def _finish(self, question: _Question) -> None:
        task = question.task
        assert task is not None, "finished twice"
        self._stop_waiting(question)
        trio.lowlevel.reschedule(task)

    async def receive(self, endpoint: socket.socket, waiting: _Waiting) -> None:
        """Read replies for ever."""
        while True:
            await trio.lowlevel.wait_readable(endpoint)
            for _ in range(_DRAIN_LIMIT):
                try:
                    octets = endpoint.recv(_DATAGRAM_LIMIT)
                except BlockingIOError:
                    break
                except OSError:
                    # ICMP says that nobody listens, but not to which question. Each is asked again at its
                    # deadline all the same: a resolver that restarts is back within seconds.
                    for question in waiting.values():
                        question.failure = LookupStatus.UNREACHABLE
                else:
                    self._take(octets, waiting)

    def _take(self, octets: bytes, waiting: _Waiting) -> None:
        """Match a reply by id, socket and question (RFC 5452 s9.1); anything else is not for us."""
        question = waiting.get(int.from_bytes(octets[:2], "big"))
        if question is None:
            return
        try:
            reply = decode_reply(octets)
        except DnsWireError:
            question.failure = LookupStatus.MALFORMED
            return
        if question.is_answered_by(reply):
            question.reply = reply
            self._finish(question)

    async def sweep(self) -> None:
        """Watch all deadlines for ever: ask again, or give up."""
        deadlines = self._deadlines
        while True:
            now = trio.current_time()
            # All questions are given the same time, so deadlines stand in order. Done ones are dropped.
            while deadlines and (deadlines[0][0] <= now or deadlines[0][1].task is None):
                question = deadlines.popleft()[1]
                if question.task is None:
                    continue
                if question.attempts < self._attempts:
                    self._send(question)
                else:
                    self._finish(question)
            await trio.sleep_until(deadlines[0][0] if deadlines else now + self._timeout_seconds)

    async def _ask_over_tcp(self, question: _Question) -> None:
        """Ask again over TCP; without a whole reply the question ends truncated."""
        for _ in range(self._attempts):
            question.attempts += 1
            reply = None
            with trio.move_on_after(self._timeout_seconds):
                reply = await self._tcp_reply(question)
            if reply is not None:
                question.reply = reply
                return
        question.reply, question.failure = None, LookupStatus.TRUNCATED

    async def _tcp_reply(self, question: _Question) -> DnsReply | None:
        query_id = secrets.randbits(16).to_bytes(2, "big")
        octets = query_id + question.body
        try:
            stream = await open_tcp(self._address, self._port)
            async with stream:
                await stream.send_all(len(octets).to_bytes(2, "big") + octets)
                length = await _receive_exactly(stream, 2)
                octets = await _receive_exactly(stream, int.from_bytes(length, "big"))
            reply = decode_reply(octets)
        except (*PEER_ERRORS, DnsWireError):
            return None
        is_whole = octets[:2] == query_id and question.is_answered_by(reply) and not reply.truncated
        return reply if is_whole else None


async def _receive_exactly(stream: trio.abc.Stream, size: int) -> bytes:
    """Return so many octets. Raises BrokenResourceError at an early end."""
    octets = b""
    while len(octets) < size:
        received = await stream.receive_some(size - len(octets))
        if not received:
            raise trio.BrokenResourceError
        octets += received
    return octets


def _connected(address: str, port: int) -> socket.socket:
    """Return a UDP socket that takes datagrams from this address and port only."""
    family = socket.AF_INET6 if family_of(address) == 6 else socket.AF_INET
    endpoint = socket.socket(family, socket.SOCK_DGRAM)
    try:
        endpoint.setblocking(False)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        endpoint.connect((address, port))
    except OSError:
        endpoint.close()
        raise
    return endpoint

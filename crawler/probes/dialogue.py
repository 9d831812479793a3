"""SMTP's command and reply, one at a time, over any stream (RFC 5321 s4.1, s4.2)."""

import trio

from crawler.outcomes import Failure
from crawler.probes.failures import StageFailed
from crawler.probes.limit import Limit
from crawler.protocol.pushback import is_pushback
from crawler.protocol.smtp import ReplyReader
from crawler.records import Reply

_READ_SIZE = 4096
"""Octets read at once: the whole EHLO reply of nearly every server, and little memory per session."""


class Dialogue:
    """The client's side of an SMTP dialogue.

    All operations raise the errors of PEER_ERRORS: a stream that broke or ended, octets that are no reply, a
    reply beyond the limits of ReplyReader. When a limit passes, they are cancelled.
    """

    def __init__(self, stream: trio.abc.Stream, limit: Limit) -> None:
        self.stream = stream
        self.is_in_step = False
        """Whether the last thing that happened was a whole reply: only then is a command in order."""
        self.was_pushed_back = False
        """Whether any reply sent this client away."""
        self._limit = limit
        self._reader = ReplyReader()

    @property
    def unread(self) -> bytes:
        """What came after the last whole reply."""
        return self._reader.unread

    async def command(self, line: str, timeout_seconds: float) -> Reply:
        """Send a command line and return the whole reply to it."""
        self.is_in_step = False
        self._limit.allow(timeout_seconds)
        await self.stream.send_all(line.encode("ascii") + b"\r\n")
        return await self._reply()

    async def take_turn(self, timeout_seconds: float) -> None:
        """Raise StageFailed if the server spoke out of turn: what came before a command is no reply to it.

        421 may come at any time, and says that the server closes (RFC 5321 s3.8).
        """
        if not self.unread:
            return
        self._limit.allow(timeout_seconds)
        if (await self._reply()).code == 421:
            raise StageFailed(Failure.SERVICE_CLOSING)
        raise StageFailed(Failure.UNEXPECTED_REPLY, "a reply that came before its command")

    async def greeting(self, timeout_seconds: float) -> Reply:
        """Return the server's opening reply."""
        self._limit.allow(timeout_seconds)
        return await self._reply()

    async def _reply(self) -> Reply:
        while (reply := self._reader.next_reply()) is None:
            octets = await self.stream.receive_some(_READ_SIZE)
            if not octets:
                raise StageFailed(Failure.CLOSED)
            self._reader.feed(bytes(octets))
        self.is_in_step = True
        if is_pushback(reply):
            self.was_pushed_back = True
        return reply


def require_code(reply: Reply, code: int) -> None:
    """Raise StageFailed, with the word for the reply's class, unless it has this code (RFC 5321 s4.2.1)."""
    if reply.code == code:
        return
    if reply.code == 421:
        raise StageFailed(Failure.SERVICE_CLOSING)
    if reply.code // 100 == 4:
        raise StageFailed(Failure.TEMPORARY_REPLY)
    if reply.code // 100 == 5:
        raise StageFailed(Failure.PERMANENT_REPLY)
    raise StageFailed(Failure.UNEXPECTED_REPLY)

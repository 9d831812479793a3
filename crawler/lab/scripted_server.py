"""Plays scripts on the lab's connections."""

import math
from collections.abc import Callable

from OpenSSL import SSL

from crawler.lab.connections import Connection, ConnectionPool
from crawler.lab.script import Close, Octets, Pause, Reset, Script, Step, Tls
from crawler.lab.script_player import ScriptPlayer

_CLOGGED_SECONDS = 0.01
"""Until it is seen again whether the peer has read what was sent."""
_MOST_UNREAD_OCTETS = 1 << 16


class ScriptedDialogue:
    """One connection with a server that follows a script."""

    def __init__(
        self,
        script: Script,
        accept: Callable[[Tls], SSL.Connection],
        pool: ConnectionPool,
        connection: Connection,
    ) -> None:
        """Be the server on one connection."""
        self._steps = ScriptPlayer(accept).play(script)
        self._pool = pool
        self._connection = connection
        self._unread = b""
        self._is_listening = False

    def begin(self) -> None:
        """Take the first steps."""
        self._go_on(lambda: next(self._steps))

    def receive(self, octets: bytes) -> None:
        """Keep what the client says until the script wants it."""
        self._unread = (self._unread + octets)[:_MOST_UNREAD_OCTETS]
        if self._is_listening:
            self._is_listening = False
            self._go_on(self._hear)

    def _hear(self) -> Step:
        octets, self._unread = self._unread, b""
        return self._steps.send(octets)

    def _take_turn(self) -> None:
        """Go on where no octets are wanted, once the peer has read what was sent."""
        if self._connection.is_open and self._connection.is_clogged:
            self._pool.loop.call_later(_CLOGGED_SECONDS, self._take_turn)
        else:
            self._go_on(lambda: self._steps.send(b""))

    def _go_on(self, next_step: Callable[[], Step]) -> None:
        """Take steps until one needs time."""
        while self._connection.is_open:
            try:
                step = next_step()
            except SSL.Error:  # the script is about TLS that fails, or the client has said goodbye
                self._connection.finish()
                return
            match step:
                case bytes():
                    self._connection.send(step)
                    if self._connection.is_clogged:
                        self._take_turn()
                        return
                case Pause():
                    if step.seconds < math.inf:
                        self._pool.loop.call_later(step.seconds, self._take_turn)
                    return
                case Close():
                    self._connection.finish()
                    return
                case Reset():
                    self._connection.reset()
                    return
                case Octets():
                    if not self._unread:
                        self._is_listening = True
                        return
                    next_step = self._hear
                    continue
            next_step = lambda: self._steps.send(b"")  # noqa: E731  one word for "go on"

"""Accepted TCP connections of the lab: in the clear, then inside TLS, never blocking, always bounded.

Plain non-blocking sockets on asyncio's reader callbacks: its transports cost more than a short SMTP dialogue
itself, and cannot do TLS by pyOpenSSL.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from OpenSSL import SSL

from crawler.lab.tls import refusal

IDLE_SECONDS = 60.0
"""A client that says nothing for so long has its connection closed."""
_READ_OCTETS = 16384
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Dialogue(Protocol):
    """What a server says on one connection."""

    def begin(self) -> None:
        """The connection stands."""

    def receive(self, octets: bytes) -> None:
        """Octets came, outside or inside TLS."""


class Connection:
    """One accepted connection."""

    def __init__(self, accepted: socket.socket, pool: "ConnectionPool") -> None:
        """Take over a non-blocking socket; `converse` begins."""
        self.heard_at = pool.loop.time()
        self._socket = accepted
        self._descriptor = accepted.fileno()  # asyncio finds a number faster than a socket
        self._pool = pool
        self._tls: SSL.Connection | None = None
        self._has_handshake = False
        self._finishing = False
        self._unsent = b""

    def converse(self, dialogue: Dialogue) -> None:
        """Begin the dialogue, and feed it what comes."""
        self._dialogue = dialogue
        self._pool.loop.add_reader(self._descriptor, self._readable)
        dialogue.begin()

    @property
    def is_open(self) -> bool:
        """Whether something can still be said."""
        return not self._finishing

    @property
    def is_clogged(self) -> bool:
        """Whether the peer is slower to read than this side to send."""
        return bool(self._unsent)

    def send(self, octets: bytes) -> None:
        """Send; once `finish` was called nothing more is sent."""
        if self._finishing:
            return
        if self._tls is None:
            self._transmit(octets)
        elif octets:
            self._tls.sendall(octets)
            self._transmit_tls()

    def start_tls(self, tls: SSL.Connection) -> None:
        """Speak TLS as the server from here on."""
        self._tls = tls

    def finish(self, *, close_notify: bool = True) -> None:
        """Close after what was sent, so that the peer reads an end of file and never a reset.

        A socket closed with unread octets resets the connection; so only the sending side is closed, and what
        still comes is thrown away until the peer closes too, or the idle limit passes.
        """
        if self._finishing:
            return
        if self._has_handshake and close_notify:
            assert self._tls is not None
            self._tls.shutdown()
            self._transmit_tls()
        self._finishing = True
        if not self._unsent:
            self._end_sending()

    def reset(self) -> None:
        """Close with a TCP reset."""
        if self._socket.fileno() < 0:
            return
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()

    def close(self) -> None:
        """Close at once."""
        if self._socket.fileno() < 0:
            return
        self._finishing = True
        self._pool.loop.remove_reader(self._descriptor)
        if self._unsent:
            self._pool.loop.remove_writer(self._descriptor)
        self._pool.forget(self)
        self._socket.close()

    def _end_sending(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:  # the peer has gone already
            self.close()

    def _readable(self) -> None:
        try:
            octets = self._socket.recv(_READ_OCTETS)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            self.close()
        elif not self._finishing:
            self.heard_at = self._pool.loop.time()
            if self._tls is None:
                self._dialogue.receive(octets)
            else:
                self._receive_tls(self._tls, octets)

    def _receive_tls(self, tls: SSL.Connection, octets: bytes) -> None:
        tls.bio_write(octets)
        try:
            if not self._has_handshake:
                tls.do_handshake()
                self._has_handshake = True
                self._transmit_tls()
            while not self._finishing:
                self._dialogue.receive(tls.recv(_READ_OCTETS))
        except SSL.WantReadError:
            self._transmit_tls()
        except SSL.Error as error:  # also the peer's close_notify, ZeroReturnError
            if not self._has_handshake:
                refused_with = refusal(tls)
                self._transmit(_outgoing(tls) if refused_with is None else refused_with)
            self.finish(close_notify=isinstance(error, SSL.ZeroReturnError))

    def _transmit_tls(self) -> None:
        assert self._tls is not None
        self._transmit(_outgoing(self._tls))

    def _transmit(self, octets: bytes) -> None:
        if self._unsent:
            self._unsent += octets
            return
        if not octets or self._socket.fileno() < 0:
            return
        try:
            sent = self._socket.send(octets)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(octets):
            # Nothing more is read meanwhile: a client that only talks cannot fill the memory.
            self._unsent = octets[sent:]
            self._pool.loop.remove_reader(self._descriptor)
            self._pool.loop.add_writer(self._descriptor, self._writable)

    def _writable(self) -> None:
        octets, self._unsent = self._unsent, b""
        self._pool.loop.remove_writer(self._descriptor)
        self._pool.loop.add_reader(self._descriptor, self._readable)
        self._transmit(octets)
        if self._finishing and not self._unsent and self._socket.fileno() >= 0:
            self._end_sending()


class ConnectionPool:
    """All open connections; closes those that have said nothing for too long."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        """Belong to the running event loop."""
        self.loop = asyncio.get_running_loop()
        self._idle_seconds = idle_seconds
        self._connections: set[Connection] = set()
        self._sweep = self.loop.call_later(idle_seconds / 4, self._close_idle)

    def accept(self, accepted: socket.socket, answer: Callable[[Connection], Dialogue]) -> None:
        """Begin a dialogue on an accepted socket."""
        accepted.setblocking(False)
        connection = Connection(accepted, self)
        self._connections.add(connection)
        connection.converse(answer(connection))

    def forget(self, connection: Connection) -> None:
        """Drop a closed connection."""
        self._connections.discard(connection)

    def close(self) -> None:
        """Close every connection."""
        self._sweep.cancel()
        for connection in tuple(self._connections):
            connection.close()

    def _close_idle(self) -> None:
        too_long_ago = self.loop.time() - self._idle_seconds
        for connection in tuple(self._connections):
            if connection.heard_at <= too_long_ago:
                connection.close()
        self._sweep = self.loop.call_later(self._idle_seconds / 4, self._close_idle)


def _outgoing(tls: SSL.Connection) -> bytes:
    """Return what TLS wants sent."""
    octets = b""
    with suppress(SSL.WantReadError):  # no more of it
        while True:
            octets += tls.bio_read(_READ_OCTETS)
            if len(octets) % _READ_OCTETS:
                break
    return octets

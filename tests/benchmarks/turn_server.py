"""A server whose sessions take turns in one epoll loop: generators that yield to wait for their client."""

import select
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress

from OpenSSL import SSL

Turns = Generator[None, None, None]
Session = Callable[[socket.socket], Turns]
"""What is done on a connection, which does not block. It ends with an OSError too, and with one of TLS."""

_BACKLOG = 4096


def listen() -> socket.socket:
    """Return a listener on a free port of every address of 127/8."""
    listener = socket.socket()
    # Every address of 127/8, and nothing that comes from outside.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    listener.bind(("0.0.0.0", 0))
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def serve(listeners: list[tuple[socket.socket, Session]]) -> None:
    """Serve for ever."""
    poll = select.epoll()
    accepting = {listener.fileno(): (listener, session) for listener, session in listeners}
    open_sessions: dict[int, tuple[socket.socket, Turns]] = {}
    for descriptor in accepting:
        poll.register(descriptor, select.EPOLLIN)
    while True:
        for descriptor, _event in poll.poll():
            if descriptor in accepting:
                for connection, turns in _accepted(*accepting[descriptor]):
                    open_sessions[connection.fileno()] = connection, turns
                    poll.register(connection.fileno(), select.EPOLLIN)
                    _take_turn(open_sessions, connection.fileno())
            else:
                _take_turn(open_sessions, descriptor)


def _accepted(listener: socket.socket, session: Session) -> Iterator[tuple[socket.socket, Turns]]:
    with suppress(BlockingIOError):
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            # Every message is one write, and is waited for.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield connection, session(connection)


def _take_turn(open_sessions: dict[int, tuple[socket.socket, Turns]], descriptor: int) -> None:
    connection, turns = open_sessions[descriptor]
    try:
        next(turns)
    except (StopIteration, OSError, SSL.Error):
        del open_sessions[descriptor]
        connection.close()

"""The target, a process of its own: a fast SMTP server with STARTTLS on every address of 127/8.

    python -m tests.benchmarks.smtp_target TOKEN PORTS_FILE

One epoll loop over pyOpenSSL: what it costs beside the handshake is little, it needs nothing that the survey
does not need, and it speaks what the survey offers: TLS 1.3, X25519MLKEM768. Its greeting holds the token of
the run. It has a port for each thing that it does: `smtp`, the whole session; `tls`, a handshake at once;
`held`, sessions that it leaves waiting, one in ten of them inside the handshake, until somebody connects to
`release`; `count`, which tells how many those are.
"""

import argparse
import json
import socket
from contextlib import suppress
from pathlib import Path

from OpenSSL import SSL

from crawler.file_limit import raise_file_limit
from tests.benchmarks.endpoints import LEAVES, number_of
from tests.benchmarks.target_certificates import server_contexts
from tests.benchmarks.turn_server import Session, Turns, listen, serve

_READ_SIZE = 16384
_EHLO_REPLY = (
    b"250-bench.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-VRFY\r\n250-ETRN\r\n"
    b"%s250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8\r\n"
)
_HELLO = _EHLO_REPLY % b"250-STARTTLS\r\n"
_HELLO_TLS = _EHLO_REPLY % b""
HANDSHAKE_EVERY = 10
"""Of the sessions that are left waiting, every so many is inside the handshake."""
_WITHHELD_OCTETS = 10
"""Of the server's flight: it is read and decrypted but for its last message."""


def sessions_of(token: str) -> dict[str, Session]:
    """Return what is done on each port."""
    contexts = server_contexts()
    greeting = f"220 {token} ESMTP\r\n".encode()

    def smtp(connection: socket.socket) -> Turns:
        yield from _greet(connection, greeting)
        yield from _reply_to_ehlo_and_starttls(connection)
        tls = _server_side(connection, contexts)
        yield from _take_handshake(tls)
        yield from _say(tls, _HELLO_TLS)
        yield from _say(tls, b"221 2.0.0 Bye\r\n")
        tls.shutdown()

    def tls(connection: socket.socket) -> Turns:
        tls = _server_side(connection, contexts)
        yield from _take_handshake(tls)
        yield

    def held(connection: socket.socket) -> Turns:
        kind = "in clear" if number_of(connection.getsockname()[0]) % HANDSHAKE_EVERY else "in handshake"
        yield from _greet(connection, greeting)
        if kind == "in handshake":
            yield from _reply_to_ehlo_and_starttls(connection)
            yield
            connection.send(
                _beginning_of_flight(contexts[_leaf_number(connection)], connection.recv(_READ_SIZE))
            )
        waiting[kind].add(connection)
        try:
            yield
            while connection.recv(_READ_SIZE):
                yield
        finally:
            waiting[kind].discard(connection)

    def count(connection: socket.socket) -> Turns:
        connection.send(json.dumps({kind: len(sockets) for kind, sockets in waiting.items()}).encode())
        yield

    def release(connection: socket.socket) -> Turns:
        for sockets in waiting.values():
            for left in sockets:
                left.shutdown(socket.SHUT_RDWR)
        yield

    waiting: dict[str, set[socket.socket]] = {"in clear": set(), "in handshake": set()}
    return {"smtp": smtp, "tls": tls, "held": held, "count": count, "release": release}


def _greet(connection: socket.socket, greeting: bytes) -> Turns:
    connection.send(greeting)
    yield
    _expect(connection.recv(_READ_SIZE), b"EHLO ")


def _reply_to_ehlo_and_starttls(connection: socket.socket) -> Turns:
    connection.send(_HELLO)
    yield
    _expect(connection.recv(_READ_SIZE), b"STARTTLS\r\n")
    connection.send(b"220 2.0.0 Ready to start TLS\r\n")


def _beginning_of_flight(context: SSL.Context, client_hello: bytes) -> bytes:
    """Return the reply to a ClientHello without its end."""
    tls = SSL.Connection(context, None)
    tls.set_accept_state()
    tls.bio_write(client_hello)
    with suppress(SSL.WantReadError):
        tls.do_handshake()
    return tls.bio_read(_READ_SIZE)[:-_WITHHELD_OCTETS]


def _expect(received: bytes, beginning: bytes) -> None:
    if not received.startswith(beginning):
        raise ConnectionAbortedError


def _leaf_number(connection: socket.socket) -> int:
    return number_of(connection.getsockname()[0]) % LEAVES


def _server_side(connection: socket.socket, contexts: list[SSL.Context]) -> SSL.Connection:
    tls = SSL.Connection(contexts[_leaf_number(connection)], connection)
    tls.set_accept_state()
    return tls


def _take_handshake(tls: SSL.Connection) -> Turns:
    yield
    while True:
        try:
            tls.do_handshake()
        except SSL.WantReadError:
            yield
        else:
            return


def _say(tls: SSL.Connection, reply: bytes) -> Turns:
    """Answer whatever the client says next."""
    while True:
        try:
            tls.recv(_READ_SIZE)
        except SSL.WantReadError:
            yield
        else:
            tls.send(reply)
            return


def main() -> None:
    """Serve, after the numbers of the ports are written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("token")
    parser.add_argument("ports_file", type=Path)
    given = parser.parse_args()
    raise_file_limit()
    listeners = {name: (listen(), session) for name, session in sessions_of(given.token).items()}
    ports = {name: listener.getsockname()[1] for name, (listener, _) in listeners.items()}
    aside = given.ports_file.with_suffix(".aside")
    aside.write_text(json.dumps(ports))
    aside.replace(given.ports_file)  # it appears whole
    serve(list(listeners.values()))


if __name__ == "__main__":
    main()

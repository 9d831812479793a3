"""The lab's MTA-STS policy hosts: HTTPS, several per address, told apart by server name (RFC 8461 s3.3)."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from socket import socket

from crawler.lab.connections import Connection, ConnectionPool
from crawler.lab.internet import PolicyServer
from crawler.lab.listening import Connect, ListenError, Listeners
from crawler.lab.tls import UNRECOGNIZED_NAME, HandshakeRefusedError, TlsServers, TlsVariant

_POLICY_PATH = b"/.well-known/mta-sts.txt"
_LONGEST_REQUEST_OCTETS = 1 << 14
_NOT_HTTP = b"\x15\x03 this is no HTTP response\r\n\r\n"


class PolicyServers:
    """All policy hosts behind one port number, told apart by address and server name."""

    def __init__(self, servers: Mapping[str, PolicyServer], tls: TlsServers, pool: ConnectionPool) -> None:
        """Take the servers; `serve` begins."""
        self._hosts: dict[str, dict[str, PolicyServer]] = {}
        for server in servers.values():
            self._hosts.setdefault(server.address, {})[server.host] = server
        self._tls = tls
        self._pool = pool

    def serve(self, listeners: Listeners) -> None:
        """Answer on sockets made for these servers' addresses."""
        listeners.serve(self._accepted)

    def _accepted(self, address: str, accepted: socket) -> None:
        self._pool.accept(accepted, partial(HttpDialogue, self._hosts[address], self._tls))


def connects(servers: Mapping[str, PolicyServer]) -> dict[str, Connect]:
    """Return how each address takes connections. Raises ListenError when its hosts disagree."""
    behaviour: dict[str, Connect] = {}
    for server in servers.values():
        if behaviour.setdefault(server.address, server.connect) != server.connect:
            raise ListenError(f"policy hosts at {server.address} differ in how they take connections")
    return behaviour


class HttpDialogue:
    """One HTTPS connection: one request, one response, closed."""

    def __init__(self, hosts: Mapping[str, PolicyServer], tls: TlsServers, connection: Connection) -> None:
        """Be the servers of one address on one connection."""
        self._hosts = hosts
        self._tls = tls
        self._connection = connection
        self._server: PolicyServer | None = None
        self._unread = b""

    def begin(self) -> None:
        """Wait for a ClientHello."""
        self._connection.start_tls(self._tls.accept(TlsVariant(), self._order_for))

    def receive(self, octets: bytes) -> None:
        """Take the request."""
        self._unread += octets
        head, blank_line, _ = self._unread.partition(b"\r\n\r\n")
        if not blank_line and len(self._unread) <= _LONGEST_REQUEST_OCTETS:
            return
        self._unread = b""
        assert self._server is not None  # chosen in the handshake
        if self._server.response == "silent":
            return
        if self._server.response == "garbage":
            self._connection.send(_NOT_HTTP)
        elif self._server.response != "close":
            self._connection.send(_response(self._server, head))
        self._connection.finish()

    def _order_for(self, server_name: str) -> str:
        self._server = self._hosts.get(server_name)
        if self._server is None or self._server.handshake == "alert" or self._server.certificate is None:
            raise HandshakeRefusedError(UNRECOGNIZED_NAME)
        if self._server.handshake == "close":
            raise HandshakeRefusedError(None)
        return self._server.certificate


def _response(server: PolicyServer, request_head: bytes) -> bytes:
    method, _, rest = request_head.partition(b"\r\n")[0].partition(b" ")
    if method != b"GET":
        return _message(405, (), b"")
    if rest != _POLICY_PATH + b" HTTP/1.1":
        return _message(404, (), b"")
    missing = 1 if server.response == "cut_short" else 0
    return _message(server.status, server.headers, server.body, missing=missing)


def _message(status: int, headers: tuple[tuple[str, str], ...], body: bytes, *, missing: int = 0) -> bytes:
    fields = (*headers, ("Content-Length", str(len(body) + missing)), ("Connection", "close"))
    head = f"HTTP/1.1 {status} {_phrase(status)}\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in fields
    )
    return head.encode("latin-1") + b"\r\n" + body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

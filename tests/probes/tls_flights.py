"""TLS as no library would speak it: flights made by hand, cut short, sent slowly or out of order."""

from collections.abc import Awaitable, Callable

import trio
from OpenSSL import SSL

from tests.probes.peers import Do, ServerTls

_ALERT, _HANDSHAKE, _APPLICATION_DATA = 21, 22, 23
_HELLO_REQUEST, _SERVER_HELLO, _CERTIFICATE, _SERVER_HELLO_DONE = 0, 2, 11, 14
_ECDHE_RSA_AES128_GCM, _ECDH_ANON_AES128, _RSA_NULL_SHA256 = 0xC02F, 0xC018, 0x003B

SSLV2_SERVER_HELLO = bytes.fromhex("800b 04 00 01 0002 0000 0000 0010".replace(" ", "")) + bytes(16)


def record(kind: int, octets: bytes, version: bytes = b"\3\3") -> bytes:
    """Return a record."""
    return bytes((kind,)) + version + len(octets).to_bytes(2, "big") + octets


def message(kind: int, octets: bytes) -> bytes:
    """Return a handshake message in records of its own."""
    whole = bytes((kind,)) + len(octets).to_bytes(3, "big") + octets
    return b"".join(record(_HANDSHAKE, whole[i : i + 16384]) for i in range(0, len(whole), 16384))


def server_hello(suite: int = _ECDHE_RSA_AES128_GCM, version: bytes = b"\3\3") -> bytes:
    """Return the ServerHello of a TLS 1.2 server."""
    body = version + b"R" * 32 + b"\0" + suite.to_bytes(2, "big") + b"\0"
    return message(_SERVER_HELLO, body)


def certificate_message(*certificates: bytes) -> bytes:
    """Return a TLS 1.2 Certificate message with anything in the place of certificates."""
    entries = b"".join(len(octets).to_bytes(3, "big") + octets for octets in certificates)
    return message(_CERTIFICATE, len(entries).to_bytes(3, "big") + entries)


HELLO_REQUEST = message(_HELLO_REQUEST, b"")
SERVER_HELLO_DONE = message(_SERVER_HELLO_DONE, b"")
SSLV3_SERVER_HELLO = server_hello(version=b"\3\0")
ANONYMOUS_SERVER_HELLO = server_hello(_ECDH_ANON_AES128)
NULL_SERVER_HELLO = server_hello(_RSA_NULL_SHA256)
WARNING = record(_ALERT, b"\1\x70")
"""unrecognized_name, as a warning."""
OVERSIZED_RECORD = record(_HANDSHAKE, b"\2" * 40000)
EMPTY_RECORD = record(_HANDSHAKE, b"")


class _PartlySent(trio.abc.Stream):
    """A stream of which so many writes arrive whole, and of the next one a part."""

    def __init__(self, stream: trio.abc.Stream, flights: int, part: float) -> None:
        self._stream = stream
        self._flights = flights
        self._part = part

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._flights -= 1
        sent = bytes(data) if self._flights >= 0 else bytes(data)[: int(len(data) * self._part)]
        await self._stream.send_all(sent)
        if self._flights < 0 or (self._flights == 0 and not self._part):
            raise EOFError

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


class _OctetByOctet(_PartlySent):
    """A stream on which each octet is a segment."""

    def __init__(self, stream: trio.abc.Stream, seconds_each: float) -> None:
        super().__init__(stream, 0, 0.0)
        self._seconds_each = seconds_each

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        for octet in bytes(data):
            await self._stream.send_all(bytes((octet,)))
            await trio.sleep(self._seconds_each)


def partial_handshake(context: SSL.Context, *, flights: int, part: float = 0.0) -> Do:
    """Return the action of a server that sends so many flights of a handshake, and a part of the next."""

    async def act(transport: trio.abc.Stream, inner: trio.abc.Stream) -> None:
        try:
            await ServerTls(_PartlySent(transport, flights, part), context).handshake()
        except EOFError:
            return

    return Do(act)


def slow_handshake(context: SSL.Context, seconds_each: float) -> Do:
    """Return the action of a server that sends its handshake octet by octet."""

    async def act(transport: trio.abc.Stream, inner: trio.abc.Stream) -> None:
        await ServerTls(_OctetByOctet(transport, seconds_each), context).handshake()

    return Do(act)


def raw(octets: bytes) -> Do:
    """Return the action of a server that sends octets outside of the TLS that stands."""

    async def act(transport: trio.abc.Stream, inner: trio.abc.Stream) -> None:
        await transport.send_all(octets)

    return Do(act)


def of_tls(act: Callable[[ServerTls], Awaitable[None]]) -> Do:
    """Return an action on the TLS that stands."""

    async def of_inner(transport: trio.abc.Stream, inner: trio.abc.Stream) -> None:
        assert isinstance(inner, ServerTls)
        await act(inner)

    return Do(of_inner)

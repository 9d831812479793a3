"""Scripted peers: a list of octets and actions, played on the far end of a memory stream."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import trio
import trio.testing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from crawler.settings import Settings

ADDRESS = "127.0.0.1"
MX_HOST = "mx.peer.test"

GREETING = b"220 mx.peer.test ESMTP\r\n"
EHLO_REPLY = b"250-mx.peer.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
EHLO_TLS_REPLY = b"250-mx.peer.test\r\n250-PIPELINING\r\n250 REQUIRETLS\r\n"
GO_AHEAD = b"220 2.0.0 Ready to start TLS\r\n"
BYE = b"221 2.0.0 Bye\r\n"

_T = TypeVar("_T")


class Line:
    """Read one line from the client."""


class Octets:
    """Read what comes."""


class Close:
    """End the connection."""


class Reset:
    """Break the connection."""


class Silence:
    """Say nothing more, and keep the connection."""


@dataclass(frozen=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True)
class Trickle:
    """Send octet by octet."""

    octets: bytes
    seconds_each: float


@dataclass(frozen=True)
class Endless:
    """Send the same again and again, until the client leaves."""

    octets: bytes
    seconds_each: float = 0.0


@dataclass(frozen=True)
class Tls:
    """Take a TLS handshake; what follows in the script is said inside."""

    context: SSL.Context


@dataclass(frozen=True)
class Do:
    """Do anything else, with the transport and the stream inside it."""

    act: Callable[[trio.abc.Stream, trio.abc.Stream], Awaitable[None]]


Action = bytes | Line | Octets | Close | Reset | Silence | Pause | Trickle | Endless | Tls | Do

HELLO: tuple[Action, ...] = (GREETING, Line(), EHLO_REPLY)
TO_TLS: tuple[Action, ...] = (*HELLO, Line(), GO_AHEAD)


@dataclass
class ScriptedPeer:
    """Plays its script to whoever connects, and notes the lines it got."""

    script: Sequence[Action]
    lines: list[bytes] = field(default_factory=list)
    server_names: list[bytes | None] = field(default_factory=list)
    after_script: bytes = b""
    """What the client said after the end of the script."""
    is_closed_by_client: bool = False

    async def play(self, stream: "BreakableStream") -> None:
        """Play the script, then listen until the client leaves."""
        inner: trio.abc.Stream = stream
        received = bytearray()
        try:
            for action in self.script:
                if isinstance(action, Close):
                    await stream.aclose()
                    return
                if isinstance(action, Reset):
                    stream.reset_peer()
                    return
                if isinstance(action, Tls):
                    assert not received, "the client spoke too early"
                    inner = ServerTls(stream, action.context)
                    await inner.handshake()
                    self.server_names.append(inner.server_name())
                elif isinstance(action, Line):
                    self.lines.append(await _line(inner, received))
                elif isinstance(action, Octets):
                    await inner.receive_some(4096)
                elif isinstance(action, Do):
                    await action.act(stream, inner)
                else:
                    await _say(inner, action)
            while octets := await inner.receive_some(4096):
                self.after_script += octets
        except (trio.BrokenResourceError, SSL.Error, EOFError):
            pass
        self.is_closed_by_client = True


async def _say(stream: trio.abc.Stream, action: "Action") -> None:
    match action:
        case bytes():
            await stream.send_all(action)
        case Silence():
            await trio.sleep_forever()
        case Pause():
            await trio.sleep(action.seconds)
        case Trickle():
            for octet in action.octets:
                await trio.sleep(action.seconds_each)
                await stream.send_all(bytes([octet]))
        case Endless():
            while True:
                await stream.send_all(action.octets)
                await trio.sleep(action.seconds_each)


async def _line(stream: trio.abc.Stream, received: bytearray) -> bytes:
    while b"\n" not in received:
        octets = await stream.receive_some(4096)
        if not octets:
            raise EOFError
        received += octets
    line, _, rest = bytes(received).partition(b"\n")
    received[:] = rest
    return line.removesuffix(b"\r")


class BreakableStream(trio.abc.Stream):
    """A memory stream whose connection can be reset, as a TCP connection can."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.inner = stream
        self.peer: BreakableStream | None = None
        self.is_reset = False
        self.is_closed = False

    def reset_peer(self) -> None:
        assert self.peer is not None
        self.peer.is_reset = True
        end = self.inner
        assert isinstance(end, trio.StapledStream)
        end.send_stream.close()
        end.receive_stream.close()

    def _check(self) -> None:
        if self.is_reset:
            error = ConnectionResetError(104, "Connection reset by peer")
            raise trio.BrokenResourceError("broken") from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._check()
        await self.inner.send_all(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        self._check()
        received = await self.inner.receive_some(max_bytes)
        if not received:
            self._check()
        return received

    async def aclose(self) -> None:
        self.is_closed = True
        await self.inner.aclose()


def stream_pair() -> tuple[BreakableStream, BreakableStream]:
    ends = tuple(BreakableStream(end) for end in trio.testing.memory_stream_pair())
    ends[0].peer, ends[1].peer = ends[1], ends[0]
    return ends[0], ends[1]


class Connections:
    """Stands in for `open_tcp`: every connection meets the same scripted peer."""

    def __init__(self, nursery: trio.Nursery, peer: ScriptedPeer) -> None:
        self._nursery = nursery
        self._peer = peer
        self.streams: list[BreakableStream] = []
        self.endpoints: list[tuple[str, int]] = []

    async def open(self, address: str, port: int) -> trio.abc.Stream:
        client, server = stream_pair()
        self.streams.append(client)
        self.endpoints.append((address, port))
        self._nursery.start_soon(self._peer.play, server)
        return client


class ServerTls(trio.abc.Stream):
    """The server's side of TLS over a stream."""

    def __init__(self, stream: trio.abc.Stream, context: SSL.Context) -> None:
        self._stream = stream
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()

    def server_name(self) -> bytes | None:
        return self._tls.get_servername()

    async def handshake(self) -> None:
        await self._run(self._tls.do_handshake)

    async def ask_for_renegotiation(self) -> None:
        """Send a HelloRequest (RFC 5246 s7.4.1.1)."""
        assert self._tls.renegotiate()
        self._tls.do_handshake()
        await self._flush()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.send(rest) :]
        await self._flush()

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            return await self._run(lambda: self._tls.recv(max_bytes or 4096))
        except (EOFError, SSL.ZeroReturnError):
            return b""

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def _run(self, operation: Callable[[], _T]) -> _T:
        while True:
            try:
                result = operation()
            except SSL.WantReadError:
                await self._flush()
                octets = await self._stream.receive_some(16384)
                if not octets:
                    raise EOFError from None
                self._tls.bio_write(octets)
            except SSL.Error:
                await self._flush()
                raise
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        while True:
            try:
                octets = self._tls.bio_read(65536)
            except SSL.WantReadError:
                return
            await self._stream.send_all(octets)


@dataclass(frozen=True)
class Issued:
    """A key and the certificates that a server with it sends."""

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def der(self) -> tuple[bytes, ...]:
        return tuple(certificate.public_bytes(serialization.Encoding.DER) for certificate in self.chain)


@cache
def issued(key_type: str) -> Issued:
    """Return a leaf of this key type and the authority above it."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("authority.test", "authority.test", authority_key, authority_key)
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = (
        rsa.generate_private_key(65537, 2048)
        if key_type == "rsa"
        else ec.generate_private_key(ec.SECP256R1())
    )
    leaf = _certificate(MX_HOST, "authority.test", key, authority_key)
    return Issued(key, (leaf, authority))


def _certificate(subject: str, issuer: str, key: Any, issuer_key: Any) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(issuer_key, hashes.SHA256())
    )


def server_context(
    key_type: str = "ec",
    *,
    version: int | None = None,
    ciphers: bytes = b"ALL:@SECLEVEL=0",
    groups: bytes | None = None,
) -> SSL.Context:
    """Return a server's context; one protocol version if one is named."""
    certificates = issued(key_type)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(ciphers)
    context.use_privatekey(certificates.key)
    context.use_certificate(certificates.chain[0])
    for above in certificates.chain[1:]:
        context.add_extra_chain_cert(above)
    context.set_min_proto_version(version or SSL.TLS1_VERSION)
    if version is not None:
        context.set_max_proto_version(version)
    if groups is not None:
        library: Any = SSL._lib  # type: ignore[attr-defined]  # pyOpenSSL sets one group at most
        assert library.SSL_CTX_set1_curves_list(context._context, groups) == 1
    return context


def lab_settings(**changes: Any) -> Settings:
    """Return settings that allow loopback."""
    return Settings(**({"hello_name": "scan.test", "allowed_ranges": ("127.0.0.0/8", "::1/128")} | changes))

"""Scripted peers: a list of octets and actions, played on the far end of a memory stream."""

from collections.abc import Callable, Sequence
from contextlib import suppress
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

from crawler.lab.script import Action, Close, Octets, Pause, Reset, Step, Tls
from crawler.lab.script_player import ScriptPlayer
from crawler.settings import Settings

ADDRESS = "127.0.0.1"
MX_HOST = "mx.peer.test"

_T = TypeVar("_T")


def accept_tls(action: Tls) -> SSL.Connection:
    """Return the server's side of TLS with the context that a script names, or the usual one."""
    tls = SSL.Connection(action.context or server_context(), None)
    tls.set_accept_state()
    return tls


@dataclass
class ScriptedPeer:
    """Plays its script to whoever connects, and notes the lines it got."""

    script: Sequence[Action]
    accept: Callable[[Tls], SSL.Connection] = accept_tls
    lines: list[bytes] = field(default_factory=list)
    server_names: list[bytes | None] = field(default_factory=list)
    is_closed_by_client: bool = False
    _after_script: bytearray = field(default_factory=bytearray)

    @property
    def after_script(self) -> bytes:
        """What the client said after the end of the script."""
        return bytes(self._after_script)

    async def play(self, stream: "BreakableStream") -> None:
        """Play the script, then listen until the client leaves."""
        player = ScriptPlayer(self.accept, self.lines, self.server_names, self._after_script)
        steps = player.play(self.script)
        octets = b""
        with suppress(trio.BrokenResourceError, SSL.Error):
            step = next(steps)
            while not isinstance(step, Close | Reset):
                octets = await _take(stream, step)
                if isinstance(step, Octets) and not octets:
                    break
                step = steps.send(octets)
                assert not player.spoken_too_early
            else:
                await _leave(stream, step)
                return
        self.is_closed_by_client = True


async def _take(stream: trio.abc.Stream, step: Step) -> bytes:
    match step:
        case bytes():
            await stream.send_all(step)
        case Pause():
            await trio.sleep(step.seconds)
        case Octets():
            return bytes(await stream.receive_some(16384))
    return b""


async def _leave(stream: "BreakableStream", step: Close | Reset) -> None:
    if isinstance(step, Close):
        await stream.aclose()
    else:
        stream.reset_peer()


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

"""The TLS client: pyOpenSSL over memory, on any trio stream. It classifies; it never verifies."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import NoReturn, TypeVar

import trio
from OpenSSL import SSL, crypto

from crawler.outcomes import AlertSide, Failure
from crawler.probes.alerts import CLOSURE_ALERTS, FATAL, name_alert
from crawler.probes.failures import StageFailed
from crawler.records import Alert, TlsHandshake

_CIPHERS = b"ALL:!aNULL:!eNULL:@SECLEVEL=0"
"""Everything that authenticates and encrypts, however weak: what a server chooses is the measurement."""

_RECORD_SIZE = 16 * 1024
"""Octets read at once: the plaintext limit of one record (RFC 8446 s5.1)."""

_MAXIMUM_FRUITLESS_OCTETS = 512 * 1024
"""Octets read without a result: a handshake may have two messages of 100 KiB, OpenSSL's limit of each."""

# OpenSSL's SSL_CB_READ_ALERT and SSL_CB_WRITE_ALERT, as its info callback reports them.
_ALERT_SIDE_OF_EVENT = {0x4004: AlertSide.SERVER, 0x4008: AlertSide.CLIENT}

_T = TypeVar("_T")
_AlertEvent = tuple[AlertSide, int]


@cache
def _client_context() -> SSL.Context:
    """Return the one context of this process: TLS 1.0 to 1.3, X25519MLKEM768 and X25519 offered.

    Both key shares are OpenSSL's default since 3.5; a test reads them from the ClientHello.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_cipher_list(_CIPHERS)
    # Servers without secure renegotiation (RFC 5746) are old, not without TLS. To renegotiate is refused: one
    # handshake is recorded, and no second one may begin between a command and its reply.
    context.set_options(SSL.OP_LEGACY_SERVER_CONNECT | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_info_callback(_note_alert)
    return context


def _note_alert(connection: SSL.Connection, event: int, value: int) -> None:
    """Keep an alert in the connection's list, if it ends the connection."""
    side = _ALERT_SIDE_OF_EVENT.get(event)
    if side is None:
        return
    level, code = value >> 8, value & 0xFF
    if (level == FATAL or _speaks_tls13(connection)) and code not in CLOSURE_ALERTS:
        connection.get_app_data().append((side, code))


def _speaks_tls13(connection: SSL.Connection) -> bool:
    """Whether TLS 1.3 was agreed on, where alerts of any level end it, closures apart (RFC 8446 s6)."""
    # Before the ServerHello OpenSSL names the highest version offered; there is no cipher suite yet.
    return (
        connection.get_protocol_version() == SSL.TLS1_3_VERSION and connection.get_cipher_name() is not None
    )


class TlsStream(trio.abc.Stream):
    """A TLS session over another stream. After `handshake` it is a stream of plaintext.

    TLS errors are raised as StageFailed(TLS_ALERT or TLS_ERROR); errors of the transport pass through. The
    end of the transport is the end of this stream, announced by close_notify or not.
    """

    def __init__(self, transport: trio.abc.Stream, server_name: str, *, protocols: Sequence[bytes] = ()):
        self._transport = transport
        self._fatal_alerts: list[_AlertEvent] = []
        self._error: str | None = None
        self._is_established = False
        self._tls = SSL.Connection(_client_context(), None)
        self._tls.set_app_data(self._fatal_alerts)
        self._tls.set_tlsext_host_name(server_name.encode("ascii"))
        if protocols:
            self._tls.set_alpn_protos(list(protocols))
        self._tls.set_connect_state()

    async def handshake(self) -> None:
        """Shake hands. Raises StageFailed(TLS_ALERT, TLS_ERROR or CLOSED)."""
        await self._run(self._tls.do_handshake, at_end=_raise_closed)
        await self._flush()
        self._is_established = True

    def facts(self, chain: Sequence[bytes]) -> TlsHandshake:
        """Return what is known of the handshake, completed or not; `chain` is what `chain()` returned."""
        digests = tuple(hashlib.sha256(der).hexdigest() for der in chain)
        if not self._is_established:
            return TlsHandshake(chain=digests, alert=self._alert(), error=self._error)
        return TlsHandshake(
            version=self._tls.get_protocol_version_name(),
            cipher_suite=self._tls.get_cipher_name(),
            group=self._tls.get_group_name(),
            chain=digests,
        )

    def chain(self) -> tuple[bytes, ...]:
        """Return the server's certificates as DER, as sent, in the order sent."""
        # No certificate is parsed here beyond what OpenSSL did: an odd one must not spoil the session.
        sent = self._tls.get_peer_cert_chain() or ()
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in sent)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send plaintext."""
        rest = memoryview(data)
        while rest:
            written = await self._run(partial(self._tls.send, rest), at_end=_raise_closed)
            rest = rest[written:]
        await self._flush()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the transport takes octets."""
        await self._transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return plaintext; nothing at the end of the stream."""
        size = max_bytes or _RECORD_SIZE
        return await self._run(lambda: self._tls.recv(size), at_end=bytes)

    async def aclose(self) -> None:
        """Send close_notify and close the transport."""
        try:
            if self._is_established and self._error is None:
                with suppress(SSL.Error):  # the peer is in the middle of a message
                    self._tls.shutdown()
                with suppress(trio.BrokenResourceError):  # the peer was faster
                    await self._flush()
        finally:
            await self._transport.aclose()

    async def _run(self, operation: Callable[[], _T], *, at_end: Callable[[], _T]) -> _T:
        """Run a TLS operation, feeding it from the transport until it has a result.

        Some messages OpenSSL passes over without a limit, such as HelloRequest: here is one.
        """
        fruitless = 0
        while True:
            try:
                return operation()
            except SSL.WantReadError:
                await self._flush()
            except SSL.ZeroReturnError:
                return at_end()
            except SSL.Error as error:
                raise await self._fail(error) from error
            received = await self._transport.receive_some(_RECORD_SIZE)
            if not received:
                return at_end()
            fruitless += len(received)
            if fruitless > _MAXIMUM_FRUITLESS_OCTETS:
                self._error = f"over {_MAXIMUM_FRUITLESS_OCTETS} octets without an end"
                raise StageFailed(Failure.TLS_ERROR, self._error)
            self._tls.bio_write(received)

    async def _flush(self) -> None:
        """Send what OpenSSL has ready."""
        if ready := self._ready():
            await self._transport.send_all(ready)

    def _ready(self) -> bytes:
        ready = b""
        try:
            while len(octets := self._tls.bio_read(_RECORD_SIZE)) == _RECORD_SIZE:
                ready += octets
        except SSL.WantReadError:  # nothing, or nothing more
            return ready
        return ready + octets

    async def _fail(self, error: SSL.Error) -> StageFailed:
        """Return the failure of a TLS operation, with our own alert on its way to the peer."""
        self._error = _reasons(error)
        with suppress(trio.BrokenResourceError):  # our alert is a courtesy
            await self._flush()
        alert = self._alert()
        if alert is not None and alert.side is AlertSide.SERVER:
            return StageFailed(Failure.TLS_ALERT, f"{alert.name} ({alert.code})")
        return StageFailed(Failure.TLS_ERROR, self._error)

    def _alert(self) -> Alert | None:
        if not self._fatal_alerts:
            return None
        side, code = self._fatal_alerts[0]
        return name_alert(side, code)


def _raise_closed() -> NoReturn:
    raise StageFailed(Failure.CLOSED)


def _reasons(error: SSL.Error) -> str:
    """Return OpenSSL's reasons, outermost last."""
    if isinstance(error, SSL.SysCallError):  # no queue: a number and a text
        return str(error.args[1])
    queue = error.args[0] if error.args else ()
    return "; ".join(reason for _library, _function, reason in queue) or "no reason given"

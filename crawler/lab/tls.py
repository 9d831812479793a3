"""The server side of TLS, by pyOpenSSL without a socket: octets in, octets out.

One context per TLS variant, issuers sent and key, made when first needed; the server's own certificate is
put on each connection, by the name that the client asks for. (A context per certificate would cost more time
than it saves, and memory for thousands.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from crawler.lab.authority import Authority, Issued
from crawler.lab.internet import CertificateOrder

VERSIONS = {
    "TLSv1": SSL.TLS1_VERSION,
    "TLSv1.1": SSL.TLS1_1_VERSION,
    "TLSv1.2": SSL.TLS1_2_VERSION,
    "TLSv1.3": SSL.TLS1_3_VERSION,
}
HANDSHAKE_FAILURE = 40
UNRECOGNIZED_NAME = 112
_RECORD_HEADER_OCTETS = 5

VersionName = Literal["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]


@dataclass(frozen=True, slots=True)
class TlsVariant:
    """What a server negotiates."""

    minimum: VersionName = "TLSv1.2"
    maximum: VersionName = "TLSv1.3"
    post_quantum: bool = True
    """False: secp256r1 is the only group."""


class HandshakeRefusedError(Exception):
    """This server name gets no handshake, but the alert given, or just an end of file."""

    def __init__(self, alert: int | None) -> None:
        """Take the alert's number."""
        super().__init__(alert)
        self.alert = alert


@dataclass(slots=True)
class _Choice:
    """Rides on a connection: how its certificate is chosen, and what is sent if the choice was none."""

    variant: TlsVariant
    order_for: Callable[[str], str]
    refusal: bytes | None = None


class TlsServers:
    """The TLS side of every server of the lab."""

    def __init__(
        self, authority: Authority, orders: Mapping[str, CertificateOrder], issued: Mapping[str, Issued]
    ) -> None:
        """Take the certificates, by order id."""
        self._authority = authority
        self._orders = orders
        self._issued = issued
        self._contexts: dict[tuple[TlsVariant, str, int, tuple[bytes, ...]], SSL.Context] = {}
        self._first_contexts: dict[TlsVariant, SSL.Context] = {}
        self._certificates: dict[str, x509.Certificate] = {}

    def accept(self, variant: TlsVariant, order_for: Callable[[str], str]) -> SSL.Connection:
        """Return the server side of a new TLS connection.

        order_for: server name (lower case, empty without SNI) to certificate order id; may raise
        HandshakeRefusedError.
        """
        context = self._first_contexts.get(variant)
        if context is None:
            context = self._first_contexts[variant] = _make_context(variant)
            context.set_tlsext_servername_callback(self._choose)
        tls = SSL.Connection(context, None)
        tls.set_app_data(_Choice(variant, order_for))
        tls.set_accept_state()
        return tls

    def _choose(self, tls: SSL.Connection) -> None:
        choice: _Choice = tls.get_app_data()
        server_name = (tls.get_servername() or b"").decode("ascii", "replace").lower()
        try:
            order_id = choice.order_for(server_name)
        except HandshakeRefusedError as error:  # without a certificate the handshake fails by itself
            choice.refusal = b"" if error.alert is None else alert_record(error.alert)
            return
        tls.set_context(self._context(choice.variant, order_id))
        certificate = self._certificates.get(order_id)
        if certificate is None:
            certificate = x509.load_der_x509_certificate(self._issued[order_id].chain[0])
            self._certificates[order_id] = certificate
        tls.use_certificate(certificate)

    def _context(self, variant: TlsVariant, order_id: str) -> SSL.Context:
        order, issued = self._orders[order_id], self._issued[order_id]
        kind = (variant, order.key, issued.key_index, issued.chain[1:])
        context = self._contexts.get(kind)
        if context is None:
            context = self._contexts[kind] = _make_context(variant)
            context.use_privatekey(self._authority.keys[order.key][issued.key_index])
            for issuer in self._authority.issuers_sent(order):
                context.add_extra_chain_cert(issuer.certificate)
        return context


def _make_context(variant: TlsVariant) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(VERSIONS[variant.minimum])
    context.set_max_proto_version(VERSIONS[variant.maximum])
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")  # TLS 1.0 and 1.1 need security level 0
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if not variant.post_quantum:
        context.set_tmp_ecdh(ec.SECP256R1())
    return context


def refusal(tls: SSL.Connection) -> bytes | None:
    """Return what ends a handshake refused for its server name; None if it failed for another reason."""
    choice: _Choice = tls.get_app_data()
    return choice.refusal


def alert_record(description: int) -> bytes:
    """Return a fatal alert, in the clear (RFC 8446 s6)."""
    return bytes((21, 3, 3, 0, 2, 2, description))


def is_whole_record(octets: bytes) -> bool:
    """Return whether octets contain a TLS record to its end, such as a whole ClientHello."""
    if len(octets) < _RECORD_HEADER_OCTETS:
        return False
    return len(octets) >= _RECORD_HEADER_OCTETS + int.from_bytes(octets[3:5], "big")

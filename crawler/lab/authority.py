"""The lab's certificate authority: issues what is ordered, right or wrong (RFC 5280)."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from crawler.lab.internet import CertificateOrder
from crawler.lab.odd_certificates import names_extension, signed_with_sha1

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

KEYS_PER_KIND = 2
"""Servers share a few keys: making an RSA key for each would take minutes."""
AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)
STRANGERS = 98
"""Certificates of a chain of 100 that have nothing to do with the first two."""

_MARGIN = timedelta(days=1)
_VALIDITY = {
    "current": (timedelta(days=-1), LEAF_LIFE),
    "expired": (timedelta(days=-400), timedelta(days=-30)),
    "not_yet_valid": (timedelta(days=200), timedelta(days=560)),
}
_LONGEST_COMMON_NAME = 64  # RFC 5280 appendix A.1, ub-common-name
_IDENTITY = ("common_name", "dns_names", "names_der", "key", "issuer", "validity", "signature")
"""The parts of an order that make its certificate; the rest is about what is sent with it."""
_ISSUER_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Issuer:
    """A certificate that issues others, and its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @cached_property
    def der(self) -> bytes:
        """The certificate as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @cached_property
    def key_identifier(self) -> x509.AuthorityKeyIdentifier:
        """What stands in each certificate it issues (RFC 5280 s4.2.1.1)."""
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


@dataclass(frozen=True, slots=True)
class Leaf:
    """A server's own certificate."""

    der: bytes
    usable_until: datetime
    """A day before its dates begin to mean something else than what was ordered."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as its server uses it."""

    chain: tuple[bytes, ...]
    """DER of each certificate sent, the server's own first."""
    path: tuple[bytes, ...]
    """DER of each certificate from the server's own to its root, sent or not."""
    key_index: int
    """Which of the authority's `keys` of the kind ordered it is for."""

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each certificate sent, hexadecimal."""
        return tuple(hashlib.sha256(certificate).hexdigest() for certificate in self.chain)


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Two roots, each with an intermediate, and the keys that all servers share.

    The root store has the root of `lab_ca`; nobody trusts `unknown_root`.
    """

    made_at: datetime
    roots: dict[str, Issuer]
    intermediates: dict[str, Issuer]
    keys: dict[str, list[PrivateKey]]
    """Shared keys by kind: ecdsa (P-256), rsa (2048 bits), rsa1024, ed25519."""
    strangers: tuple[Issuer, ...] = ()
    """Self-signed; sent where they do not belong."""
    leaves: dict[str, Leaf] = field(default_factory=dict)
    """What was issued, by everything that tells one order from another."""

    def issue(self, orders: Mapping[str, CertificateOrder], now: datetime) -> dict[str, Issued]:
        """Return the certificate of each order, by order id; one still usable is not made again."""
        return {order_id: self._issue(order, now) for order_id, order in orders.items()}

    def _issue(self, order: CertificateOrder, now: datetime) -> Issued:
        identity = json.dumps([getattr(order, name) for name in _IDENTITY])
        key_index = zlib.crc32(order.common_name.encode()) % KEYS_PER_KIND
        leaf = self.leaves.get(identity)
        if leaf is None or leaf.usable_until <= now:
            der = self._sign(order, self.keys[order.key][key_index], now)
            leaf = self.leaves[identity] = Leaf(der, now + LEAF_LIFE - _MARGIN)
        issuers = (
            () if order.issuer == "self" else (self.intermediates[order.issuer], self.roots[order.issuer])
        )
        return Issued(
            chain=(leaf.der, *(issuer.der for issuer in self.issuers_sent(order))),
            path=(leaf.der, *(issuer.der for issuer in issuers)),
            key_index=key_index,
        )

    def issuers_sent(self, order: CertificateOrder) -> tuple[Issuer, ...]:
        """Return the issuers whose certificates the server sends after its own, in order."""
        if order.issuer == "self" or order.chain_sent == "leaf":
            return ()
        intermediate = self.intermediates[order.issuer]
        if order.chain_sent == "leaf_intermediate":
            return (intermediate,)
        if order.chain_sent == "strangers":
            return (intermediate, *self.strangers)
        return (intermediate, self.roots[order.issuer])

    def _sign(self, order: CertificateOrder, key: PrivateKey, now: datetime) -> bytes:
        subject = _name(order.common_name)
        begins, ends = _VALIDITY[order.validity]
        issuer = None if order.issuer == "self" else self.intermediates[order.issuer]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        if issuer:
            builder = builder.add_extension(issuer.key_identifier, critical=False)
        if order.names_der:
            builder = builder.add_extension(names_extension(order.names_der), critical=False)
        elif order.dns_names:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in order.dns_names])
            builder = builder.add_extension(names, critical=False)
        signer = issuer.key if issuer else key
        digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        certificate = builder.sign(signer, digest)
        if order.signature == "sha1":
            assert isinstance(signer, rsa.RSAPrivateKey)
            return signed_with_sha1(certificate, signer)
        return certificate.public_bytes(serialization.Encoding.DER)

    def write_root_store(self, path: Path) -> None:
        """Write the trust anchors as PEM. Raises OSError."""
        root = self.roots["lab_ca"].certificate
        path.write_bytes(root.public_bytes(serialization.Encoding.PEM))


def make_authority(now: datetime) -> Authority:
    """Return an authority with new keys, which has issued nothing yet."""
    roots = {name: _make_issuer(f"{name} root", None, now) for name in ("lab_ca", "unknown_root")}
    return Authority(
        made_at=now,
        roots=roots,
        intermediates={name: _make_issuer(f"{name} intermediate", root, now) for name, root in roots.items()},
        keys={
            "ecdsa": [ec.generate_private_key(ec.SECP256R1()) for _ in range(KEYS_PER_KIND)],
            "rsa": [rsa.generate_private_key(65537, 2048) for _ in range(KEYS_PER_KIND)],
            "rsa1024": [
                rsa.generate_private_key(65537, 1024)  # noqa: S505  what it is weak for is what it is for
                for _ in range(KEYS_PER_KIND)
            ],
            "ed25519": [ed25519.Ed25519PrivateKey.generate() for _ in range(KEYS_PER_KIND)],
        },
        strangers=tuple(_make_issuer(f"stranger {n:02}", None, now) for n in range(STRANGERS)),
    )


def _make_issuer(name: str, parent: Issuer | None, now: datetime) -> Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parent.certificate.subject if parent else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - AUTHORITY_LIFE)  # so that of an expired chain only the leaf has expired
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_ISSUER_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if parent:
        builder = builder.add_extension(parent.key_identifier, critical=False)
    return Issuer(builder.sign(parent.key if parent else key, hashes.SHA256()), key)


def _name(common_name: str) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "STARTTLS survey lab")]
    if 0 < len(common_name) <= _LONGEST_COMMON_NAME:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(attributes)

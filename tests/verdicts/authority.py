"""Certificates for the tests, right and wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from crawler.protocol.certificate import read_certificate
from crawler.records import Certificate

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
NOW = datetime(2025, 7, 1, tzinfo=UTC)
LAST = datetime(2026, 1, 1, tzinfo=UTC)

ED25519_ALGORITHM = bytes.fromhex("300506032b6570")
ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
SHA256_WITH_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")
SHA1_WITH_RSA = bytes.fromhex("300d06092a864886f70d0101050500")


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    der: bytes
    name: x509.Name
    key: Key

    @cached_property
    def record(self) -> Certificate:
        return read_certificate(self.der)

    @property
    def sha256(self) -> str:
        return self.record.sha256


def ec_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def issue(
    common_name: str,
    issuer: Issued | None = None,
    *,
    dns_names: Sequence[str] = (),
    is_ca: bool = False,
    path_length: int | None = None,
    first: datetime = FIRST,
    last: datetime = LAST,
    key: Key | None = None,
    usages: Sequence[ObjectIdentifier] = (),
    may_sign: bool | None = None,
) -> Issued:
    """Issue a certificate; without an issuer it signs itself. Without `may_sign` it has no key usage."""
    key = key or ec_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.name if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.BasicConstraints(is_ca, path_length), critical=True)
    )
    if dns_names:
        names = x509.SubjectAlternativeName([x509.DNSName(dns_name) for dns_name in dns_names])
        builder = builder.add_extension(names, critical=False)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if may_sign is not None:
        usage = x509.KeyUsage(True, False, False, False, False, may_sign, False, False, False)
        builder = builder.add_extension(usage, critical=True)
    signing_key = issuer.key if issuer else key
    digest = None if isinstance(signing_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = builder.sign(signing_key, digest)
    return Issued(certificate.public_bytes(Encoding.DER), name, key)


def reissue_with(issued: Issued, old: bytes, new: bytes, issuer: Issued) -> Issued:
    """Change octets of a certificate where no builder would, and let an Ed25519 issuer sign that."""
    assert isinstance(issuer.key, ed25519.Ed25519PrivateKey)
    body = _replace_once(_body(issued), old, new)
    return Issued(_signed(body, ED25519_ALGORITHM, issuer.key.sign(body)), issued.name, issued.key)


def reissue_with_sha1(issued: Issued, issuer: Issued) -> Issued:
    """Sign a certificate of an RSA issuer again, with SHA-1."""
    assert isinstance(issuer.key, rsa.RSAPrivateKey)
    body = _replace_once(_body(issued), SHA256_WITH_RSA, SHA1_WITH_RSA)
    signature = issuer.key.sign(body, padding.PKCS1v15(), hashes.SHA1())
    return Issued(_signed(body, SHA1_WITH_RSA, signature), issued.name, issued.key)


def reassemble(body: bytes, signature: bytes) -> bytes:
    """Return the certificate of a body that was signed with ECDSA and SHA-256."""
    return _signed(body, ECDSA_WITH_SHA256, signature)


def pem(*issued: Issued) -> bytes:
    """Return certificates as a PEM file holds them."""
    certificates = [x509.load_der_x509_certificate(certificate.der) for certificate in issued]
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _body(issued: Issued) -> bytes:
    return x509.load_der_x509_certificate(issued.der).tbs_certificate_bytes


def _replace_once(octets: bytes, old: bytes, new: bytes) -> bytes:
    assert octets.count(old) == 1
    assert len(old) == len(new)
    return octets.replace(old, new)


def _signed(body: bytes, algorithm: bytes, signature: bytes) -> bytes:
    return _tlv(0x30, body + algorithm + _tlv(0x03, b"\0" + signature))


def _tlv(tag: int, content: bytes) -> bytes:
    """Encode one DER element (X.690 s8.1.3)."""
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, size] if size < 128 else [tag, 0x80 | len(length), *length]) + content

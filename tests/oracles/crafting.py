"""Certificates put together octet by octet (RFC 5280 s4.1), so that each part may be wrong.

What is not asked for otherwise is as RFC 5280 wants it, key identifiers included.
"""

import base64
import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crawler.protocol.certificate import read_certificate
from crawler.records import Certificate

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
NOW = datetime(2025, 7, 1, tzinfo=UTC)
LAST = datetime(2026, 1, 1, tzinfo=UTC)

SERVER_AUTH, CLIENT_AUTH, ANY_USAGE = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"
DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, KEY_AGREEMENT = 0x80, 0x20, 0x08
CERTIFICATE_SIGN, CRL_SIGN = 0x04, 0x02
_AUTHORITY, _SERVER = CERTIFICATE_SIGN | CRL_SIGN, DIGITAL_SIGNATURE

_ECDSA_SHA256, _ED25519 = "1.2.840.10045.4.3.2", "1.3.101.112"
_RSA = {
    "md5": ("1.2.840.113549.1.1.4", hashes.MD5()),
    "sha1": ("1.2.840.113549.1.1.5", hashes.SHA1()),
    "sha256": ("1.2.840.113549.1.1.11", hashes.SHA256()),
}
_SHA256_OID, _PSS_OID, _MGF1_OID = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
_NULL = b"\x05\x00"
_serial_numbers = itertools.count(0x100001)
_SALT_OCTETS = 32


def der(tag: int, *contents: bytes) -> bytes:
    """Return one element (X.690 s8.1)."""
    octets = b"".join(contents)
    size = len(octets)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, size] if size < 128 else [tag, 0x80 | len(length), *length]) + octets


def sequence(*members: bytes) -> bytes:
    return der(0x30, *members)


def integer(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    octets = bytearray()
    for number in (40 * first + second, *rest):
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        octets += bytes(reversed(groups))
    return der(0x06, bytes(octets))


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    return sequence(oid(dotted), der(0x01, b"\xff") if critical else b"", der(0x04, value))


def dns(name: str | bytes) -> bytes:
    """Return a GeneralName of kind dNSName."""
    return der(0x82, name.encode() if isinstance(name, str) else name)


def uri(text: str) -> bytes:
    return der(0x86, text.encode())


def ip(octets: bytes) -> bytes:
    return der(0x87, octets)


def alternative_names(*names: bytes) -> bytes:
    return extension("2.5.29.17", sequence(*names))


def name_constraints(*, permitted: Sequence[bytes] = (), excluded: Sequence[bytes] = ()) -> bytes:
    """Return the extension (s4.2.1.10), of GeneralNames."""
    trees = [(0xA0, permitted), (0xA1, excluded)]
    value = sequence(*(der(tag, *map(sequence, names)) for tag, names in trees if names))
    return extension("2.5.29.30", value, critical=True)


def _basic_constraints(*, ca: bool, path_length: int | None) -> bytes:
    length = b"" if path_length is None else integer(path_length)
    return extension("2.5.29.19", sequence(der(0x01, b"\xff") if ca else b"", length), critical=True)


def _key_usage(bits: int) -> bytes:
    unused = (bits & -bits).bit_length() - 1
    return extension("2.5.29.15", der(0x03, bytes([unused, bits])), critical=True)


@dataclass(frozen=True)
class Crafted:
    """A certificate and its key."""

    der: bytes
    name: bytes
    """The subject, as an element."""
    key: Key
    identifier: bytes = field(repr=False)

    @cached_property
    def record(self) -> Certificate:
        return read_certificate(self.der)


def pem(certificates: Iterable[Crafted]) -> bytes:
    """Return certificates as a PEM file holds them."""
    begin, end = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
    return b"".join(begin + base64.encodebytes(certificate.der) + end for certificate in certificates)


def common_name(text: str) -> bytes:
    """Return a Name of one common name; the empty Name of no text."""
    return sequence(der(0x31, sequence(oid("2.5.4.3"), der(0x0C, text.encode()))) if text else b"")


def craft(
    subject: str,
    issuer: Crafted | None = None,
    *,
    names: Sequence[bytes] = (),
    ca: bool | None = False,
    path_length: int | None = None,
    usage: int | None = -1,
    purposes: Sequence[str] = (),
    more: Sequence[bytes] = (),
    identifiers: bool = True,
    version: int = 3,
    serial: bytes | None = None,
    first: datetime = FIRST,
    last: datetime = LAST,
    key: Key | None = None,
    key_info: bytes | None = None,
    scheme: str = "sha256",
) -> Crafted:
    """Return a certificate; without an issuer it signs itself.

    names: GeneralNames; without any there is no such extension. ca None: no basic constraints. usage None: no
    key usage; -1: what the kind of certificate needs. more: further extensions. scheme: what an RSA key signs
    with (md5, sha1, sha256, pss). A version below 3 has no extensions.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    key_info = key_info or key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    identifier = hashlib.sha256(key_info).digest()[:20]
    bits = (_AUTHORITY if ca else _SERVER) if usage == -1 else usage
    extensions = [
        b"" if ca is None else _basic_constraints(ca=ca, path_length=path_length),
        b"" if bits is None else _key_usage(bits),
        extension("2.5.29.37", sequence(*map(oid, purposes))) if purposes else b"",
        alternative_names(*names) if names else b"",
        *more,
    ]
    if identifiers:
        own, above = identifier, issuer.identifier if issuer else identifier
        extensions += [
            extension("2.5.29.14", der(0x04, own)),
            extension("2.5.29.35", sequence(der(0x80, above))),
        ]
    signing_key = issuer.key if issuer else key
    algorithm = _algorithm(signing_key, scheme)
    body = sequence(
        der(0xA0, integer(version - 1)) if version > 1 else b"",
        der(0x02, next(_serial_numbers).to_bytes(3, "big") if serial is None else serial),
        algorithm,
        issuer.name if issuer else common_name(subject),
        sequence(_time(first), _time(last)),
        common_name(subject),
        key_info,
        der(0xA3, sequence(*extensions)) if version > 2 and any(extensions) else b"",
    )
    signature = der(0x03, b"\0", _sign(signing_key, scheme, body))
    return Crafted(sequence(body, algorithm, signature), common_name(subject), key, identifier)


def _time(at: datetime) -> bytes:
    """Return a Time: UTCTime to the end of 2049 (s4.1.2.5)."""
    if at.year < 2050:
        return der(0x17, at.strftime("%y%m%d%H%M%SZ").encode())
    return der(0x18, at.strftime("%Y%m%d%H%M%SZ").encode())


def _algorithm(key: Key, scheme: str) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return sequence(oid(_ED25519))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return sequence(oid(_ECDSA_SHA256))
    if scheme == "pss":
        digest = sequence(oid(_SHA256_OID), _NULL)
        mask = sequence(oid(_MGF1_OID), digest)
        members = (der(0xA0, digest), der(0xA1, mask), der(0xA2, integer(_SALT_OCTETS)))
        return sequence(oid(_PSS_OID), sequence(*members))
    return sequence(oid(_RSA[scheme][0]), _NULL)


def _sign(key: Key, scheme: str, body: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(body)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(body, ec.ECDSA(hashes.SHA256()))
    if scheme == "pss":
        return key.sign(body, padding.PSS(padding.MGF1(hashes.SHA256()), _SALT_OCTETS), hashes.SHA256())
    return key.sign(body, padding.PKCS1v15(), _RSA[scheme][1])


def with_explicit_curve(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the SubjectPublicKeyInfo of a P-256 key with its curve spelled out (RFC 3279 s2.3.5)."""
    p = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    generator = bytes.fromhex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    )
    curve = sequence(der(0x04, (p - 3).to_bytes(32, "big")), der(0x04, b.to_bytes(32, "big")))
    prime_field = sequence(oid("1.2.840.10045.1.1"), integer(p))
    parameters = sequence(integer(1), prime_field, curve, der(0x04, generator), integer(order), integer(1))
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return sequence(sequence(oid("1.2.840.10045.2.1"), parameters), der(0x03, b"\0", point))

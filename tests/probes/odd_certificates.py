"""Certificates that few would issue, and TLS servers that show them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtensionOID
from OpenSSL import SSL

from tests.probes.peers import MX_HOST

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_DNS_NAME, _URI = 0x82, 0x86
_SUBJECT_ALTERNATIVE_NAME = ExtensionOID.SUBJECT_ALTERNATIVE_NAME
_UNUSED = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
_RSA_SHA256, _RSA_SHA1 = (bytes.fromhex(f"2a864886f70d0101{last}") for last in ("0b", "05"))


def der(tag: int, contents: bytes) -> bytes:
    """Return one element of DER."""
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + contents


def certificate(
    key: Key,
    *,
    issuer: str = MX_HOST,
    subject: str = MX_HOST,
    signed_with: Key | None = None,
    names: Sequence[bytes] = (),
    unused: int = 0,
) -> x509.Certificate:
    """Return a certificate; names: its subject alternative name; unused: octets that mean nothing."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    if names:
        value = der(0x30, b"".join(names))
        builder = builder.add_extension(
            x509.UnrecognizedExtension(_SUBJECT_ALTERNATIVE_NAME, value), critical=False
        )
    if unused:
        builder = builder.add_extension(x509.UnrecognizedExtension(_UNUSED, bytes(unused)), critical=False)
    signer = signed_with or key
    is_ed25519 = isinstance(signer, ed25519.Ed25519PrivateKey)
    return builder.sign(signer, None if is_ed25519 else hashes.SHA256())


def serving(
    key: Key, *chain: x509.Certificate, version: int | None = None, asks_client: bool = False
) -> SSL.Context:
    """Return the context of a server that sends this chain."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.use_privatekey(key)
    context.use_certificate(chain[0])
    for above in chain[1:]:
        context.add_extra_chain_cert(above)
    if version is not None:
        context.set_max_proto_version(version)
    if asks_client:
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, None)
    return context


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def with_names(*names: bytes) -> SSL.Context:
    """Return the context of a server whose certificate has this subject alternative name."""
    return serving(_key(), certificate(_key(), names=names))


def dns_name(octets: bytes) -> bytes:
    """Return a DNS name as an element."""
    return der(_DNS_NAME, octets)


def uri(octets: bytes) -> bytes:
    """Return a URI as an element."""
    return der(_URI, octets)


def chain_of(count: int) -> SSL.Context:
    """Return the context of a server that sends so many certificates, each issued by the next one."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(count + 1)]
    certificates = [
        certificate(keys[n], signed_with=keys[n + 1], subject=f"{n}.peer.test", issuer=f"{n + 1}.peer.test")
        for n in range(count)
    ]
    return serving(keys[0], *certificates)


def with_unused(octets: int) -> SSL.Context:
    """Return the context of a server whose certificate has so many octets more than it needs."""
    return serving(_key(), certificate(_key(), unused=octets))


def with_rsa(bits: int) -> SSL.Context:
    """Return the context of a server with an RSA key of this size."""
    key = rsa.generate_private_key(65537, bits)
    return serving(key, certificate(key))


def with_sha1(version: int) -> SSL.Context:
    """Return the context of a server whose certificate is signed with RSA and SHA-1."""
    key = rsa.generate_private_key(65537, 2048)
    today = certificate(key)
    # The library signs no certificate with SHA-1: the signature is put in by hand. Both OIDs are of one size.
    to_be_signed = today.tbs_certificate_bytes.replace(_RSA_SHA256, _RSA_SHA1)
    signature = key.sign(to_be_signed, padding.PKCS1v15(), hashes.SHA1())
    octets = today.public_bytes(serialization.Encoding.DER)
    octets = octets.replace(_RSA_SHA256, _RSA_SHA1).replace(today.signature, signature)
    return serving(key, x509.load_der_x509_certificate(octets), version=version)


def with_ed25519() -> SSL.Context:
    """Return the context of a server with an Ed25519 key."""
    key = ed25519.Ed25519PrivateKey.generate()
    return serving(key, certificate(key))


def asking_the_client(version: int) -> SSL.Context:
    """Return the context of a server that insists on a certificate of the client."""
    return serving(_key(), certificate(_key()), version=version, asks_client=True)

"""Parts of certificates that few would issue, as octets: no library makes them (X.690, RFC 5280)."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtensionOID

_DNS_NAME, _URI, _SEQUENCE = 0x82, 0x86, 0x30
_RSA_SHA256, _RSA_SHA1 = (bytes.fromhex(f"2a864886f70d0101{last}") for last in ("0b", "05"))


def der(tag: int, contents: bytes) -> bytes:
    """Return one element of DER."""
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + contents


def dns_name(octets: bytes) -> bytes:
    """Return a DNS name as an element of a subject alternative name."""
    return der(_DNS_NAME, octets)


def uri(octets: bytes) -> bytes:
    """Return a URI as an element of a subject alternative name."""
    return der(_URI, octets)


def names_extension(elements: Sequence[str]) -> x509.UnrecognizedExtension:
    """Return a subject alternative name of these elements, each as DER in hexadecimal."""
    value = der(_SEQUENCE, b"".join(bytes.fromhex(element) for element in elements))
    return x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, value)


def signed_with_sha1(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> bytes:
    """Return a certificate signed by RSA and SHA-256 as one signed by RSA and SHA-1, as DER."""
    # The library signs no certificate with SHA-1: the signature is put in by hand. Both OIDs are of one size.
    to_be_signed = certificate.tbs_certificate_bytes.replace(_RSA_SHA256, _RSA_SHA1)
    signature = key.sign(to_be_signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  that is the oddity
    octets = certificate.public_bytes(serialization.Encoding.DER)
    return octets.replace(_RSA_SHA256, _RSA_SHA1).replace(certificate.signature, signature)

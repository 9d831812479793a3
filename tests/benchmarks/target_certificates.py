"""What the target of the session benchmarks presents: ECDSA P-256 throughout, one authority above all."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL

from tests.benchmarks.endpoints import LEAVES, leaf_of


def server_contexts() -> list[SSL.Context]:
    """Return a context for each leaf."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("Bench CA", authority_key, authority_key)
    return [_context(key, _certificate(leaf_of(n), key, authority_key), authority) for n in range(LEAVES)]


def _context(
    key: ec.EllipticCurvePrivateKey, leaf: x509.Certificate, authority: x509.Certificate
) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.use_privatekey(key)
    context.use_certificate(leaf)
    context.add_extra_chain_cert(authority)
    return context


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, authority_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Return a certificate with the extensions that those of public authorities have."""
    now = datetime.now(UTC)
    common_name = x509.NameOID.COMMON_NAME
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(common_name, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(common_name, "Bench CA")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=89))
        .add_extension(x509.BasicConstraints(ca=key is authority_key, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )

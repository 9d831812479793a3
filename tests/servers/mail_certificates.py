"""The certificates that the mail servers send, as files for them and as octets for the tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from tests.verdicts.authority import Issued, Key, ec_key, issue, pem, reissue_with_sha1

EC, RSA, RSA_1024, SHA_1, ED25519, EXPIRED, SELF_SIGNED = (
    "ec",
    "rsa",
    "rsa-1024",
    "sha-1",
    "ed25519",
    "expired",
    "self-signed",
)

DOMAIN = "mail.test"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Served:
    """A key and a chain, the server's own certificate first."""

    key_pem: bytes
    chain_pem: bytes
    chain: tuple[bytes, ...]
    """DER"""


def issue_served(now: datetime) -> Mapping[str, Served]:
    """Issue a chain of each kind, for every host of the domain, valid around `now`."""
    first, last = now - _DAY, now + 30 * _DAY
    authority = issue("Authority", is_ca=True, key=_rsa_key(2048), first=first, last=last)

    def leaf(key: Key, issuer: Issued | None = authority, *, last: datetime = last) -> Issued:
        names = (f"*.{DOMAIN}",)
        return issue(f"mx.{DOMAIN}", issuer, dns_names=names, key=key, first=now - 2 * _DAY, last=last)

    leaves = {
        EC: leaf(ec_key()),
        RSA: leaf(_rsa_key(2048)),
        RSA_1024: leaf(_rsa_key(1024)),
        SHA_1: reissue_with_sha1(leaf(_rsa_key(2048)), authority),
        ED25519: leaf(ed25519.Ed25519PrivateKey.generate()),
        EXPIRED: leaf(ec_key(), last=now - _DAY),
    }
    served = {kind: _served(issued, authority) for kind, issued in leaves.items()}
    return {**served, SELF_SIGNED: _served(leaf(ec_key(), None))}


def _served(leaf: Issued, *above: Issued) -> Served:
    key = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Served(key, pem(leaf, *above), tuple(issued.der for issued in (leaf, *above)))


def _rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)

"""Chains that a server may send, right and wrong, each with the root store, host and time to judge it by."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.oracles.chain_names import odd_names, ordinary_names
from tests.oracles.chain_world import HOST, Chain, World
from tests.oracles.crafting import (
    ANY_USAGE,
    CLIENT_AUTH,
    CRL_SIGN,
    DIGITAL_SIGNATURE,
    FIRST,
    KEY_AGREEMENT,
    KEY_ENCIPHERMENT,
    LAST,
    NOW,
    SERVER_AUTH,
    Crafted,
    alternative_names,
    craft,
    der,
    dns,
    extension,
    ip,
    name_constraints,
    oid,
    sequence,
    with_explicit_curve,
)

YEAR = timedelta(days=365)
_UNKNOWN_OID = "1.3.6.1.4.1.55555.1"


def make_chains() -> dict[str, dict[str, Chain]]:
    """Return all chains by name, in parts by what they are about."""
    world = World()
    parts = {
        "path": _paths,
        "time": _times,
        "authority": _authorities,
        "server": _server_parts,
        "strength": _strengths,
        "encoding": _encodings,
        "name": ordinary_names,
        "odd name": odd_names,
    }
    return {part: dict(named(world)) for part, named in parts.items()}


_Named = Iterator[tuple[str, Chain]]


def _paths(w: World) -> _Named:
    server, own = w.server(), craft(HOST, names=[dns(HOST)])
    unknown = craft("Unknown Root", ca=True)
    unknown_intermediate = craft("Unknown Intermediate", unknown, ca=True)
    second = craft("Second Intermediate", w.intermediate, ca=True)
    strangers = [craft(f"Stranger {number}", ca=True) for number in range(3)]
    yield "good", w.chain(server, w.intermediate)
    yield "good, root sent", w.chain(server, w.intermediate, w.root)
    yield "good, by the root itself", w.chain(w.server(w.root))
    yield "good, two intermediates", w.chain(w.server(second), second, w.intermediate)
    yield "shuffled", w.chain(w.server(second), w.root, w.intermediate, second)
    yield "duplicates", w.chain(server, server, w.intermediate, w.intermediate)
    yield "unrelated certificates beside", w.chain(server, *strangers, w.intermediate)
    yield "server's certificate not first", w.chain(w.intermediate, server)
    yield "intermediate missing", w.chain(server)
    yield "intermediate missing, root sent", w.chain(server, w.root)
    yield "one of two intermediates missing", w.chain(w.server(second), second)
    yield "intermediate in the store", w.chain(server, roots=[w.intermediate])
    yield "server's certificate in the store", w.chain(server, roots=[server])
    yield "self-signed", w.chain(own)
    yield "self-signed, sent twice", w.chain(own, own)
    yield "self-signed, in the store", w.chain(own, roots=[own])
    yield "self-issued by a namesake", w.chain(w.server(craft(HOST, ca=True)))
    yield "unknown root sent", w.chain(w.server(unknown), unknown)
    yield (
        "unknown root sent, by an intermediate",
        w.chain(w.server(unknown_intermediate), unknown_intermediate, unknown),
    )
    yield "unknown root not sent", w.chain(w.server(unknown_intermediate), unknown_intermediate)
    yield "root of the same name and another key", w.chain(w.server(craft("Test Root", ca=True)), w.root)
    yield from _cross_signed(w)
    altered = Crafted(server.der[:-1] + bytes([server.der[-1] ^ 1]), server.name, server.key, b"")
    yield "signature altered", w.chain(altered, w.intermediate)


def _cross_signed(w: World) -> _Named:
    old = craft("Old Root", ca=True)
    new = craft("New Root", ca=True)
    cross = craft("New Root", old, ca=True, key=new.key)
    server = w.server(new)
    yield "cross-signed, old root known", w.chain(server, cross, roots=[old])
    yield "cross-signed, new root known", w.chain(server, cross, roots=[new])
    yield "cross-signed, both known", w.chain(server, cross, roots=[old, new])
    yield "cross-signed, self-signed twin sent too", w.chain(server, new, cross, roots=[old])
    yield "cross-signed, unknown, self-signed twin sent too", w.chain(server, new, cross)
    expired = craft("New Root", old, ca=True, key=new.key, first=FIRST - YEAR, last=FIRST)
    yield "cross-signed, expired, new root known", w.chain(server, expired, roots=[new])


def _times(w: World) -> _Named:
    past: dict[str, Any] = {"first": FIRST - YEAR, "last": FIRST}
    future: dict[str, Any] = {"first": LAST, "last": LAST + YEAR}
    yield "expired", w.served(**past)
    yield "not yet valid", w.served(**future)
    yield "first second", w.chain(w.server(), w.intermediate, at=FIRST)
    yield "last second", w.chain(w.server(), w.intermediate, at=LAST)
    yield "second after the last", w.chain(w.server(), w.intermediate, at=LAST + timedelta(seconds=1))
    yield "second before the first", w.chain(w.server(), w.intermediate, at=FIRST - timedelta(seconds=1))
    yield "ends before it begins", w.served(first=LAST, last=FIRST)
    yield "valid to 9999", w.served(last=datetime(9999, 12, 31, 23, 59, 59, tzinfo=NOW.tzinfo))
    yield "intermediate expired", w.below(**past)
    yield "intermediate not yet valid", w.below(**future)
    for word, dates in (("expired", past), ("not yet valid", future)):
        root = craft("Odd Root", ca=True, **dates)
        yield f"root {word}", w.chain(w.server(root), roots=[root])
    key = ec.generate_private_key(ec.SECP256R1())
    old = craft("Renewed", w.root, ca=True, key=key, **past)
    new = craft("Renewed", w.root, ca=True, key=key)
    yield "renewed intermediate after the expired one", w.chain(w.server(new), old, new)
    yield "renewed intermediate before the expired one", w.chain(w.server(new), new, old)
    expired_unknown = craft("Unknown Root", ca=True)
    yield "expired and unknown root", w.chain(w.server(expired_unknown, **past), expired_unknown)


def _authorities(w: World) -> _Named:
    yield "issuer is no CA", w.below(ca=False)
    yield "issuer without basic constraints", w.below(ca=None)
    yield "issuer without basic constraints and key usage", w.below(ca=None, usage=None)
    yield "issuer without key usage", w.below(usage=None)
    yield "issuer may sign no certificates", w.below(usage=CRL_SIGN)
    yield "issuer of version 1", w.below(version=1)
    short = craft("Path Length 0", w.root, ca=True, path_length=0)
    beneath = craft("Beneath It", short, ca=True)
    yield "path length 0 kept", w.chain(w.server(short), short)
    yield "path length exceeded", w.chain(w.server(beneath), beneath, short)
    renewal = craft("Path Length 0", short, ca=True)
    yield "path length, self-issued not counted", w.chain(w.server(renewal), renewal, short)
    tight_root = craft("Tight Root", ca=True, path_length=0)
    tight = craft("Beneath the Root", tight_root, ca=True)
    yield "path length of the root exceeded", w.chain(w.server(tight), tight, roots=[tight_root])
    yield "intermediate for clients only", w.below(purposes=[CLIENT_AUTH])
    root = craft("Root for Clients", ca=True, purposes=[CLIENT_AUTH])
    yield "root for clients only", w.chain(w.server(root), roots=[root])
    yield "intermediate for servers", w.below(purposes=[SERVER_AUTH])
    constraints = {
        "permitted": {"permitted": [dns("example.org")]},
        "not permitted": {"permitted": [dns("example.com")]},
        "excluded": {"excluded": [dns("example.org")]},
        "excluded elsewhere": {"excluded": [dns("example.com")]},
        "permitted with a leading dot": {"permitted": [dns(".example.org")]},
        "permitted by address only": {"permitted": [ip(b"\xc0\x00\x02\x00\xff\xff\xff\x00")]},
    }
    for word, trees in constraints.items():
        yield f"name constraints: {word}", w.below(more=[name_constraints(**trees)])
    strict = craft("Constrained", w.root, ca=True, more=[name_constraints(permitted=[dns("example.org")])])
    for word, names in (("common name only", []), ("one name of two", [dns(HOST), dns("mx.example.com")])):
        yield f"name constraints: {word}", w.chain(craft(HOST, strict, names=names), strict)
    elsewhere = craft("mx.example.com", strict)
    yield "name constraints: other common name only", w.chain(elsewhere, strict, host="mx.example.com")


def _server_parts(w: World) -> _Named:
    yield "for clients only", w.served(purposes=[CLIENT_AUTH])
    yield "for clients and servers", w.served(purposes=[CLIENT_AUTH, SERVER_AUTH])
    yield "for any purpose", w.served(purposes=[ANY_USAGE])
    yield "key for encipherment", w.served(usage=KEY_ENCIPHERMENT)
    yield "key for agreement", w.served(usage=KEY_AGREEMENT)
    yield "key to sign certificates and CRLs only", w.served(usage=CRL_SIGN | 0x04)
    yield "key for CRLs only", w.served(usage=CRL_SIGN)
    yield "without key usage", w.served(usage=None)
    yield "without basic constraints", w.served(ca=None)
    yield "server is a CA", w.served(ca=True, usage=DIGITAL_SIGNATURE | 0x04)
    yield "version 1", w.served(version=1)
    yield "version 1 with a common name", w.chain(craft(HOST, w.intermediate, version=1), w.intermediate)
    unknown = extension(_UNKNOWN_OID, b"\x05\x00")
    yield "unknown extension", w.served(more=[unknown])
    yield "unknown critical extension", w.served(more=[extension(_UNKNOWN_OID, b"\x05\x00", critical=True)])
    yield (
        "unknown critical extension of the intermediate",
        w.below(more=[extension(_UNKNOWN_OID, b"\x05\x00", critical=True)]),
    )
    yield "extension twice", w.served(more=[unknown, unknown])
    yield "alternative names twice", w.served(more=[alternative_names(dns("other.example.org"))])
    yield "extended key usage malformed", w.served(more=[extension("2.5.29.37", b"\x04\x00")])
    yield "OCSP must-staple", w.served(more=[extension("1.3.6.1.5.5.7.1.24", sequence(der(0x02, b"\x05")))])
    yield (
        "certificate policies",
        w.served(more=[extension("2.5.29.32", sequence(sequence(oid("2.23.140.1.2.1"))))]),
    )
    yield "no key identifiers", w.served(identifiers=False)


def _strengths(w: World) -> _Named:
    yield "RSA-2048", w.served(key=w.rsa_key)
    yield "RSA-1024", w.served(key=w.small_key)
    yield "RSA-1024 intermediate", w.below(key=w.small_key)
    weak_root = craft("Weak Root", ca=True, key=w.small_key, scheme="sha1")
    yield "RSA-1024 root signed with SHA-1", w.chain(w.server(weak_root), roots=[weak_root])
    authority = craft("RSA Intermediate", w.root, ca=True, key=w.rsa_key)
    for scheme in ("sha256", "pss", "sha1", "md5"):
        yield f"signed with RSA and {scheme}", w.chain(w.server(authority, scheme=scheme), authority)
    rsa_root = craft("RSA Root", ca=True, key=w.rsa_key)
    old = craft("Old Intermediate", rsa_root, ca=True, scheme="sha1")
    yield "intermediate signed with SHA-1", w.chain(w.server(old), old, roots=[rsa_root])
    for curve in (ec.SECP192R1(), ec.SECP224R1(), ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()):
        yield f"key on {curve.name}", w.served(key=ec.generate_private_key(curve))
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    off_curve = point[:-1] + bytes([point[-1] ^ 1])
    yield "key that is no point of its curve", w.served(key=key, key_info=off_curve)
    yield "Ed25519", w.served(key=ed25519.Ed25519PrivateKey.generate())
    modern = craft("Ed25519 Intermediate", w.root, ca=True, key=ed25519.Ed25519PrivateKey.generate())
    yield "Ed25519 intermediate", w.chain(w.server(modern), modern)


def _encodings(w: World) -> _Named:
    yield "serial number zero", w.served(serial=b"\0")
    yield "serial number negative", w.served(serial=b"\x80\x01")
    yield "serial number of 40 octets", w.served(serial=b"\x01" * 40)
    yield "serial number without an octet", w.served(serial=b"")
    yield "serial number padded", w.served(serial=b"\0\0\x01")
    key = ec.generate_private_key(ec.SECP256R1())
    yield "curve spelled out", w.served(key=key, key_info=with_explicit_curve(key))
    yield "curve of the intermediate spelled out", w.below(key=key, key_info=with_explicit_curve(key))
    unreadable = Crafted(b"\x30\x03\x02\x01\x01", b"", key, b"")
    yield "not a certificate", w.chain(unreadable, w.intermediate)
    server = w.server(serial=b"\x10\x01")
    yield (
        "octets behind the certificate",
        w.chain(Crafted(server.der + b"\0", server.name, server.key, b""), w.intermediate),
    )
    inner = server.der.replace(der(0x02, b"\x10\x01"), der(0x02, b"\x10\x02"), 1)
    yield "serial number altered", w.chain(Crafted(inner, server.name, server.key, b""), w.intermediate)

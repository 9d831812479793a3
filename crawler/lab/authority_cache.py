"""The certificate authority on disk, so that a second start of the lab is quick.

One file, replaced as a whole: of two labs that start at once one wins, and what stands is never mixed.
Its first line is the digest of the rest, so damage of any kind is seen; then everything is made again.
"""

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from crawler.lab.authority import (
    AUTHORITY_LIFE,
    LEAF_LIFE,
    Authority,
    Issuer,
    Leaf,
    PrivateKey,
    make_authority,
)

FILE_NAME = "authority-2.json"
"""The number goes up when what the file says, or what a certificate contains, changes."""


class CacheError(Exception):
    """The cache folder cannot be written; the message names it."""


def open_authority(folder: Path, now: datetime) -> Authority:
    """Return the authority kept in the folder, or a new one if none there can be used."""
    try:
        digest, _, content = (folder / FILE_NAME).read_bytes().partition(b"\n")
    except OSError:
        return make_authority(now)
    if digest.decode("ascii", "replace") != hashlib.sha256(content).hexdigest():
        return make_authority(now)
    kept = json.loads(content)
    # An issuer must outlive what it issues, and a clock set back would make it not yet valid.
    if abs(now - datetime.fromisoformat(kept["made_at"])) > AUTHORITY_LIFE - LEAF_LIFE:
        return make_authority(now)
    return _from_plain(kept, now)


def keep_authority(authority: Authority, folder: Path) -> None:
    """Keep the authority, and all that it issued, in the folder. Raises CacheError."""
    content = json.dumps(_to_plain(authority)).encode("ascii")
    aside: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=FILE_NAME, suffix=".part")
        aside = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(content).hexdigest().encode("ascii") + b"\n" + content)
        aside.replace(folder / FILE_NAME)
    except OSError as error:
        if aside is not None:
            aside.unlink(missing_ok=True)
        raise CacheError(f"certificate cache {folder}: {error.strerror}") from None


def _to_plain(authority: Authority) -> dict[str, Any]:
    return {
        "made_at": authority.made_at.isoformat(),
        "roots": {name: _issuer_to_plain(issuer) for name, issuer in authority.roots.items()},
        "intermediates": {name: _issuer_to_plain(issuer) for name, issuer in authority.intermediates.items()},
        "strangers": [_issuer_to_plain(issuer) for issuer in authority.strangers],
        "keys": {kind: [_key_to_plain(key) for key in keys] for kind, keys in authority.keys.items()},
        "leaves": {
            identity: [_base64(leaf.der), leaf.usable_until.isoformat()]
            for identity, leaf in authority.leaves.items()
        },
    }


def _from_plain(kept: Mapping[str, Any], now: datetime) -> Authority:
    leaves = {
        identity: Leaf(base64.b64decode(der), datetime.fromisoformat(usable_until))
        for identity, (der, usable_until) in kept["leaves"].items()
    }
    return Authority(
        made_at=datetime.fromisoformat(kept["made_at"]),
        roots={name: _issuer_from_plain(issuer) for name, issuer in kept["roots"].items()},
        intermediates={name: _issuer_from_plain(issuer) for name, issuer in kept["intermediates"].items()},
        keys={kind: [_key_from_plain(key) for key in keys] for kind, keys in kept["keys"].items()},
        strangers=tuple(_issuer_from_plain(issuer) for issuer in kept["strangers"]),
        leaves={identity: leaf for identity, leaf in leaves.items() if leaf.usable_until > now},
    )


def _issuer_to_plain(issuer: Issuer) -> list[str]:
    return [_base64(issuer.der), _key_to_plain(issuer.key)]


def _issuer_from_plain(plain: list[str]) -> Issuer:
    certificate, key = plain
    return Issuer(x509.load_der_x509_certificate(base64.b64decode(certificate)), _key_from_plain(key))


def _key_to_plain(key: PrivateKey) -> str:
    return _base64(
        key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _key_from_plain(plain: str) -> PrivateKey:
    return cast(PrivateKey, serialization.load_der_private_key(base64.b64decode(plain), password=None))


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")

"""Keyed pseudonyms in the place of names: the same name is the same pseudonym in every column and run.

Each label is hashed with all that stands to its right, so that what is below one name stays below one
pseudonym, but the frequent labels (mx1, mail) of different names do not look alike.
"""

import dataclasses
import hashlib
import hmac
import re
from collections.abc import Set
from datetime import datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any

from crawler.dataset.content import Content, rewrite_texts
from crawler.protocol.hostname import is_hostname
from crawler.records import Certificate, Domain, StsPolicy

WITHHELD = "[withheld]"
"""Stands in the place of texts that may hold names."""
LEAST_KEY_OCTETS = 32
LEAST_RANK = 1000
"""Ranks are published as the power of ten that is no less than they are, and no less than this."""

_DIGITS = 20
"""Hexadecimal digits of a pseudonym: 80 bits, so that no two of a hundred million names share one."""
_NAMING = re.compile(r"\S*[.@:]\S*")


class KeyFileError(ValueError):
    """A file that cannot serve as a key; the message names it and says why."""


def read_key(path: Path) -> bytes:
    """Return the octets of a key file. Raises KeyFileError if they are few, OSError if there are none."""
    key = path.read_bytes()
    if len(key) < LEAST_KEY_OCTETS:
        raise KeyFileError(
            f"{path}: {len(key)} octets are too few for a key, {LEAST_KEY_OCTETS} random ones are needed "
            f"(head -c {LEAST_KEY_OCTETS} /dev/urandom > {path})"
        )
    return key


class Pseudonyms:
    """Replaces in records whatever names a domain or host, or finds it in public registers."""

    def __init__(self, key: bytes, certified: Set[str]) -> None:
        """Use a key, and know the certificates that stand on a path to the root store."""
        self._key = key
        self._certified = certified
        self._hash = lru_cache(maxsize=1 << 16)(self._uncached_hash)

    def __call__(self, record: Any) -> Any:
        """Return a record under pseudonyms."""
        is_certified = isinstance(record, Certificate) and record.sha256 in self._certified
        record = rewrite_texts(record, self._text)
        if isinstance(record, Domain):
            # Its place in a list that is public names it as well as its name does.
            return dataclasses.replace(record, position=0, rank=coarse_rank(record.rank))
        if isinstance(record, StsPolicy):
            return dataclasses.replace(record, body=None)
        if isinstance(record, Certificate):
            return _certificate(record, is_certified)
        return record

    def name(self, name: str) -> str:
        """Return the pseudonym of a name: label by label, the top-level domain as it is."""
        if name in ("", "."):
            return name
        if not is_hostname(name) or "." not in name:
            return self._hash("name", name)
        labels = name.lower().split(".")
        hashed = [self._hash("name", ".".join(labels[i:])) for i in range(len(labels) - 1)]
        return ".".join([*hashed, labels[-1]])

    def pattern(self, pattern: str) -> str:
        """Return the pseudonym of a name or wildcard; what is neither is withheld."""
        wildcard = "*." if pattern.startswith("*.") else ""
        rest = pattern.removeprefix("*.").removesuffix(".")
        return wildcard + self.name(rest) if is_hostname(rest) else WITHHELD

    def _text(self, content: Content, text: Any) -> Any:
        match content:
            case Content.WORD:
                return text
            case Content.NAME:
                return self.name(text)
            case Content.PATTERN:
                return self.pattern(text)
            case Content.ADDRESS | Content.FINGERPRINT:
                return self._hash(content.name, text)
            case Content.REMARK:
                return without_names(text)
            case Content.SPEECH:
                return WITHHELD
            case Content.CERTIFICATE:
                return b""
            case Content.DOCUMENT:  # by the column: some may be kept
                return text

    def _uncached_hash(self, kind: str, text: str) -> str:
        return hmac.new(self._key, f"{kind}:{text}".encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def without_names(text: str) -> str:
    """Return a technical text with every word withheld that may be a name or an address."""
    return _NAMING.sub(WITHHELD, text)


def coarse_rank(rank: int | None) -> int | None:
    """Return the power of ten that is no less than a rank, from LEAST_RANK on."""
    if rank is None:
        return None
    coarse = LEAST_RANK
    while coarse < rank:
        coarse *= 10
    return coarse


def _certificate(certificate: Certificate, is_certified: bool) -> Certificate:
    """Return a certificate with its issuer, if that is a trusted authority, and the days of its validity.

    To the second, its times would find it in the logs of certificate transparency.
    """
    names_authority = is_certified and certificate.self_signed is False
    return dataclasses.replace(
        certificate,
        subject=None,
        common_names=None,
        issuer=certificate.issuer if names_authority else None,
        not_before=_day(certificate.not_before),
        not_after=_day(certificate.not_after),
    )


def _day(at: datetime | None) -> datetime | None:
    return None if at is None else datetime.combine(at.date(), time.min, tzinfo=at.tzinfo)

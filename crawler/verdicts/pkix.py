"""Judge a server's certificates: path, time and name, each by itself (RFC 5280 s6, RFC 9525).

OpenSSL finds the path, with all dates ignored, so that a path is found once per distinct chain and holds at
any time; whether it was valid at a time is then a comparison.
"""

import hashlib
import pathlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self, final

from OpenSSL import crypto

from crawler.outcomes import PkixReason
from crawler.protocol.certificate import is_signed_by, public_key_info
from crawler.records import Certificate
from crawler.verdicts import verify_codes
from crawler.verdicts.names import PresentedNames
from crawler.verdicts.purpose import is_for_servers, key_may_serve

CHAIN_LIMIT = 20
"""Certificates of a chain that are looked at; the rest is taken for not sent. Real paths have two to five."""

NO_CHECK_TIME = 0x200000
"""OpenSSL's flag (x509_vfy.h): dates are judged apart."""

_WITHOUT_ANCHOR = (PkixReason.SELF_SIGNED, PkixReason.UNKNOWN_ISSUER, PkixReason.INCOMPLETE_CHAIN)
_MIN_BITS = {crypto.TYPE_RSA: 2048, crypto.TYPE_DSA: 2048, crypto.TYPE_EC: 224}
_WEAK_DIGEST = re.compile(rb"md[245]|sha-?1(?!\d)", re.IGNORECASE)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class RootStoreError(ValueError):
    """A root store file that cannot be read, or holds no certificate."""


class RootStore:
    """Trust anchors: a dated PEM file, read once."""

    def __init__(self, pem: bytes) -> None:
        """Read the certificates of a PEM file's content; raises RootStoreError."""
        self.sha256 = hashlib.sha256(pem).hexdigest()
        self.x509_store = crypto.X509Store()
        self.x509_store.set_flags(NO_CHECK_TIME)
        blocks = dict.fromkeys(_PEM.findall(pem))
        if not blocks:
            raise RootStoreError("no certificate in it")
        for block in blocks:
            try:
                self.x509_store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, block))
            except crypto.Error:
                raise RootStoreError("a certificate in it cannot be read") from None
        self.size = len(blocks)

    @classmethod
    def load(cls, path: str | pathlib.Path) -> Self:
        """Read a PEM file; raises RootStoreError, naming the file."""
        try:
            return cls((pathlib.Path(path) if isinstance(path, str) else path).read_bytes())
        except (OSError, RootStoreError) as error:
            raise RootStoreError(f"root store {path}: {error}") from error


@dataclass(frozen=True, slots=True)
class Path:
    """Where the certificates of a chain lead, dates apart; without a path, the server's own dates."""

    reason: PkixReason | None
    verify_code: int | None
    valid_from: datetime | None
    valid_until: datetime | None

    def time_reason(self, at: datetime) -> PkixReason | None:
        """Return why the path was not valid at a time; None if it was, or if its dates are not known."""
        if self.valid_until is not None and at > self.valid_until:
            return PkixReason.EXPIRED
        if self.valid_from is not None and at < self.valid_from:
            return PkixReason.NOT_YET_VALID
        return None


def find_path(chain: Sequence[Certificate], store: RootStore) -> Path:
    """Find the path from a chain's first certificate to the root store, with the others in any order.

    Nothing is fetched. Weak keys and digests are those below 112 bits of security, OpenSSL's level 2. The
    key usage of the first certificate, and the extended key usage of each, must allow servers where present.
    Trust anchors are exempt from both.
    """
    if not chain:
        return Path(PkixReason.NO_CERTIFICATE, None, None, None)
    leaf, *others = chain = chain[:CHAIN_LIMIT]
    loaded = _load(leaf)
    if loaded is None:
        return Path(PkixReason.UNPARSABLE, None, None, None)
    try:
        path = _verified(loaded, others, store)
    except crypto.X509StoreContextError as error:
        code = error.errors[0]
        reason = _reason(code, leaf)
        if reason is PkixReason.INCOMPLETE_CHAIN and _was_issued_by_one_of(chain, error.certificate):
            reason = PkixReason.OTHER_PATH
        return Path(reason, code, leaf.not_before, leaf.not_after)
    try:
        code = _weakness(path) or _unfitness(path)
        return Path(_reason(code, leaf), code, *_validity(path))
    except (crypto.Error, ValueError):  # a date or key that OpenSSL had no need to read
        return Path(PkixReason.OTHER_PATH, verify_codes.UNSPECIFIED, leaf.not_before, leaf.not_after)


def _verified(leaf: crypto.X509, others: Sequence[Certificate], store: RootStore) -> Sequence[crypto.X509]:
    """Return the path to a trust anchor. Raises crypto.X509StoreContextError for OpenSSL's first error.

    OpenSSL goes no further where it meets a self-signed certificate, even one beside a cross-signed
    certificate of the same key; so those, which lead nowhere, are taken away before a path is given up.
    """
    try:
        return _context(leaf, others, store).get_verified_chain()
    except crypto.X509StoreContextError as error:
        if error.errors[0] != verify_codes.SELF_SIGNED_IN_CHAIN:
            raise
        try:
            leading = [certificate for certificate in others if not certificate.self_signed]
            return _context(leaf, leading, store).get_verified_chain()
        except crypto.X509StoreContextError:
            raise error from None


def _context(leaf: crypto.X509, others: Sequence[Certificate], store: RootStore) -> crypto.X509StoreContext:
    untrusted = [loaded for certificate in others if (loaded := _load(certificate)) is not None]
    return crypto.X509StoreContext(store.x509_store, leaf, untrusted)


def _load(certificate: Certificate) -> crypto.X509 | None:
    """Return a certificate for OpenSSL, which minds no octets behind it; the record does (RFC 5280 s4.1)."""
    if certificate.spki_sha256 is None:
        return None
    try:
        return crypto.load_certificate(crypto.FILETYPE_ASN1, certificate.der)
    except crypto.Error:
        return None


def _reason(code: int, leaf: Certificate) -> PkixReason | None:
    """Translate OpenSSL's word. It guesses "self-signed" from names and key identifiers; the record knows."""
    reason = verify_codes.reason_of(code)
    if reason in _WITHOUT_ANCHOR and leaf.self_signed:
        return PkixReason.SELF_SIGNED
    return PkixReason.INCOMPLETE_CHAIN if reason is PkixReason.SELF_SIGNED else reason


def _was_issued_by_one_of(chain: Sequence[Certificate], stop: crypto.X509) -> bool:
    """Return whether a path stops though the issuer was sent.

    OpenSSL has no word of its own for a certificate with an extension twice, or one that it cannot read: it
    accepts no issuer for it.
    """
    der = crypto.dump_certificate(crypto.FILETYPE_ASN1, stop)
    issuer = next((certificate.issuer for certificate in chain if certificate.der == der), None)
    keys = [public_key_info(other.der) for other in chain if other.subject == issuer and other.der != der]
    return any(key is not None and is_signed_by(der, key) for key in keys)


def _weakness(path: Sequence[crypto.X509]) -> int:
    """Return what OpenSSL would say at security level 2, which its Python binding cannot set; 0 is ok."""
    below_anchor = path[:-1]
    if any(_WEAK_DIGEST.search(certificate.get_signature_algorithm()) for certificate in below_anchor):
        return verify_codes.SIGNATURE_TOO_WEAK
    for depth, certificate in enumerate(below_anchor):
        key = certificate.get_pubkey()
        if key.bits() < _MIN_BITS.get(key.type(), 0):
            return verify_codes.CA_KEY_TOO_SMALL if depth else verify_codes.LEAF_KEY_TOO_SMALL
    return 0


def _unfitness(path: Sequence[crypto.X509]) -> int:
    """Return what OpenSSL would say if asked for servers, which its Python binding cannot; 0 is ok."""
    below_anchor = [crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in path[:-1]]
    is_fit = all(map(is_for_servers, below_anchor)) and all(map(key_may_serve, below_anchor[:1]))
    return 0 if is_fit else verify_codes.INVALID_PURPOSE


def _validity(path: Sequence[crypto.X509]) -> tuple[datetime, datetime]:
    """Return the time in which every certificate of a path, its trust anchor included, is valid."""
    return (
        max(_instant(certificate.get_notBefore()) for certificate in path),
        min(_instant(certificate.get_notAfter()) for certificate in path),
    )


def _instant(generalized_time: bytes | None) -> datetime:
    assert generalized_time is not None  # pyOpenSSL raises before it returns None
    text = generalized_time.decode("ascii")
    return datetime.fromisoformat(f"{text[:8]}T{text[8:]}")


@final
@dataclass(frozen=True, slots=True)
class PkixVerdict:
    """Whether a server's certificates authenticate it under a reference identifier at a time."""

    path_ok: bool
    time_ok: bool
    name_ok: bool
    cn_only_match: bool
    self_signed: bool | None
    reason: PkixReason | None
    verify_code: int | None

    @property
    def is_valid(self) -> bool:
        """Path, time and name."""
        return self.reason is None


class PkixJudge:
    """Judges chains, each a tuple of digests, remembering each distinct chain and each certificate's names.

    It remembers all that it ever judged: make one per shard of work, with one root store for all shards.
    """

    def __init__(self, store: RootStore, certificates: Mapping[str, Certificate]) -> None:
        """Judge against a root store, with the certificates that the chains' digests stand for."""
        self.store = store
        self._certificates = certificates
        self._paths: dict[tuple[str, ...], Path] = {}
        self._dns_ids: dict[str, PresentedNames] = {}

    def judge(self, chain: tuple[str, ...], reference: str, at: datetime) -> PkixVerdict:
        """Judge a server's chain, as sent, under a reference identifier (a host name) at a time.

        Without a certificate that can be read, path, time and name are all false.
        """
        path = self.path(chain, at)
        time_reason = path.time_reason(at)
        name_ok = bool(chain) and self.matches_dns_id(chain[0], reference)
        return PkixVerdict(
            path_ok=path.reason is None,
            time_ok=path.valid_from is not None and time_reason is None,
            name_ok=name_ok,
            cn_only_match=bool(chain) and not name_ok and self._matches_common_name(chain[0], reference),
            self_signed=self._certificates[chain[0]].self_signed if chain else False,
            reason=path.reason or time_reason or (None if name_ok else PkixReason.NAME_MISMATCH),
            verify_code=path.verify_code,
        )

    def path(self, chain: tuple[str, ...], at: datetime) -> Path:
        """Return the path of a chain, one that was valid at a time if there is any.

        With dates ignored OpenSSL takes the first issuer that fits, which may be an expired one sent beside
        its renewal; so the expired ones are taken away before a path is called expired.
        """
        path = self._path(chain)
        if path.reason is None and path.time_reason(at) and self._is_current(chain[0], at):
            current = chain[:1] + tuple(digest for digest in chain[1:] if self._is_current(digest, at))
            renewed = self._path(current)
            if renewed.reason is None:
                return renewed
        return path

    def certificates_of(self, chain: tuple[str, ...]) -> list[Certificate]:
        """Return the certificates that the digests of a chain stand for."""
        return [self._certificates[digest] for digest in chain]

    def matches_dns_id(self, leaf: str, reference: str) -> bool:
        """Return whether the certificate of this digest presents a DNS-ID that matches (RFC 9525 s6.3)."""
        names = self._dns_ids.get(leaf)
        if names is None:
            names = self._dns_ids[leaf] = PresentedNames(self._certificates[leaf].dns_names or ())
        return names.match(reference)

    def _matches_common_name(self, leaf: str, reference: str) -> bool:
        return PresentedNames(self._certificates[leaf].common_names or ()).match(reference)

    def _path(self, chain: tuple[str, ...]) -> Path:
        path = self._paths.get(chain)
        if path is None:
            path = find_path([self._certificates[digest] for digest in chain], self.store)
            self._paths[chain] = path
        return path

    def _is_current(self, digest: str, at: datetime) -> bool:
        certificate = self._certificates[digest]
        first, last = certificate.not_before, certificate.not_after
        return first is not None and last is not None and first <= at <= last

"""What should not be public, taken out of the records: pure rules, and how often each was used."""

import ipaddress
import re
from collections import Counter
from collections.abc import Set
from dataclasses import replace
from typing import Any

from crawler.dataset.content import Content, rewrite_texts
from crawler.outcomes import Vocabulary
from crawler.protocol.hostname import is_hostname
from crawler.protocol.smtp import has_stripped_keyword
from crawler.records import Certificate, Reply, Session

REDACTED = "[redacted]"
"""Stands in the place of what was taken out."""

SIGNS_OF_STRIPPING = ("greeting_masked", "starttls_overwritten")
"""The columns that tell whose STARTTLS was stripped."""

_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+(?=@(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+)")
_ADDRESS = re.compile(
    r"(?:(?<=IPv6:)|(?<=ipv6:)|(?<![\w.:]))(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)(?![\w:])"
)
_ATTRIBUTE = re.compile(r"((?:^|[,+])(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)=)((?:\\.|[^\\,+])*)")
_FREE_TEXT = (Content.REMARK, Content.SPEECH)


_LONGEST_DIGEST = 128
"""Hexadecimal digits of SHA-512. TLSA data that is longer is a whole certificate or key."""


class Redaction(Vocabulary):
    """A rule of redaction."""

    MAIL_ADDRESSES = (
        "mail_addresses",
        "the local part of mail addresses in texts: greetings, replies, DNS records, policies",
    )
    ADDRESSES = (
        "addresses",
        "IP addresses in texts: a server's in its greeting, this scanner's in a refusal",
    )
    CERTIFICATE_NAMES = (
        "certificate_names",
        (
            "certificates that no trusted authority stands for, self-signed ones above all, where people "
            "write names: whatever is no host name in subject, issuer and names; their DER; and whole ones "
            "in TLSA records"
        ),
    )
    GREETINGS = (
        "greetings",
        "the greeting of every host not seen to offer STARTTLS: among them no masked one stands out",
    )
    SIGNS_OF_STRIPPING = (
        "signs_of_stripping",
        (
            "the signs that STARTTLS was stripped, from every row: names taken out in their place could be "
            "read off the list that was surveyed"
        ),
    )


class Redactor:
    """Applies the rules to records, and counts."""

    def __init__(self, certified: Set[str]) -> None:
        """Know the certificates that stand on a path to the root store, by their digest."""
        self._certified = certified
        self.counts: Counter[Redaction] = Counter()

    def __call__(self, record: Any) -> Any:
        """Return a record as it is published."""
        record = rewrite_texts(record, self._text)
        if isinstance(record, Session):
            return self._session(record)
        if isinstance(record, Certificate):
            return self._certificate(record)
        return record

    def _text(self, content: Content, text: Any) -> Any:
        if content is Content.DOCUMENT and isinstance(text, bytes):
            # A policy: its octets, whatever they are, as characters and back.
            return self._free(text.decode("latin-1")).encode("latin-1")
        if content is Content.FINGERPRINT and len(text) > _LONGEST_DIGEST:
            self.counts[Redaction.CERTIFICATE_NAMES] += 1
            return ""
        return self._free(text) if content in _FREE_TEXT else text

    def _free(self, text: str) -> str:
        text, mailboxes = without_mailboxes(text)
        text, addresses = without_addresses(text)
        self.counts[Redaction.MAIL_ADDRESSES] += mailboxes
        self.counts[Redaction.ADDRESSES] += addresses
        return text

    def _session(self, session: Session) -> Session:
        published = without_greeting(without_signs(session))
        self.counts[Redaction.GREETINGS] += published.greeting != session.greeting
        self.counts[Redaction.SIGNS_OF_STRIPPING] += is_stripped(session)
        return published

    def _certificate(self, certificate: Certificate) -> Certificate:
        if certificate.sha256 in self._certified and certificate.self_signed is False:
            return certificate
        self.counts[Redaction.CERTIFICATE_NAMES] += 1
        return without_people(certificate)


def without_mailboxes(text: str) -> tuple[str, int]:
    """Return a text without the local parts of the mail addresses in it, and how many there were."""
    return _MAIL_ADDRESS.subn(REDACTED, text)


def without_addresses(text: str) -> tuple[str, int]:
    """Return a text without the IP addresses in it, and how many there were."""
    found = 0

    def redact(match: re.Match[str]) -> str:
        nonlocal found
        candidate = match[0]
        ending = candidate[len(candidate.rstrip(".")) :]
        try:
            ipaddress.ip_address(candidate.rstrip("."))
        except ValueError:
            return candidate
        found += 1
        return REDACTED + ending

    return _ADDRESS.sub(redact, text), found


def is_stripped(session: Session) -> bool:
    """Whether a session bears a sign that STARTTLS was stripped."""
    return any(getattr(session, sign) for sign in SIGNS_OF_STRIPPING)


def without_signs(session: Session) -> Session:
    """Return a session that does not tell whether STARTTLS was stripped."""
    keywords = session.ehlo_keywords
    if keywords is not None:
        keywords = tuple(keyword for keyword in keywords if not has_stripped_keyword((keyword,)))
    signs: dict[str, Any] = dict.fromkeys(SIGNS_OF_STRIPPING)
    return replace(session, ehlo_keywords=keywords, **signs)


def without_greeting(session: Session) -> Session:
    """Return a session without its greeting's text, if the 220 was not followed by an offer of STARTTLS."""
    if session.greeting is None or session.greeting.code != 220 or session.starttls_offered:
        return session
    return replace(session, greeting=Reply(code=220, lines=(REDACTED,)))


def without_people(certificate: Certificate) -> Certificate:
    """Return a certificate with no name in it but host names, and without its DER."""
    return replace(
        certificate,
        der=b"",
        subject=without_attributes(certificate.subject),
        issuer=without_attributes(certificate.issuer),
        dns_names=_hosts_only(certificate.dns_names),
        common_names=_hosts_only(certificate.common_names),
    )


def without_attributes(name: str | None) -> str | None:
    """Return a distinguished name (RFC 4514) with no values but host names and countries."""

    def redact(match: re.Match[str]) -> str:
        kind, value = match.groups()
        is_kept = kind.strip(",+").upper() == "C=" or _is_host(value)
        return f"{kind}{value if is_kept else REDACTED}"

    return None if name is None else _ATTRIBUTE.sub(redact, name)


def _hosts_only(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(name if _is_host(name) else REDACTED for name in names)


def _is_host(name: str) -> bool:
    return "." in name and is_hostname(name.removeprefix("*."))

"""Rows of the tables that the lists of endpoints are made of."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from crawler.outcomes import DnssecStatus, LookupStatus, SessionStage
from crawler.records import AddressLookup, MxHost, Reply, Session, TlsHandshake

NOW = datetime(2026, 11, 22, tzinfo=UTC)

ENCRYPTED: dict[str, Any] = {
    "stage": SessionStage.HELLO_TLS,
    "failure": None,
    "greeting": Reply(code=220, lines=("ready",)),
    "greeting_masked": False,
    "hello_command": "EHLO",
    "hello_code": 250,
    "ehlo_keywords": ("STARTTLS", "SIZE 1000"),
    "starttls_offered": True,
    "starttls_overwritten": False,
    "starttls_reply": Reply(code=220, lines=("go",)),
    "plaintext_after_220": 0,
    "tls": TlsHandshake(version="TLSv1.3", cipher_suite="AES", group="X25519", chain=("aa", "bb")),
    "hello_tls_code": 250,
    "ehlo_keywords_tls": ("SIZE 1000", "AUTH PLAIN"),
    "quit_code": 221,
    "pushed_back": False,
}
"""What a session with STARTTLS has seen."""


def host(name: str, *addresses: str, provider: str = "provider.example") -> MxHost:
    """Return an MX host with these addresses."""
    a = tuple(address for address in addresses if ":" not in address)
    aaaa = tuple(address for address in addresses if ":" in address)
    return MxHost(mx_host=name, provider=provider, a=_lookup(a), aaaa=_lookup(aaaa), resolved_at=NOW)


def _lookup(addresses: Sequence[str]) -> AddressLookup:
    status = LookupStatus.NOERROR if addresses else LookupStatus.NODATA
    return AddressLookup(
        status=status, dnssec_status=DnssecStatus.INSECURE, addresses=tuple(sorted(addresses))
    )


def session(mx_host: str, address: str, **seen: Any) -> Session:
    """Return a session that connected in vain, but for what was seen."""
    columns: dict[str, Any] = {
        "mx_host": mx_host,
        "address": address,
        "family": 6 if ":" in address else 4,
        "port": 25,
        "attempt": 1,
        "stage": SessionStage.CONNECT,
        "failure": None,
        "failure_detail": None,
        "greeting": None,
        "greeting_masked": None,
        "hello_command": None,
        "hello_code": None,
        "ehlo_keywords": None,
        "starttls_offered": None,
        "starttls_overwritten": None,
        "starttls_reply": None,
        "plaintext_after_220": None,
        "tls": None,
        "hello_tls_code": None,
        "ehlo_keywords_tls": None,
        "quit_code": None,
        "pushed_back": None,
        "tlsa": None,
        "tlsa_expanded": None,
        "started_at": NOW,
        "connect_seconds": None,
        "greeting_seconds": None,
        "hello_seconds": None,
        "starttls_seconds": None,
        "handshake_seconds": None,
        "total_seconds": 1.0,
    }
    return Session(**(columns | seen))

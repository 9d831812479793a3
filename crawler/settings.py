"""The settings of a survey: frozen, from a TOML file and command-line flags."""

import dataclasses
import ipaddress
import math
import re
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import certifi
import dns.exception
import dns.resolver


class SettingsError(ValueError):
    """A setting that does not exist or cannot be used; the message names it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to survey. Durations in seconds; limits in flight are per worker process."""

    hello_name: str = dataclasses.field(default_factory=socket.getfqdn)
    """The scanner's own name, the EHLO argument (RFC 5321 s4.1.1.1): resolvable both ways."""
    resolver: str = ""
    """Address and port of the recursive resolver, '127.0.0.1:53' or '[::1]:53'; empty: the system's."""
    trusted_resolvers: tuple[str, ...] = ()
    """Addresses, besides loopback, whose AD bit is believed."""
    root_store: str = dataclasses.field(default_factory=certifi.where)
    """PEM file of the trust anchors that PKIX paths must end in."""
    allowed_ranges: tuple[str, ...] = ()
    """Special-purpose networks that may be contacted all the same, such as 127.0.0.0/8 for the lab."""
    smtp_port: int = 25
    https_port: int = 443
    seed: int = 1
    """Shuffles the order of work."""

    workers: int = 0
    """Worker processes; 0 = one per processor core."""
    shard_size: int = 1000
    """Rows per part file and unit of resuming."""
    domains_in_flight: int = 300
    questions_in_flight: int = 1000
    """DNS questions under way at once, as long as the resolver bears them."""
    sessions_in_flight: int = 500
    sessions_per_address: int = 1
    """Sessions open at once with one address."""

    dns_timeout_seconds: float = 3.0
    """One question, until it is asked again."""
    dns_attempts: int = 3
    connect_timeout_seconds: float = 20.0
    greeting_timeout_seconds: float = 30.0
    reply_timeout_seconds: float = 30.0
    """Each reply after the greeting."""
    handshake_timeout_seconds: float = 20.0
    session_timeout_seconds: float = 120.0
    """The whole session, whatever its parts were allowed."""
    policy_timeout_seconds: float = 60.0
    """The whole fetch of an MTA-STS policy (RFC 8461 s3.3 suggests one minute)."""

    def __post_init__(self) -> None:
        """Check what can be checked without the network."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in _POSITIVE and not 0 < value < math.inf:
                raise SettingsError(f"setting {field.name}: {value} is not above zero")
        if not _HELLO_NAME.fullmatch(self.hello_name):
            raise SettingsError(f"setting hello_name: {self.hello_name!r} is no host name or address literal")
        for name in ("smtp_port", "https_port"):
            if not 0 < getattr(self, name) < 65536:
                raise SettingsError(f"setting {name}: {getattr(self, name)} is no port number")
        if self.workers < 0:
            raise SettingsError(f"setting workers: {self.workers} is below zero")
        for network in self.allowed_ranges:
            _checked("allowed_ranges", network, ipaddress.ip_network)
        for address in self.trusted_resolvers:
            _checked("trusted_resolvers", address, ipaddress.ip_address)
        if self.resolver:
            resolver_endpoint(self.resolver)
        if not Path(self.root_store).is_file():
            raise SettingsError(f"setting root_store: {self.root_store} is no file")


_HELLO_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[A-Za-z0-9.:]{2,64}\]")
"""RFC 5321 s4.1.1.1: Domain or address-literal; anything else could carry a command of its own."""
_POSITIVE = {
    "shard_size",
    "domains_in_flight",
    "questions_in_flight",
    "sessions_in_flight",
    "sessions_per_address",
    "dns_timeout_seconds",
    "dns_attempts",
    "connect_timeout_seconds",
    "greeting_timeout_seconds",
    "reply_timeout_seconds",
    "handshake_timeout_seconds",
    "session_timeout_seconds",
    "policy_timeout_seconds",
}


def _checked(name: str, value: str, parse: Any) -> None:
    try:
        parse(value)
    except ValueError as error:
        raise SettingsError(f"setting {name}: {error}") from None


def resolver_endpoint(text: str) -> tuple[str, int]:
    """Return address and port of '192.0.2.1:53', '[2001:db8::1]:53', or a bare address (port 53)."""
    host, _, port = text.rpartition(":")
    if text.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif not host or ":" in host:
        host, port = text.strip("[]"), "53"
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        raise SettingsError(f"setting resolver: {text!r} is no address:port") from None
    if not 0 < number < 65536:
        raise SettingsError(f"setting resolver: {number} is no port number")
    return host, number


def system_resolver() -> str:
    """Return the system's first recursive resolver as address:port."""
    try:
        server = dns.resolver.Resolver().nameservers[0]
    except (dns.exception.DNSException, IndexError):
        raise SettingsError("setting resolver: none given, and the system names none") from None
    return f"[{server}]:53" if ":" in str(server) else f"{server}:53"


def load_settings(
    path: Path | None, overrides: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> Settings:
    """Return settings: the defaults given, under those of a TOML file, under the overrides that are not None.

    Raises SettingsError for an unreadable file, an unknown name, a value of the wrong type or out of range.
    """
    values = dict(defaults or {})
    if path is not None:
        try:
            values |= tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"settings file {path}: {error}") from None
    values |= {name: value for name, value in overrides.items() if value is not None}
    return settings_from(values)


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Return settings from plain values, as TOML and JSON hold them."""
    hints = get_type_hints(Settings)
    accepted: dict[str, Any] = {}
    for name, value in values.items():
        if name not in hints:
            raise SettingsError(f"setting {name}: there is no such setting")
        accepted[name] = _accept(name, value, hints[name])
    return Settings(**accepted)


def _accept(name: str, value: Any, hint: Any) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in (str, int, float):
        if isinstance(value, hint) and not isinstance(value, bool):
            return value
        raise SettingsError(f"setting {name}: {value!r} is not of type {hint.__name__}")
    if isinstance(value, list | tuple) and all(isinstance(member, str) for member in value):
        return tuple(value)
    raise SettingsError(f"setting {name}: {value!r} is no list of strings")


def plain(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain values, as JSON gives them back."""
    values = dataclasses.asdict(settings)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

"""The settings of a survey: frozen, from a TOML file and command-line flags."""

import dataclasses
import ipaddress
import math
import re
import socket
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import certifi


class SettingsError(ValueError):
    """A setting that does not exist or cannot be used; the message names it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to survey. Durations in seconds; limits in flight are per worker process."""

    hello_name: str = dataclasses.field(default_factory=socket.getfqdn)
    """The scanner's own name, the EHLO argument (RFC 5321 s4.1.1.1): resolvable both ways."""
    contact_page: str = ""
    """URL of the page that says who asks, why, and how to opt out."""
    resolver: str = ""
    """Address and port of the recursive resolver, '127.0.0.1:53' or '[::1]:53'; empty: the system's."""
    trusted_resolvers: tuple[str, ...] = ()
    """Addresses, besides loopback, whose AD bit is believed."""
    root_store: str = dataclasses.field(default_factory=certifi.where)
    """PEM file of the trust anchors that PKIX paths must end in."""
    allowed_ranges: tuple[str, ...] = ()
    """Special-purpose networks that may be contacted all the same, such as 127.0.0.0/8 for the lab."""
    opt_out: str = ""
    """File of domains (with all below them) and networks that are never asked, one per line; empty: none."""
    control_hosts: tuple[str, ...] = (
        "gmail-smtp-in.l.google.com",
        "outlook-com.olc.protection.outlook.com",
    )
    """Mail hosts known to offer STARTTLS, asked before a run and through it: where they fail, it is this
    network that fails. Where a lookup fails, the resolver is asked for a made-up name below one of them: only
    if that is answered, by its zone's own servers, is the failure believed. Empty: none, and an outage of the
    resolver's network passes for a fact about the names."""
    control_interval_seconds: float = 300.0
    smtp_port: int = 25
    https_port: int = 443
    seed: int = 1
    """Shuffles the order of work."""

    workers: int = 0
    """Worker processes; 0 = one per processor core."""
    shard_size: int = 1000
    """Rows per part file and unit of resuming."""
    save_seconds: float = 30.0
    """How often what is done of a shard is written down: so much is lost at most when the run is killed."""
    domains_in_flight: int = 300
    """Domains, or MX hosts, that each worker looks up one by one at once: of the domains those with anything
    but plain answers. Plain ones are looked up together, a thousand at a time."""
    questions_in_flight: int = 1000
    """DNS questions under way at once, as long as the resolver bears them."""
    sessions_in_flight: int = 500
    endpoints_waiting: int = 5000
    """Endpoints taken up at once, under way or waiting for their turn."""
    mx_hosts_per_domain: int = 20
    """MX hosts asked of one domain, by preference."""
    sample_size: int = 75
    """Names of one provider at one address that are asked before others are inferred; 0: all are asked.
    Where 75 agree, at most 4 % of the others differ, with 95 % confidence (3 / 75)."""

    sessions_per_address: int = 1
    """Sessions open at once with one address."""
    policy_fetches_per_address: int = 4
    """MTA-STS policies fetched at once from one address, by each worker."""
    address_gap_seconds: float = 5.0
    """Between the end of a session with an address and the beginning of the next."""
    sessions_per_second_per_network: float = 2.0
    """Sessions begun with a /24 or /48; 0, here and below: without limit."""
    sessions_per_second_per_provider: float = 10.0
    """Sessions begun with all networks that mainly serve one provider's names."""
    sessions_per_second: float = 200.0
    """Sessions begun by all workers together."""
    address_cap: int = 500
    """Sessions with one address in a run, second attempts left out."""
    provider_cap: int = 20_000
    """The same with one provider."""
    back_off_seconds: float = 60.0
    """Pause for a provider that pushed back; doubled each time that it does so again."""
    back_offs: int = 5
    """Pauses in a row after which a provider is left alone until the second attempt."""
    retry_delay_seconds: float = 1800.0
    """From a session that failed for now to its second attempt."""

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
    patient_timeout_seconds: float = 300.0
    """The greeting and each reply in the second attempt (RFC 5321 s4.5.3.2)."""
    patient_session_timeout_seconds: float = 1800.0
    """The whole second attempt."""
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
        for name in _NOT_NEGATIVE:
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingsError(f"setting {name}: {getattr(self, name)} is below zero")
        for network in self.allowed_ranges:
            _checked("allowed_ranges", network, ipaddress.ip_network)
        for address in self.trusted_resolvers:
            _checked("trusted_resolvers", address, ipaddress.ip_address)
        if self.resolver:
            resolver_endpoint(self.resolver)


_HELLO_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[A-Za-z0-9.:]{2,64}\]")
"""RFC 5321 s4.1.1.1: Domain or address-literal; anything else could carry a command of its own."""
_NOT_NEGATIVE = (
    "workers",
    "sample_size",
    "address_gap_seconds",
    "sessions_per_second_per_network",
    "sessions_per_second_per_provider",
    "sessions_per_second",
    "retry_delay_seconds",
)
_POSITIVE = {
    "endpoints_waiting",
    "mx_hosts_per_domain",
    "address_cap",
    "provider_cap",
    "back_off_seconds",
    "back_offs",
    "control_interval_seconds",
    "patient_timeout_seconds",
    "patient_session_timeout_seconds",
    "save_seconds",
    "shard_size",
    "domains_in_flight",
    "questions_in_flight",
    "sessions_in_flight",
    "sessions_per_address",
    "policy_fetches_per_address",
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
    # Worker processes have their settings given: a tenth of a second each that this import takes.
    import dns.exception
    import dns.resolver

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
    settings = Settings(**accepted)
    if not Path(settings.root_store).is_file():  # here alone: a worker elsewhere has no use for it
        raise SettingsError(f"setting root_store: {settings.root_store} is no file")
    return settings


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


@cache
def patient(settings: Settings) -> Settings:
    """Return the settings of a second attempt, which waits as long as RFC 5321 s4.5.3.2 asks."""
    patience = settings.patient_timeout_seconds
    return dataclasses.replace(
        settings,
        greeting_timeout_seconds=patience,
        reply_timeout_seconds=patience,
        session_timeout_seconds=settings.patient_session_timeout_seconds,
    )


def plain(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain values, as JSON gives them back."""
    values = dataclasses.asdict(settings)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

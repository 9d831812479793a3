"""A profile: who hosts how much of the mail, and how often each scenario occurs. From TOML, checked."""

import tomllib
from bisect import bisect
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, get_args

from crawler.lab.certificate_scenarios import CERTIFICATE_SCENARIOS, Key
from crawler.lab.mail_scenarios import MAIL_SCENARIOS
from crawler.lab.policy_scenarios import POLICY_SCENARIOS
from crawler.lab.smtp_scenarios import SMTP_SCENARIOS, TLS_SCENARIOS
from crawler.lab.tlsa_scenarios import TLSA_SCENARIOS
from crawler.lab.txt_scenarios import STS_RECORD_SCENARIOS, TLSRPT_SCENARIOS

PROFILES = Path(__file__).parent / "profiles"
_ROUNDING = 1e-9


class ProfileError(ValueError):
    """A profile that cannot be used; the message names the file and the entry."""


class Wheel:
    """Words by rate. Drawing costs one random number."""

    __slots__ = ("_bounds", "words")

    def __init__(self, rates: Mapping[str, float], rest: str) -> None:
        """Take rates that sum to at most 1; the rest of 1 belongs to the word `rest`."""
        self.words = [*rates, rest]
        self._bounds = list(accumulate(rates.values()))

    def draw(self, rng: Random) -> str:
        """Return a word."""
        return self.words[bisect(self._bounds, rng.random())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A mail provider. Its zone and its hosts are its own; its customers only point there."""

    domain: str
    share: float
    """Of the domains with hosted mail."""
    labels: tuple[str, ...]
    """Of its hosts below the domain; with per_customer the one zone that customers' host names lie in."""
    preferences: tuple[int, ...]
    per_customer: bool = False
    """Each customer has a host name of its own: <domain with dashes>.<label>.<provider's domain>."""
    odd: float = 0.0
    """Of the customers: those whose host name gets an expired certificate, unlike the others at its address;
    with per_customer only."""
    addresses: int = 1
    """Addresses of each host; with per_customer of all of them together, one for each customer."""
    signed: bool = False
    ipv6: bool = False
    session: str = "good"
    tls: str = "modern"
    key: Key = "ecdsa"
    tlsa: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallHosters:
    """The tail: hosters of a few domains each, with two hosts, drawn by the rates for sessions and so on."""

    share: float = 0.0
    domains_each: int = 8
    signed: float = 0.0
    ipv6: float = 0.0
    """Of those whose hosts are good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Names of one kind, as many as said and not as drawn. What it leaves open is drawn by the rates."""

    names: int
    """Of as many as all quotas of the profile say together; a list of another length is divided alike."""
    mail: str = "hosted"
    hoster: str = "self"
    """Where mail is 'hosted': the domain of a provider, or 'self': a host below the name."""
    session: str | None = None
    certificate: str | None = None
    tls: str | None = None
    tlsa: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All of it. Rates are shares of 1; what they leave goes to the first word of each table."""

    signed: float = 0.0
    """Of the domains, where the list does not say."""
    rsa: float = 0.0
    """Of the certificates outside the providers."""
    addresses_per_behaviour: int = 120
    """Host names that behave alike share so many addresses at most."""
    addresses_per_slow_behaviour: int = 400
    """The same for behaviours that take seconds: sessions with one address wait for each other."""
    providers: tuple[Provider, ...] = ()
    small_hosters: SmallHosters = field(default_factory=SmallHosters)
    hostile: float = 0.0
    """Of the hosts that `rates.sessions` is for, before these rates: hostile servers, each kind as often."""
    rates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    quotas: tuple[Quota, ...] = ()
    """If there are any, every name of the list falls under one, and none is reserved for a scenario."""

    def wheel(self, table: str) -> Wheel:
        """Return the words of a rate table."""
        return Wheel(self.rates.get(table, {}), next(iter(RATE_TABLES[table])))


RATE_TABLES: dict[str, Collection[str]] = {
    "mail": MAIL_SCENARIOS,
    "sessions": SMTP_SCENARIOS,
    "certificates": CERTIFICATE_SCENARIOS,
    "tls": TLS_SCENARIOS,
    "tlsa": TLSA_SCENARIOS,
    "sts_records": STS_RECORD_SCENARIOS,
    "sts_policies": POLICY_SCENARIOS,
    "tlsrpt": TLSRPT_SCENARIOS,
}
"""Every table of rates and its words. sessions, certificates, tls and tlsa are of hosts outside the
providers; a word that makes no sense in an unsigned zone (or a signed one) is passed over there."""


def load_profile(path: Path) -> Profile:
    """Return the profile of a TOML file. Raises ProfileError."""
    try:
        return profile_from(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ProfileError) as error:
        raise ProfileError(f"profile {path}: {error}") from None


def profile_from(values: Mapping[str, Any]) -> Profile:
    """Return the profile of plain values, as TOML holds them. Raises ProfileError."""
    values = dict(values)
    rates = _table("rates", values.pop("rates", {}))
    providers = _tables("providers", values.pop("providers", []))
    quotas = _tables("quotas", values.pop("quotas", []))
    hosters = _read(SmallHosters, "small_hosters", values.pop("small_hosters", {}))
    profile: Profile = _read(
        Profile,
        "profile",
        values,
        providers=tuple([_provider(f"providers[{n}]", entry) for n, entry in enumerate(providers)]),
        small_hosters=hosters,
        rates={name: _rates(name, table) for name, table in rates.items()},
        quotas=tuple([_quota(f"quotas[{n}]", entry) for n, entry in enumerate(quotas)]),
    )
    _check_shares(profile)
    return profile


def _tables(where: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ProfileError(f"{where}: not an array of tables")
    return value


def _table(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProfileError(f"{where}: not a table")
    return value


def _rates(name: str, table: Any) -> dict[str, float]:
    if name not in RATE_TABLES:
        raise ProfileError(f"rates.{name}: there is no such table; there are {', '.join(RATE_TABLES)}")
    where = f"rates.{name}"
    rates = {}
    for word, rate in _table(where, table).items():
        if word not in RATE_TABLES[name]:
            raise ProfileError(f"{where}.{word}: there is no such scenario")
        rates[word] = _share(f"{where}.{word}", rate)
    if sum(rates.values()) > 1 + _ROUNDING:
        raise ProfileError(f"{where}: the rates sum to {sum(rates.values()):.4f}, which is above 1")
    return rates


def _share(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ProfileError(f"{where}: {value!r} is no number from 0 to 1")
    return float(value)


def _provider(where: str, entry: Any) -> Provider:
    provider: Provider = _read(Provider, where, _table(where, entry))
    words = (
        (provider.session, SMTP_SCENARIOS),
        (provider.tls, TLS_SCENARIOS),
        (provider.tlsa, TLSA_SCENARIOS),
    )
    for word, known in words:
        if word not in known:
            raise ProfileError(f"{where}: {word!r} is no scenario")
    if provider.key not in get_args(Key):
        raise ProfileError(f"{where}.key: {provider.key!r} is neither of {', '.join(get_args(Key))}")
    if not provider.labels or len(provider.labels) != len(provider.preferences):
        raise ProfileError(f"{where}: needs as many preferences as labels, at least one")
    if provider.per_customer and len(provider.labels) != 1:
        raise ProfileError(f"{where}: per_customer needs exactly one label")
    if provider.odd and not provider.per_customer:
        raise ProfileError(f"{where}: odd needs per_customer")
    if provider.ipv6 and provider.session != "good":
        raise ProfileError(f"{where}: ipv6 needs session 'good': the one IPv6 machine is shared")
    if TLSA_SCENARIOS[provider.tlsa].needs_signed not in (None, provider.signed):
        raise ProfileError(f"{where}: tlsa {provider.tlsa!r} does not go with signed = {provider.signed}")
    if provider.addresses < 1 or not all(0 <= p < 1 << 16 for p in provider.preferences):
        raise ProfileError(f"{where}: addresses or preferences out of range")
    return provider


def _quota(where: str, entry: Any) -> Quota:
    quota: Quota = _read(Quota, where, _table(where, entry))
    words = (
        (quota.mail, MAIL_SCENARIOS),
        (quota.session, SMTP_SCENARIOS),
        (quota.certificate, CERTIFICATE_SCENARIOS),
        (quota.tls, TLS_SCENARIOS),
        (quota.tlsa, TLSA_SCENARIOS),
    )
    for word, known in words:
        if word is not None and word not in known:
            raise ProfileError(f"{where}: {word!r} is no scenario")
    return quota


def _read(record: type, where: str, values: Any, **made: Any) -> Any:
    known = {f.name: f for f in fields(record) if f.name not in made}
    accepted: dict[str, Any] = dict(made)
    for name, value in _table(where, values).items():
        if name not in known:
            raise ProfileError(f"{where}.{name}: there is no such entry")
        accepted[name] = _accept(f"{where}.{name}", value, known[name].type)
    for name, entry in known.items():
        if name not in accepted and entry.default is MISSING and entry.default_factory is MISSING:
            raise ProfileError(f"{where}.{name}: missing")
    return record(**accepted)


def _accept(where: str, value: Any, annotation: Any) -> Any:
    if annotation is float:
        return _share(where, value)
    if annotation in (tuple[str, ...], tuple[int, ...]):
        element = get_args(annotation)[0]
        if isinstance(value, list) and all(type(member) is element for member in value):
            return tuple(value)
        raise ProfileError(f"{where}: not a list of {element.__name__}")
    expected = annotation if isinstance(annotation, type) else str
    if type(value) is not expected:
        raise ProfileError(f"{where}: {value!r} is not of type {expected.__name__}")
    if isinstance(value, int) and not isinstance(value, bool) and value < 1:
        raise ProfileError(f"{where}: {value} is not above zero")
    return value


def _check_shares(profile: Profile) -> None:
    total = sum(provider.share for provider in profile.providers) + profile.small_hosters.share
    if total > 1 + _ROUNDING:
        raise ProfileError(f"the shares of providers and small hosters sum to {total:.4f}, which is above 1")
    domains = [provider.domain for provider in profile.providers]
    if len(set(domains)) != len(domains):
        raise ProfileError("two providers have the same domain")
    for quota in profile.quotas:
        if quota.hoster not in (*domains, "self"):
            raise ProfileError(f"quotas: {quota.hoster!r} is no provider")

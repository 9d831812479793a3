"""Who receives the mail: providers, small hosters, and hosts below the domain itself."""

from dataclasses import dataclass, field, replace
from random import Random
from zlib import crc32

from crawler.lab.certificate_scenarios import CERTIFICATE_SCENARIOS, MAX_COMMON_NAME, Key
from crawler.lab.delivery_rules import MailHost
from crawler.lab.internet import CertificateOrder
from crawler.lab.profile import Profile, Provider, Wheel
from crawler.lab.sites import Site
from crawler.lab.smtp_scenarios import HOSTILE_SCENARIOS, SMTP_SCENARIOS
from crawler.lab.tlsa_scenarios import TLSA_SCENARIOS
from crawler.lab.world import Certified, World
from crawler.lab.zones import Alias, Zone

IPV6_ADDRESS = "::1"
_HOSTILE = tuple(HOSTILE_SCENARIOS)
MAX_LABEL = 63
_MOST_NAMES = 100
"""Of a certificate that still fits into a DNS message."""

Exchange = tuple[int, MailHost]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a host below a domain must be like; None: drawn by the rates."""

    session: str | None = None
    certificate: str | None = None
    tls: str | None = None
    tlsa: str | None = None


ANYTHING = Wish()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a host is like; its TLSA records depend on its zone too."""

    session: str
    certificate: str
    tls: str
    tlsa: str | None


class SiteMaker:
    """Draws hosts outside the providers."""

    def __init__(self, world: World, profile: Profile, rng: Random, *, ipv6: bool) -> None:
        """Prepare the draws."""
        self.world = world
        self.profile = profile
        self.rng = rng
        self._sessions, self._certificates = profile.wheel("sessions"), profile.wheel("certificates")
        self._tls, self._tlsa = profile.wheel("tls"), profile.wheel("tlsa")
        self._ipv6_site: Site | None = None
        self.ipv6 = ipv6

    def ipv6_site(self) -> Site | None:
        """Return the one machine that good hosts share on IPv6; None without IPv6."""
        if self.ipv6 and self._ipv6_site is None:
            self._ipv6_site = self.world.new_site("good", "modern", "mx6.lab.test", address=IPV6_ADDRESS)
        return self._ipv6_site

    def draw(self, wish: Wish) -> Drawn:
        """Return what a wish comes to."""
        session = wish.session or self._session()
        certificate = wish.certificate or self._certificates.draw(self.rng)
        tls = wish.tls or self._tls.draw(self.rng)
        needed = SMTP_SCENARIOS[session].tls
        if needed and CERTIFICATE_SCENARIOS[certificate].tls not in (None, needed):
            certificate = "good"
        needed = needed or CERTIFICATE_SCENARIOS[certificate].tls
        return Drawn(session=session, certificate=certificate, tls=needed or tls, tlsa=wish.tlsa)

    def _session(self) -> str:
        if self.rng.random() < self.profile.hostile:
            return self.rng.choice(_HOSTILE)
        return self._sessions.draw(self.rng)

    def tlsa(self, drawn: Drawn, zone: Zone, certified: Certified | None, *, is_alias: bool = False) -> str:
        """Return a word of TLSA_SCENARIOS that makes sense for a host."""
        word = drawn.tlsa or self._tlsa.draw(self.rng)
        scenario = TLSA_SCENARIOS[word]
        if scenario.needs_signed not in (None, zone.secure) or (scenario.needs_alias and not is_alias):
            return "none"
        if scenario.needs_issuer and certified and certified.order.issuer == "self":
            return "ee"
        if scenario.holds_leaf and certified and len(certified.order.dns_names) > _MOST_NAMES:
            return "ee"
        return word

    def key(self) -> Key:
        """Draw a key type."""
        return "rsa" if self.rng.random() < self.profile.rsa else "ecdsa"

    def certify(self, drawn: Drawn, site: Site, host: str, domain: str) -> Certified | None:
        """Return the certificate of a host, if its site ever shows one."""
        word = drawn.certificate
        if not site.scenario.needs_certificate:
            return None
        if (word == "cn_only" and len(host) > MAX_COMMON_NAME) or (word == "domain_only" and host == domain):
            word = "good"
        return self.world.certify(CERTIFICATE_SCENARIOS[word], host, domain, self.key())

    def host(
        self,
        name: str,
        domain: str,
        zone: Zone,
        drawn: Drawn,
        *,
        extra: Site | None = None,
        alias: Alias | None = None,
    ) -> MailHost:
        """Put a host below a domain (or the domain itself) onto a site; extra: a second address of it."""
        site = self.world.shared_site(drawn.session, drawn.tls, name)
        certified = self.certify(drawn, site, name, domain)
        return self.world.mail_host(
            name,
            zone,
            self.world.provider_of(name),
            [site] if extra is None else [site, extra],
            certified,
            tlsa=self.tlsa(drawn, zone, certified, is_alias=alias is not None),
            alias=alias,
        )


@dataclass(slots=True)
class _Customers:
    """A provider that gives each customer a host name of its own."""

    provider: Provider
    zone: Zone
    zone_name: str
    sites: list[Site]
    certified: Certified
    odd_certified: Certified
    """Of the customers that are treated unlike the others."""
    taken: set[str] = field(default_factory=set)

    def exchanges(self, domain: str, makers: SiteMaker, *, is_odd: bool) -> list[Exchange]:
        """Return the exchange of a new customer."""
        label = domain.replace(".", "-")
        if len(label) > MAX_LABEL or label in self.taken:
            label = f"{label[: MAX_LABEL - 9].rstrip('-')}-{crc32(domain.encode()):08x}"
        sites = [self.sites[len(self.taken) % len(self.sites)]]
        self.taken.add(label)
        if self.provider.ipv6 and (ipv6_site := makers.ipv6_site()):
            sites.append(ipv6_site)
        name = f"{label}.{self.zone_name}"
        certified = self.odd_certified if is_odd else self.certified
        host = makers.world.mail_host(
            name, self.zone, self.provider.domain, sites, certified, tlsa=self.provider.tlsa
        )
        if is_odd:
            makers.world.internet.odd_hosts += [(name, site.server.address) for site in sites]
        return [(self.provider.preferences[0], host)]


class Hosting:
    """Every hoster, set up when its first domain comes; who hosts a domain is drawn by their shares."""

    def __init__(self, makers: SiteMaker, domain_count: int) -> None:
        """Prepare the draws; small hosters are as many as the number of domains needs."""
        self.makers = makers
        self.world = makers.world
        profile = makers.profile
        self._shared: dict[str, list[Exchange]] = {}
        self._customers: dict[str, _Customers] = {}
        self._hosters: dict[int, list[Exchange]] = {}
        self._providers = {provider.domain: provider for provider in profile.providers}
        small = profile.small_hosters
        self._hoster_count = max(1, round(domain_count * small.share / small.domains_each))
        shares = {provider.domain: provider.share for provider in profile.providers}
        self._wheel = Wheel(shares | {"small": small.share}, "self")

    def draw(self) -> str:
        """Return who hosts the next domain: a provider's domain, 'small' or 'self'."""
        return self._wheel.draw(self.makers.rng)

    def exchanges(self, who: str, domain: str, *, is_odd: bool = False) -> list[Exchange]:
        """Return the exchanges that a hoster (not 'self') gives a domain.

        is_odd: it is treated unlike the other customers, if each has a host name of its own.
        """
        if who == "small":
            return self.small_hoster()
        if who not in self._customers and who not in self._shared:
            self._set_up(self._providers[who])
        if who in self._customers:
            is_odd = is_odd or self.makers.rng.random() < self._providers[who].odd
            return self._customers[who].exchanges(domain, self.makers, is_odd=is_odd)
        return self._shared[who]

    def small_hoster(self) -> list[Exchange]:
        """Return the exchanges of one of the small hosters."""
        number = self.makers.rng.randrange(self._hoster_count)
        if number not in self._hosters:
            self._hosters[number] = self._new_hoster(number)
        return self._hosters[number]

    def _new_hoster(self, number: int) -> list[Exchange]:
        makers, small = self.makers, self.makers.profile.small_hosters
        domain = f"hoster{number:04d}.example"
        zone = self.world.zone(domain, secure=makers.rng.random() < small.signed)
        exchanges = []
        for preference in (10, 20):
            drawn = makers.draw(ANYTHING)
            name = CERTIFICATE_SCENARIOS[drawn.certificate].host_name(f"mx{preference // 10}", domain)
            sites = [self.world.shared_site(drawn.session, drawn.tls, name)]
            if (
                drawn.session == "good"
                and makers.rng.random() < small.ipv6
                and (ipv6_site := makers.ipv6_site())
            ):
                sites.append(ipv6_site)
            certified = makers.certify(drawn, sites[0], name, domain)
            tlsa = makers.tlsa(drawn, zone, certified)
            host = self.world.mail_host(name, zone, domain, sites, certified, tlsa=tlsa)
            exchanges.append((preference, host))
        return exchanges

    def _set_up(self, provider: Provider) -> None:
        zone = self.world.zone(provider.domain, secure=provider.signed)
        hosts = [f"{label}.{provider.domain}" for label in provider.labels]
        if provider.per_customer:
            names: tuple[str, ...] = (hosts[0], f"*.{hosts[0]}")
        else:
            names = tuple(hosts)
        order = CertificateOrder(common_name=hosts[0], dns_names=names, key=provider.key)
        order_id = provider.domain
        self.world.order(order_id, order)
        certified = Certified(order_id, CERTIFICATE_SCENARIOS["good"].verdict(), order)
        if provider.per_customer:
            sites = self._new_sites(provider, hosts[0], order_id)
            odd = self._odd_certificate(provider, order)
            self._customers[provider.domain] = _Customers(provider, zone, hosts[0], sites, certified, odd)
        else:
            self._shared[provider.domain] = [
                (preference, self._shared_host(provider, zone, host, certified))
                for preference, host in zip(provider.preferences, hosts, strict=True)
            ]

    def _odd_certificate(self, provider: Provider, order: CertificateOrder) -> Certified:
        scenario = CERTIFICATE_SCENARIOS["expired"]
        order_id, odd = f"odd.{provider.domain}", replace(order, **scenario.order)
        if provider.odd:
            self.world.order(order_id, odd)
        return Certified(order_id, scenario.verdict(), odd)

    def _new_sites(self, provider: Provider, name: str, order_id: str) -> list[Site]:
        return [
            self.world.new_site(provider.session, provider.tls, name, address=address, certificate=order_id)
            for address in self.world.addresses(provider.addresses)
        ]

    def _shared_host(self, provider: Provider, zone: Zone, host: str, certified: Certified) -> MailHost:
        sites = self._new_sites(provider, host, certified.order_id)
        if provider.ipv6 and (ipv6_site := self.makers.ipv6_site()):
            sites.append(ipv6_site)
        return self.world.mail_host(host, zone, provider.domain, sites, certified, tlsa=provider.tlsa)

"""Populates the lab from a list of names: who is hosted where, what is wrong with it, and the truth.

What names are reserved for comes first (`reservations`); the rest comes by the rates of the profile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import NamedTuple

from crawler.lab.certificate_scenarios import CERTIFICATE_SCENARIOS
from crawler.lab.delivery_rules import MailHost, delivery_truth
from crawler.lab.hosting import Drawn, Hosting, SiteMaker
from crawler.lab.internet import DnsAnswer, Internet
from crawler.lab.lookups import Row, found, lookup_truth
from crawler.lab.mail_scenarios import AGAIN, MAIL_SCENARIOS, UNUSABLE, MailScenario
from crawler.lab.profile import RATE_TABLES, Profile
from crawler.lab.publishing import NOTHING, failed_txt, publish_sts, publish_tlsrpt
from crawler.lab.reservations import UNPLANNED, Plan, is_bogus, reserve
from crawler.lab.world import World
from crawler.lab.zones import INSECURE, Alias, Zone

ALIAS_ZONE = "parked.example"
"""Zone of the domains and hosts that aliases lead to; insecure."""
SIGNED_ALIAS_ZONE = "anchored.example"
"""Zone of hosts that aliases lead to; secure."""
_HOST_LABELS = ("mail", "mx2", "mx3")


class ListedName(NamedTuple):
    """A name of the list."""

    domain: str
    signed: bool | None = None
    """Whether its zone is secure; None: not known, drawn by the profile's rate."""


def populate(
    domains: Sequence[tuple[str, bool | None]], profile: Profile, seed: int, *, ipv6: bool
) -> Internet:
    """Return an internet of these domains. The same arguments give the same one.

    domains: a `ListedName` each: distinct, A-labels, lower case, in the order of the list. ipv6: hosts may
    have the address ::1. Raises ValueError for a name listed twice.
    """
    return _Population([ListedName(*name) for name in domains], profile, seed, ipv6=ipv6).build()


class _Population:
    def __init__(self, domains: Sequence[ListedName], profile: Profile, seed: int, *, ipv6: bool) -> None:
        self.domains = domains
        self.rng = Random(seed)
        self.world = World(profile.addresses_per_behaviour, profile.addresses_per_slow_behaviour)
        self.profile = profile
        self.makers = SiteMaker(self.world, profile, self.rng, ipv6=ipv6)
        self.hosting = Hosting(self.makers, len(domains))
        self.wheels = {table: profile.wheel(table) for table in RATE_TABLES}
        self.listed = {name.domain for name in domains}
        if len(self.listed) < len(domains):
            raise ValueError("a name is listed twice")

    def build(self) -> Internet:
        signed = [
            self.rng.random() < self.profile.signed if name.signed is None else name.signed
            for name in self.domains
        ]
        reserved = reserve(signed, self.profile, self.rng)
        secure = {name.domain for name, is_signed in zip(self.domains, signed, strict=True) if is_signed}
        for n, name in enumerate(self.domains):
            denials_secure = signed[n] or any(parent in secure for parent in _parents(name.domain))
            zone = self.world.zone(name.domain, secure=signed[n], denials_secure=denials_secure)
            self._add(n + 1, name.domain, zone, reserved.get(n, UNPLANNED))
        return self.world.internet

    def _add(self, position: int, domain: str, zone: Zone, plan: Plan) -> None:
        scenario = MAIL_SCENARIOS[plan.mail or self.wheels["mail"].draw(self.rng)]
        if scenario.needs_signed not in (None, zone.secure):
            scenario = MAIL_SCENARIOS["hosted"]
        row: Row = {"domain": domain, "position": position, "mx_kind": scenario.mx_kind}
        verdict: Row
        exchanges: list[tuple[int, MailHost]] = []
        if scenario.mx_kind == "no_domain":
            self.world.internet.answers[domain, "MX"] = DnsAnswer(
                rcode="NXDOMAIN", secure=zone.denials_secure
            )
            row |= {"mx": zone.denied("MX", "nxdomain"), "sts_txt": None, "tlsrpt_txt": None}
            verdict = NOTHING | {
                "sts_record": "not_attempted",
                "tlsrpt": "not_attempted",
                "tlsrpt_ruas": None,
            }
        elif scenario.failure:
            row["mx"] = self.world.fail(domain, "MX", scenario.failure, [f"10 mail.{domain}."])
            row["sts_txt"], row["tlsrpt_txt"], verdict = failed_txt(self.world, domain, scenario.failure)
        else:
            row["mx"], exchanges = self._mail(domain, zone, scenario, plan)
            row["sts_txt"], row["tlsrpt_txt"], verdict = self._texts(domain, zone, plan, exchanges)
        verdict |= domain_names_truth(domain, exchanges)
        verdict |= delivery_truth(domain, row["mx"], exchanges, verdict)
        self.world.truth("domains", row)
        self.world.truth("domain_verdicts", {"domain": domain, **verdict})

    def _mail(
        self, domain: str, zone: Zone, scenario: MailScenario, plan: Plan
    ) -> tuple[Row, list[tuple[int, MailHost]]]:
        if scenario.implicit:
            drawn = self.makers.draw(plan.wish)
            host = self._target(domain, domain, zone, scenario.implicit, drawn)
            self.world.answer(domain, "MX", (), zone)
            return lookup_truth("MX", "nodata", "secure" if zone.secure else "insecure"), [(0, host)]
        alias = self._alias_of_domain(domain, scenario)
        named = self._exchanges(domain, zone, scenario, plan, alias)
        named.sort(key=lambda entry: (entry[0], entry[1]))
        records = [
            {"preference": preference, "exchange": exchange, "unusable": unusable}
            for preference, exchange, unusable, _ in named
        ]
        values = [f"{p} {exchange.removesuffix('.')}." for p, exchange, _, _ in named]
        exchanges = [(preference, host) for preference, name, _, host in named if name != "."]
        if alias:
            return self.world.answer_alias(domain, zone, alias, "MX", values, records), exchanges
        self.world.answer(domain, "MX", values, zone)
        return found("MX", records, secure=zone.secure), exchanges

    def _alias_of_domain(self, domain: str, scenario: MailScenario) -> Alias | None:
        label = domain.replace(".", "-")
        if scenario.alias == "signed":
            zone = self.world.zone(SIGNED_ALIAS_ZONE, secure=True)
            return Alias(f"{label}.{SIGNED_ALIAS_ZONE}", zone)
        return Alias(f"{label}.{ALIAS_ZONE}", INSECURE) if scenario.alias else None

    def _exchanges(
        self, domain: str, zone: Zone, scenario: MailScenario, plan: Plan, alias: Alias | None
    ) -> list[tuple[int, str, str | None, MailHost]]:
        """Return preference, exchange, why it is unusable, and the host."""
        who = "small" if alias else (plan.hoster or self.hosting.draw())
        targets = scenario.exchanges
        if targets is None and who != "self":
            hosted = self.hosting.exchanges(who, domain, is_odd=plan.is_odd)
            return [(preference, host.name, None, host) for preference, host in hosted]
        named: list[tuple[int, str, str | None, MailHost]] = []
        for n, (preference, target) in enumerate(targets or ((10, "site"),)):
            if target in UNUSABLE:
                exchange, unusable = UNUSABLE[target][0].replace("%", domain), UNUSABLE[target][1]
                named.append((preference, exchange, unusable, MailHost(exchange, is_host=False)))
            elif target == AGAIN:
                named.append((preference, *named[0][1:]))
            else:
                kind, session, tlsa = (*target.split(":"), "", "")[:3]
                wish = replace(plan.wish, session=session or plan.wish.session, tlsa=tlsa or plan.wish.tlsa)
                drawn = self.makers.draw(wish)
                name = self._host_name(domain, n, drawn)
                # Who hosts it knows the domain by the name that it is an alias of, where that one is signed.
                own = alias.target if alias and scenario.alias == "signed" else domain
                named.append((preference, name, None, self._target(name, own, zone, kind, drawn)))
        return named

    def _host_name(self, domain: str, n: int, drawn: Drawn) -> str:
        scenario, label = CERTIFICATE_SCENARIOS[drawn.certificate], _HOST_LABELS[n]
        names = (scenario.host_name(f"{label}{suffix}", domain) for suffix in ("", "-in", "-lab"))
        return next(name for name in names if name not in self.listed)

    def _target(self, name: str, domain: str, zone: Zone, target: str, drawn: Drawn) -> MailHost:
        if target == "site":
            return self.makers.host(name, domain, zone, drawn)
        if target.startswith("alias"):
            return self.makers.host(name, domain, zone, drawn, alias=self._alias(name, zone, target))
        if target == "two_addresses":
            dead = self.world.shared_site("connect_refused", "classic", name)
            return self.makers.host(name, domain, zone, replace(drawn, session="good"), extra=dead)
        return self.world.host_without_address(name, zone, self.world.provider_of(name), target)

    def _alias(self, name: str, zone: Zone, target: str) -> Alias:
        if target == "alias_to_insecure":
            return Alias(f"{name}.{ALIAS_ZONE}", INSECURE)
        if target == "alias_to_secure":
            secure = self.world.zone(SIGNED_ALIAS_ZONE, secure=True)
            return Alias(f"{name}.{SIGNED_ALIAS_ZONE}", secure)
        return Alias(f"host-of-{name}", zone)

    def _texts(
        self, domain: str, zone: Zone, plan: Plan, exchanges: Sequence[tuple[int, MailHost]]
    ) -> tuple[Row, Row, Row]:
        record = plan.sts_record or self._draw_text("sts_records", zone)
        policy = plan.sts_policy or self._draw_text("sts_policies", zone)
        if f"mta-sts.{domain}" in self.listed:
            record = "none"
        mx_hosts = [host.name for _, host in exchanges if host.is_host] or [f"*.{domain}"]
        sts_txt, verdict = publish_sts(self.world, self.rng, domain, zone, record, policy, mx_hosts)
        tlsrpt = plan.tlsrpt or self._draw_text("tlsrpt", zone)
        tlsrpt_txt, tlsrpt_verdict = publish_tlsrpt(self.world, domain, zone, tlsrpt)
        return sts_txt, tlsrpt_txt, verdict | tlsrpt_verdict

    def _draw_text(self, table: str, zone: Zone) -> str:
        wheel = self.wheels[table]
        word = wheel.draw(self.rng)
        return word if zone.secure or not is_bogus(word) else wheel.words[-1]


def domain_names_truth(domain: str, exchanges: Sequence[tuple[int, MailHost]]) -> Row:
    """Return what the certificates of the primary hosts come to for the domain."""
    lowest = min((preference for preference, _ in exchanges), default=0)
    primary = [host for preference, host in exchanges if preference == lowest]
    orders = [host.order for host in primary if host.order is not None]
    if not orders:
        return {"name_domain_ok": None, "primary_pkix_ok": None}
    judged = [endpoint["pkix_ok"] for host in primary for endpoint in host.endpoints]
    return {
        "name_domain_ok": all(domain in [name.lower() for name in order.dns_names] for order in orders),
        "primary_pkix_ok": all(pkix_ok for pkix_ok in judged if pkix_ok is not None),
    }


def _parents(domain: str) -> Iterator[str]:
    while "." in domain:
        domain = domain.partition(".")[2]
        yield domain

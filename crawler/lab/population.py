"""Populates the lab from a list of names: who is hosted where, what is wrong with it, and the truth.

Every rare scenario comes at least once, at a name reserved for it, when the list is long enough; the rest
comes by the rates of the profile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from crawler.lab.certificate_scenarios import CERTIFICATE_SCENARIOS
from crawler.lab.hosting import ANYTHING, Drawn, Hosting, SiteMaker, Wish
from crawler.lab.internet import DnsAnswer, Internet
from crawler.lab.lookups import Row, found, lookup_truth
from crawler.lab.mail_scenarios import MAIL_SCENARIOS, UNUSABLE, MailScenario
from crawler.lab.profile import RATE_TABLES, Profile
from crawler.lab.publishing import NOTHING, failed_txt, publish_sts, publish_tlsrpt
from crawler.lab.tlsa_scenarios import TLSA_SCENARIOS
from crawler.lab.world import INSECURE, Alias, MailHost, World, Zone

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a name is reserved for; None: drawn by the rates."""

    mail: str | None = None
    hoster: str | None = None
    is_odd: bool = False
    """Treated unlike the other customers of the hoster."""
    wish: Wish = ANYTHING
    sts_record: str | None = None
    sts_policy: str | None = None
    tlsrpt: str | None = None
    needs_signed: bool | None = None


UNPLANNED = Plan()


def populate(
    domains: Sequence[tuple[str, bool | None]], profile: Profile, seed: int, *, ipv6: bool
) -> Internet:
    """Return an internet of these domains. The same arguments give the same one.

    domains: a `ListedName` each: distinct, A-labels, lower case, in the order of the list. ipv6: hosts may
    have the address ::1. Raises ValueError for a name listed twice.
    """
    return _Population([ListedName(*name) for name in domains], profile, seed, ipv6=ipv6).build()


def reservations(profile: Profile) -> list[Plan]:
    """Return one plan for each scenario, whatever its rate."""
    sound = Wish(session="good", certificate="good", tls="classic", tlsa="none")
    mail = [Plan(mail=word, needs_signed=s.needs_signed) for word, s in MAIL_SCENARIOS.items()]
    hosted = [Plan(mail="hosted", hoster=provider.domain) for provider in profile.providers if provider.share]
    odd = [provider.domain for provider in profile.providers if provider.share and provider.odd]
    hosted += [Plan(mail="hosted", hoster=provider, is_odd=True) for provider in odd]
    if profile.small_hosters.share:
        hosted.append(Plan(mail="hosted", hoster="small"))
    wishes = [replace(sound, session=word) for word in RATE_TABLES["sessions"]]
    wishes += [replace(sound, certificate=word) for word in RATE_TABLES["certificates"]]
    wishes += [replace(sound, tls=word) for word in RATE_TABLES["tls"]]
    hosted += [Plan(mail="hosted", hoster="self", wish=wish) for wish in wishes]
    hosted += [
        Plan(mail="hosted", hoster="self", wish=replace(sound, tlsa=word), needs_signed=s.needs_signed)
        for word, s in TLSA_SCENARIOS.items()
    ]
    texts = [(word, Plan(sts_record=word, sts_policy="enforce")) for word in RATE_TABLES["sts_records"]]
    texts += [(word, Plan(sts_record="valid", sts_policy=word)) for word in RATE_TABLES["sts_policies"]]
    texts += [(word, Plan(tlsrpt=word)) for word in RATE_TABLES["tlsrpt"]]
    hosted += [
        replace(plan, mail="hosted", needs_signed=True if is_bogus(word) else None) for word, plan in texts
    ]
    return mail + hosted


def reserve(signed: Sequence[bool], profile: Profile, rng: Random) -> dict[int, Plan]:
    """Return position to plan; empty if the list is shorter than twice the number of plans.

    A plan that needs a signed zone waits for one, and is left out if there is none.
    """
    plans = reservations(profile)
    if len(signed) < 2 * len(plans):
        return {}
    order = list(range(len(signed)))
    rng.shuffle(order)
    free = {True: [n for n in order if signed[n]], False: [n for n in order if not signed[n]]}
    reserved: dict[int, Plan] = {}
    for plan in sorted(plans, key=lambda plan: plan.needs_signed is None):
        security = plan.needs_signed if plan.needs_signed is not None else not free[False]
        if free[security]:
            reserved[free[security].pop()] = plan
    return reserved


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
            verdict |= domain_names_truth(domain, ())
        elif scenario.failure:
            row["mx"] = self.world.fail(domain, "MX", scenario.failure, [f"10 mail.{domain}."])
            row["sts_txt"], row["tlsrpt_txt"], verdict = failed_txt(self.world, domain, scenario.failure)
            verdict |= domain_names_truth(domain, ())
        else:
            row["mx"], exchanges = self._mail(domain, zone, scenario, plan)
            row["sts_txt"], row["tlsrpt_txt"], verdict = self._texts(domain, zone, plan, exchanges)
            verdict |= domain_names_truth(domain, exchanges)
        self.world.truth("domains", row)
        self.world.truth("domain_verdicts", {"domain": domain, **verdict})

    def _mail(
        self, domain: str, zone: Zone, scenario: MailScenario, plan: Plan
    ) -> tuple[Row, list[tuple[int, MailHost | None]]]:
        if scenario.implicit:
            drawn = self.makers.draw(plan.wish)
            host = self._target(domain, domain, zone, scenario.implicit, drawn)
            self.world.answer(domain, "MX", (), zone)
            return lookup_truth("MX", "nodata", "secure" if zone.secure else "insecure"), [(0, host)]
        named = self._exchanges(domain, zone, scenario, plan)
        named.sort(key=lambda entry: (entry[0], entry[1]))
        records = [
            {"preference": preference, "exchange": exchange, "unusable": unusable}
            for preference, exchange, unusable, _ in named
        ]
        values = [f"{p} {exchange.removesuffix('.')}." for p, exchange, _, _ in named]
        exchanges = [(preference, host) for preference, name, _, host in named if name != "."]
        if scenario.is_alias:
            alias = Alias(f"{domain.replace('.', '-')}.{ALIAS_ZONE}", INSECURE)
            return self.world.answer_alias(domain, zone, alias, "MX", values, records), exchanges
        self.world.answer(domain, "MX", values, zone)
        return found("MX", records, secure=zone.secure), exchanges

    def _exchanges(
        self, domain: str, zone: Zone, scenario: MailScenario, plan: Plan
    ) -> list[tuple[int, str, str | None, MailHost | None]]:
        """Return preference, exchange, why it is unusable, and the host if it is not."""
        who = "small" if scenario.is_alias else (plan.hoster or self.hosting.draw())
        targets = scenario.exchanges
        if scenario.is_alias or (targets is None and who != "self"):
            hosted = self.hosting.exchanges(who, domain, is_odd=plan.is_odd)
            return [(preference, host.name, None, host) for preference, host in hosted]
        named: list[tuple[int, str, str | None, MailHost | None]] = []
        for n, (preference, target) in enumerate(targets or ((10, "site"),)):
            if target in UNUSABLE:
                exchange, unusable = UNUSABLE[target]
                named.append((preference, exchange.replace("%", domain), unusable, None))
            else:
                kind, _, session = target.partition(":")
                drawn = self.makers.draw(replace(plan.wish, session=session or plan.wish.session))
                name = self._host_name(domain, n, drawn)
                named.append((preference, name, None, self._target(name, domain, zone, kind, drawn)))
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
        self, domain: str, zone: Zone, plan: Plan, exchanges: Sequence[tuple[int, MailHost | None]]
    ) -> tuple[Row, Row, Row]:
        record = plan.sts_record or self._draw_text("sts_records", zone)
        policy = plan.sts_policy or self._draw_text("sts_policies", zone)
        if f"mta-sts.{domain}" in self.listed:
            record = "none"
        patterns = [host.name for _, host in exchanges if host] or [f"*.{domain}"]
        sts_txt, verdict = publish_sts(self.world, self.rng, domain, zone, record, policy, patterns)
        tlsrpt = plan.tlsrpt or self._draw_text("tlsrpt", zone)
        tlsrpt_txt, tlsrpt_verdict = publish_tlsrpt(self.world, domain, zone, tlsrpt)
        return sts_txt, tlsrpt_txt, verdict | tlsrpt_verdict

    def _draw_text(self, table: str, zone: Zone) -> str:
        wheel = self.wheels[table]
        word = wheel.draw(self.rng)
        return word if zone.secure or not is_bogus(word) else wheel.words[-1]


def is_bogus(word: str) -> bool:
    """Whether a scenario is about failed validation, which takes a signed zone."""
    return word.endswith("bogus")


def domain_names_truth(domain: str, exchanges: Sequence[tuple[int, MailHost | None]]) -> Row:
    """Return what the certificates of the primary hosts come to for the domain."""
    lowest = min((preference for preference, _ in exchanges), default=0)
    done = [host for p, host in exchanges if p == lowest and host is not None and host.completed]
    if not done:
        return {"name_domain_ok": None, "primary_pkix_ok": None}
    return {
        "name_domain_ok": all(domain in [name.lower() for name in host.dns_names] for host in done),
        "primary_pkix_ok": all(host.pkix_ok for host in done),
    }


def _parents(domain: str) -> Iterator[str]:
    while "." in domain:
        domain = domain.partition(".")[2]
        yield domain

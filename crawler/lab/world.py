"""The world under construction: zones, addresses, certificates and mail hosts, each with its truth."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from publicsuffixlist import PublicSuffixList

from crawler.lab.certificate_scenarios import (
    CERTIFICATE_SCENARIOS,
    NO_TLS_VERDICT,
    CertificateScenario,
    Key,
    certificate_truth,
)
from crawler.lab.dane_rules import Base, choose_bases, dane_columns
from crawler.lab.delivery_rules import MailHost
from crawler.lab.internet import CertificateOrder, DnsAnswer, Internet
from crawler.lab.lookups import FAILED_LOOKUPS, Row, denied, found, found_by_alias
from crawler.lab.sites import Site, make_site
from crawler.lab.smtp_scenarios import SMTP_SCENARIOS
from crawler.lab.tlsa_scenarios import TLSA_SCENARIOS, TlsaSet, tlsa_verdict
from crawler.lab.zones import INSECURE, Alias, Zone

_NETWORK_SIZE = 250
"""Addresses used of a /24."""
PANELS = 20
_PANEL_DOMAIN = "sharedhosting.example"


TRUTH_TABLES = (
    "domains",
    "mx_hosts",
    "sts_policies",
    "sessions",
    "certificates",
    "session_verdicts",
    "domain_verdicts",
)
"""Every table of the truth; each has its list of rows, be it empty."""


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate in use: its order, and what it is worth to the host that uses it."""

    order_id: str
    verdict: Row
    order: CertificateOrder


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


@dataclass(slots=True)
class World:
    """Builds an Internet. Everything put in declares its truth at once."""

    addresses_per_behaviour: int
    addresses_per_slow_behaviour: int
    internet: Internet = field(default_factory=lambda: Internet(truth={table: [] for table in TRUTH_TABLES}))
    _sites: dict[tuple[str, str], list[Site]] = field(default_factory=lambda: defaultdict(list))
    _uses: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _sessions: dict[tuple[str, str | None], list[Row]] = field(default_factory=dict)
    _reached: set[str] = field(default_factory=set)
    _panels_used: int = 0
    _networks_used: int = 0
    _suffixes: PublicSuffixList = field(default_factory=_public_suffixes)

    def truth(self, table: str, row: Row) -> None:
        """Declare a row."""
        self.internet.truth[table].append(row)

    # --- DNS -------------------------------------------------------------------------------------------

    def zone(self, apex: str, *, secure: bool, denials_secure: bool | None = None) -> Zone:
        """Make a zone; denials_secure where an enclosing secure zone decides for an insecure one."""
        if secure:
            self.internet.secure_zones.add(apex)
        return Zone(secure, secure if denials_secure is None else denials_secure)

    def answer(self, owner: str, kind: str, values: Sequence[str], zone: Zone) -> None:
        """Publish an RRset; no values = an empty answer, which makes the name exist."""
        records = tuple([(owner, kind, value) for value in values])
        self.internet.answers[owner, kind] = DnsAnswer(records=records, secure=zone.secure)

    def answer_alias(
        self,
        owner: str,
        zone: Zone,
        alias: Alias,
        kind: str,
        values: Sequence[str],
        recorded: Sequence[Any] | None = None,
    ) -> Row:
        """Publish a CNAME in a zone and, in the same answer, the records at its target; return the truth.

        recorded: what a survey records of the values, unless it is the values themselves.
        """
        target = alias.target
        cname = (owner, "CNAME", f"{target}.")
        self.internet.answers[owner, "CNAME"] = DnsAnswer(records=(cname,), secure=zone.secure)
        self.internet.answers[owner, kind] = DnsAnswer(
            records=(cname, *[(target, kind, value) for value in values]),
            secure=zone.secure and alias.zone.secure,
        )
        return found_by_alias(
            kind,
            values if recorded is None else recorded,
            target,
            from_secure=zone.secure,
            secure=alias.zone.secure,
        )

    def fail(self, owner: str, kind: str, failure: str, values: Sequence[str] = ()) -> Row:
        """Publish a failing lookup, and return its truth; values stand behind a bogus answer."""
        failed = FAILED_LOOKUPS[failure]
        answer = failed.answer
        if values and answer.bogus:
            answer = replace(answer, records=tuple([(owner, kind, value) for value in values]))
        self.internet.answers[owner, kind] = answer
        return failed.truth(kind)

    def provider_of(self, host: str) -> str:
        """Return the registrable domain of a host name outside the providers."""
        return self._suffixes.privatesuffix(host) or host

    # --- addresses -------------------------------------------------------------------------------------

    def addresses(self, count: int) -> list[str]:
        """Return new addresses of one owner: a network is never shared with another's."""
        addresses = []
        for n in range(count):
            if n % _NETWORK_SIZE == 0:
                self._networks_used += 1
            second, third = divmod(self._networks_used, 256)
            addresses.append(f"127.{16 + second}.{third}.{n % _NETWORK_SIZE + 1}")
        return addresses

    def new_site(
        self, session: str, tls: str, server_name: str, *, address: str = "", certificate: str | None = None
    ) -> Site:
        """Return a new server at an address of its own; if none is given, in a network of its own."""
        site = make_site(session, tls, server_name, address or self.addresses(1)[0], certificate=certificate)
        self.internet.mail_servers[site.server.address] = site.server
        return site

    def shared_site(self, session: str, tls: str, server_name: str) -> Site:
        """Return a server that behaves so: a new one, until there are enough of them to share."""
        scenario = SMTP_SCENARIOS[session]
        if scenario.first:
            return self.new_site(session, tls, server_name)
        behaviour = (session, tls if scenario.handshake else "")
        limit = self.addresses_per_slow_behaviour if scenario.is_slow else self.addresses_per_behaviour
        sites, use = self._sites[behaviour], self._uses[behaviour]
        self._uses[behaviour] = use + 1
        if use < limit:
            sites.append(self.new_site(session, tls, server_name))
        return sites[use % limit]

    # --- certificates ----------------------------------------------------------------------------------

    def order(self, order_id: str, order: CertificateOrder) -> None:
        """Order a certificate, once."""
        self.internet.certificates.setdefault(order_id, order)

    def certify(self, scenario: CertificateScenario, host: str, domain: str, key: Key) -> Certified:
        """Return a certificate of this kind for a host name below a domain."""
        order_id = host
        if scenario.hosting_provider:
            order_id = f"panel{self._panels_used % PANELS:02d}.{_PANEL_DOMAIN}"
            self._panels_used += 1
            order = CERTIFICATE_SCENARIOS["good"].make_order(order_id, _PANEL_DOMAIN, key)
        else:
            order = scenario.make_order(host, domain, key)
        self.order(order_id, order)
        return Certified(order_id, scenario.verdict(), self.internet.certificates[order_id])

    def reach(self, order_id: str) -> None:
        """Declare that a survey meets this certificate."""
        if order_id not in self._reached:
            self._reached.add(order_id)
            self.truth("certificates", certificate_truth(order_id, self.internet.certificates[order_id]))

    # --- mail hosts ------------------------------------------------------------------------------------

    def mail_host(
        self,
        name: str,
        zone: Zone,
        provider: str,
        sites: Sequence[Site],
        certified: Certified | None,
        *,
        tlsa: str = "none",
        alias: Alias | None = None,
    ) -> MailHost:
        """Put a host into DNS and onto its sites, and declare all that a survey finds there."""
        addresses = sorted(site.server.address for site in sites)
        row: Row = {"mx_host": name, "provider": provider}
        for kind, member in (("A", "a"), ("AAAA", "aaaa")):
            values = [address for address in addresses if (":" in address) == (kind == "AAAA")]
            row[member] = self._publish_addresses(name, kind, values, zone, alias)
        self.truth("mx_hosts", row)
        scenario = TLSA_SCENARIOS[tlsa]
        own = self._publish_tlsa(name, zone, scenario.own, certified)
        expanded = None
        if alias:
            expanded = self._publish_tlsa(alias.target, alias.zone, scenario.expanded, certified)
        endpoints = []
        for site in sites:
            bases = choose_bases(row["aaaa" if ":" in site.server.address else "a"], own, expanded)
            endpoints.append(self._declare_session(name, site, certified, own, expanded, bases))
        completed = certified is not None and any(site.scenario.handshake for site in sites)
        return MailHost(name, tuple(endpoints), certified.order if certified and completed else None)

    def _publish_addresses(
        self, name: str, kind: str, values: Sequence[str], zone: Zone, alias: Alias | None
    ) -> Row:
        if alias is None:
            if not values:
                return zone.denied(kind, "nodata")
            self.answer(name, kind, values, zone)
            return found(kind, values, secure=zone.secure)
        return self.answer_alias(name, zone, alias, kind, values)

    def _publish_tlsa(self, name: str, zone: Zone, rrset: TlsaSet, certified: Certified | None) -> Base:
        owner, entries = f"_25._tcp.{name}", rrset.entries
        order_id = certified.order_id if certified else ""
        if certified is None and any(entry.of for entry in entries):
            entries = ()
        if rrset.failure:
            lookup = self.fail(owner, "TLSA", rrset.failure, [f"3 1 1 {'0' * 64}"])
        elif entries:
            zone = INSECURE if rrset.is_unsigned else zone
            self.answer(owner, "TLSA", [entry.rdata(order_id) for entry in entries], zone)
            records = [
                {
                    "usage": entry.usage,
                    "selector": entry.selector,
                    "matching_type": entry.matching_type,
                    "association_data": entry.association_data(order_id),
                }
                for entry in entries
            ]
            lookup = found("TLSA", records, secure=zone.secure)
        else:
            lookup = zone.denied("TLSA", "nxdomain")
        return Base(domain=name, lookup=lookup, entries=entries, order_id=order_id)

    def _declare_session(
        self,
        name: str,
        site: Site,
        certified: Certified | None,
        own: Base,
        expanded: Base | None,
        bases: Sequence[Base],
    ) -> Row:
        scenario, address = site.scenario, site.server.address
        completed = bool(scenario.handshake)
        if certified and site.server.default_certificate != certified.order_id:
            site.certificates[name] = certified.order_id
        is_seen = completed or scenario.chain_is_whole
        order_id = certified.order_id if certified and is_seen else None
        if order_id is not None:
            self.reach(order_id)
        sessions = self._sessions.get((address, order_id))
        if sessions is None:
            certificate = (order_id, self.internet.certificates[order_id].key) if order_id else None
            sessions = self._sessions[address, order_id] = site.session_rows(certificate)
        lookups = {"tlsa": own.lookup, "tlsa_expanded": expanded.lookup if expanded else None}
        for session in sessions:
            self.truth("sessions", {"mx_host": name, **session, **lookups})
        verdict = {
            "mx_host": name,
            "address": address,
            **({"attempt": len(sessions)} if scenario.attempts_declared else {}),
            "basis": "direct",
            "outcome": scenario.outcome,
            **(certified.verdict if certified and completed else NO_TLS_VERDICT),
            **tlsa_verdict(own.lookup),
            **dane_columns(bases, scenario.outcome, certified.order if certified else None),
        }
        self.truth("session_verdicts", verdict)
        return verdict

    def host_without_address(self, name: str, zone: Zone, provider: str, word: str) -> MailHost:
        """Put a host without usable addresses: no_address, nxdomain or a word of FAILED_LOOKUPS."""
        row: Row = {"mx_host": name, "provider": provider}
        for kind, member in (("A", "a"), ("AAAA", "aaaa")):
            if word == "nxdomain":
                row[member] = zone.denied(kind, "nxdomain")
            elif word == "no_address":
                self.answer(name, kind, (), zone)
                row[member] = denied(kind, "nodata", secure=zone.secure)
            else:
                row[member] = self.fail(name, kind, word, ["192.0.2.1"] if kind == "A" else ["2001:db8::1"])
        self.truth("mx_hosts", row)
        return MailHost(name, addresses_known=word in ("no_address", "nxdomain"))

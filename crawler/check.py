"""A few domains surveyed at once: the same stages and verdicts as a run, without a run folder."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any

import trio

from crawler.outcomes import DaneStatus, MxKind, Outcome
from crawler.protocol.addresses import network_of
from crawler.protocol.certificate import read_certificate
from crawler.records import (
    AddressLookup,
    Certificate,
    Domain,
    DomainVerdict,
    MxHost,
    MxRecord,
    Session,
    SessionVerdict,
    StsPolicy,
)
from crawler.session_stages import PROBE
from crawler.settings import Settings
from crawler.stage import Observation, Row, Stage
from crawler.stages import HOSTS, RESOLVE
from crawler.tools import Tools, open_tools
from crawler.verdicts.domain import SeenRoute, judge_domain
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.routes import Route
from crawler.verdicts.session import Endpoint, SessionFacts, judge_session


@dataclass(frozen=True, slots=True)
class CheckedHost:
    """An MX host with its sessions, each beside its verdict."""

    host: MxHost
    preference: int | None
    """None: implicit MX."""
    is_primary: bool
    sessions: tuple[tuple[Session, SessionVerdict], ...]


@dataclass(frozen=True, slots=True)
class CheckedDomain:
    """All that was found of one domain."""

    domain: Domain
    policy: StsPolicy | None
    hosts: tuple[CheckedHost, ...]
    certificates: dict[str, Certificate]
    verdict: DomainVerdict


def check(domains: Sequence[str], settings: Settings) -> list[CheckedDomain]:
    """Survey domains (A-labels, lower case) side by side; one result each, in the order given.

    A host that several of them share is asked once at each address, as in a run.
    """
    store = RootStore.load(settings.root_store)
    found = trio.run(_observe, domains, settings)
    pkix = PkixJudge(store, found.certificates)
    return [_judged(domain, found, pkix) for domain in domains]


@dataclass(slots=True)
class _Found:
    """What was observed of all domains together."""

    domains: dict[str, Domain] = field(default_factory=dict)
    policies: dict[str, StsPolicy] = field(default_factory=dict)
    hosts: dict[str, MxHost] = field(default_factory=dict)
    sessions: defaultdict[str, list[Session]] = field(default_factory=lambda: defaultdict(list))
    certificates: dict[str, Certificate] = field(default_factory=dict)

    def add(self, observation: Observation) -> None:
        for record in chain.from_iterable(observation.records.values()):
            match record:
                case Domain():
                    self.domains[record.domain] = record
                case StsPolicy():
                    self.policies[record.domain] = record
                case MxHost():
                    self.hosts[record.mx_host] = record
                case Session():
                    self.sessions[record.mx_host].append(record)
        for certificate in map(read_certificate, observation.certificates):
            self.certificates[certificate.sha256] = certificate


async def _observe(domains: Sequence[str], settings: Settings) -> _Found:
    found = _Found()
    async with open_tools(settings, outlasts_outages=False) as tools:
        listed: list[Row] = [{"domain": domain, "position": 1, "rank": None} for domain in domains]
        await _observe_rows(RESOLVE, listed, tools, found)
        names = dict.fromkeys(name for domain in found.domains.values() for name, _ in _mx_hosts(domain))
        await _observe_rows(HOSTS, [{"mx_host": name, "withheld": None} for name in names], tools, found)
        endpoints = [
            _endpoint(host, looked_up, address)
            for host in found.hosts.values()
            for looked_up in (host.a, host.aaaa)
            for address in looked_up.addresses
        ]
        await _observe_rows(PROBE, endpoints, tools, found)
    return found


def _endpoint(host: MxHost, looked_up: AddressLookup, address: str) -> Row:
    """Return a row as the work list of the probe stage has it."""
    return {
        "mx_host": host.mx_host,
        "address": address,
        "network": network_of(address),
        "pacing_group": host.provider,
        "expanded": looked_up.cname_chain[-1].target if looked_up.cname_chain else None,
        "attempt": 1,
        "withheld": None,
        "not_before": None,
    }


async def _observe_rows(stage: Stage, rows: Sequence[Row], tools: Tools, found: _Found) -> None:
    async def observe(row: Row) -> None:
        found.add(await stage.observe(row, tools))

    async with trio.open_nursery() as nursery:
        for row in rows:
            nursery.start_soon(observe, row)


def _mx_hosts(domain: Domain) -> list[tuple[str, int | None]]:
    """Return the hosts to ask, each once with its best preference; None: implicit MX."""
    if domain.mx_kind is MxKind.NO_MX:
        return [(domain.domain, None)]
    return list(_best_preferences(r for r in domain.mx.records if r.unusable is None).items())


def _best_preferences(records: Iterable[MxRecord]) -> dict[str, int]:
    best: dict[str, int] = {}
    for record in records:  # in order of preference
        best.setdefault(record.exchange, record.preference)
    return best


def _judged(name: str, found: _Found, pkix: PkixJudge) -> CheckedDomain:
    domain = found.domains[name]
    exchanges = _best_preferences(record for record in domain.mx.records if record.exchange != ".")
    lowest = min(exchanges.values(), default=None)
    checked = {
        mx_host: CheckedHost(
            found.hosts[mx_host], preference, preference == lowest, _judged_sessions(mx_host, found, pkix)
        )
        for mx_host, preference in _mx_hosts(domain)
    }
    if domain.mx_kind is MxKind.NO_MX:
        exchanges, lowest = {name: 0}, 0
    routes = [
        route
        for mx_host, preference in sorted(exchanges.items(), key=lambda item: (item[1], item[0]))
        for route in _routes(mx_host, preference, preference == lowest, checked.get(mx_host))
    ]
    policy = found.policies.get(name)
    sent = [
        digest
        for host in checked.values()
        for session, _ in host.sessions
        if session.tls
        for digest in session.tls.chain
    ]
    sent += policy.tls.chain if policy is not None and policy.tls is not None else ()
    return CheckedDomain(
        domain,
        policy,
        tuple(checked.values()),
        {digest: found.certificates[digest] for digest in sent},
        judge_domain(domain, policy, routes, pkix),
    )


def _judged_sessions(
    mx_host: str, found: _Found, pkix: PkixJudge
) -> tuple[tuple[Session, SessionVerdict], ...]:
    host = found.hosts[mx_host]
    judged = []
    for session in sorted(found.sessions[mx_host], key=lambda session: (session.family, session.address)):
        endpoint = Endpoint.of(session, host.a if session.family == 4 else host.aaaa)
        judged.append((session, judge_session(endpoint, SessionFacts.of(session), pkix)))
    return tuple(judged)


def _routes(mx_host: str, preference: int, is_primary: bool, host: CheckedHost | None) -> Iterator[SeenRoute]:
    """Give the routes of one exchange; one that has no address, or is no host, has one all the same."""
    sessions = host.sessions if host else ()
    for session, verdict in sorted(sessions, key=lambda judged: judged[0].address):
        chain = session.tls.chain if session.tls and verdict.outcome is Outcome.TLS_OK else ()
        yield SeenRoute(_route(mx_host, preference, is_primary, verdict), chain[0] if chain else None)
    if not sessions:
        lookups = (host.host.a, host.host.aaaa) if host else ()
        may_have_address = any(lookup.status.have_records is not False for lookup in lookups)
        nowhere = _route(mx_host, preference, is_primary, None)
        yield SeenRoute(replace(nowhere, may_have_address=may_have_address), None)


def _route(mx_host: str, preference: int, is_primary: bool, verdict: SessionVerdict | None) -> Route:
    return Route(
        mx_host=mx_host,
        address=verdict.address if verdict else None,
        preference=preference,
        is_primary=is_primary,
        outcome=verdict.outcome if verdict else Outcome.NOT_ATTEMPTED,
        pkix_ok=verdict.pkix_ok if verdict else None,
        reason=verdict.reason if verdict else None,
        dane=verdict.dane if verdict else DaneStatus.UNKNOWN,
        dane_reason=verdict.dane_reason if verdict else None,
    )


# --- as JSON -------------------------------------------------------------------------------------------


def to_json(checked: CheckedDomain) -> str:
    """Return one domain as a line of JSON, in the words of the run folder's tables."""
    value = {
        "domain": _row(checked.domain),
        "sts_policy": _row(checked.policy),
        "domain_verdict": _row(checked.verdict),
        "mx_hosts": [
            {
                **_row(host.host),
                "preference": host.preference,
                "is_primary": host.is_primary,
                "sessions": [
                    {**_row(session), "verdict": _row(verdict)} for session, verdict in host.sessions
                ],
            }
            for host in checked.hosts
        ],
        "certificates": [_row(certificate) for certificate in checked.certificates.values()],
    }
    return json.dumps(value, default=_plain)


def _row(record: Any) -> Any:
    return None if record is None else dataclasses.asdict(record)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    assert isinstance(value, bytes)
    return value.hex()

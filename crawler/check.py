"""A few domains surveyed at once: the same stages and verdicts as a run, without a run folder."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import trio

from crawler.outcomes import MxKind, Outcome
from crawler.protocol.addresses import network_of
from crawler.protocol.certificate import read_certificate
from crawler.records import (
    Certificate,
    Domain,
    DomainVerdict,
    MxHost,
    Session,
    SessionVerdict,
    StsPolicy,
)
from crawler.session_stages import PROBE
from crawler.settings import Settings
from crawler.stage import Observation, Row, Stage
from crawler.stages import HOSTS, RESOLVE
from crawler.tools import Tools, open_tools
from crawler.verdicts.domain import PrimaryTls, judge_domain
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.session import judge_session


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
    async with open_tools(settings) as tools:
        listed: list[Row] = [{"domain": domain, "position": 1, "rank": None} for domain in domains]
        await _observe_rows(RESOLVE, listed, tools, found)
        names = dict.fromkeys(name for domain in found.domains.values() for name, _ in _mx_hosts(domain))
        await _observe_rows(HOSTS, [{"mx_host": name, "withheld": None} for name in names], tools, found)
        endpoints = [
            _endpoint(host, address)
            for host in found.hosts.values()
            for address in host.a.addresses + host.aaaa.addresses
        ]
        await _observe_rows(PROBE, endpoints, tools, found)
    return found


def _endpoint(host: MxHost, address: str) -> Row:
    """Return a row as the work list of the probe stage has it."""
    return {
        "mx_host": host.mx_host,
        "address": address,
        "network": network_of(address),
        "pacing_group": host.provider,
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
    usable = [record for record in domain.mx.records if record.unusable is None]
    best: dict[str, int | None] = {}
    for record in usable:  # in order of preference
        best.setdefault(record.exchange, record.preference)
    return list(best.items())


def _judged(name: str, found: _Found, pkix: PkixJudge) -> CheckedDomain:
    domain = found.domains[name]
    records = [record for record in domain.mx.records if record.exchange != "."]
    lowest = min((record.preference for record in records), default=None)
    checked = []
    primaries = []
    for mx_host, preference in _mx_hosts(domain):
        sessions = sorted(found.sessions[mx_host], key=lambda session: (session.family, session.address))
        judged = tuple((session, judge_session(session, pkix)) for session in sessions)
        is_primary = preference == lowest
        checked.append(CheckedHost(found.hosts[mx_host], preference, is_primary, judged))
        for session, verdict in judged:
            if is_primary and verdict.outcome is Outcome.TLS_OK:
                assert session.tls is not None
                leaf = session.tls.chain[0] if session.tls.chain else None
                primaries.append(PrimaryTls(leaf, bool(verdict.pkix_ok)))
    policy = found.policies.get(name)
    sent = [
        digest
        for host in checked
        for session, _ in host.sessions
        if session.tls
        for digest in session.tls.chain
    ]
    sent += policy.tls.chain if policy is not None and policy.tls is not None else ()
    certificates = {digest: found.certificates[digest] for digest in sent}
    return CheckedDomain(
        domain, policy, tuple(checked), certificates, judge_domain(domain, policy, primaries, pkix)
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

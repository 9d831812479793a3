"""A few domains surveyed at once: the same stages and verdicts as a run, without a run folder."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import trio

from crawler.outcomes import MxKind, Outcome
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
from crawler.settings import Settings
from crawler.stage import Observation
from crawler.stages import Tools, open_tools, probe_endpoint, resolve_domain, resolve_host
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
    """Survey domains (A-labels, lower case) side by side; one result each, in the order given."""
    store = RootStore.load(settings.root_store)
    results: dict[str, CheckedDomain] = {}

    async def check_one(domain: str, tools: Tools) -> None:
        results[domain] = await _check_domain(domain, tools, store)

    async def check_all() -> None:
        async with open_tools(settings) as tools, trio.open_nursery() as nursery:
            for domain in domains:
                nursery.start_soon(check_one, domain, tools)

    trio.run(check_all)
    return [results[domain] for domain in domains]


async def _check_domain(domain: str, tools: Tools, store: RootStore) -> CheckedDomain:
    resolved = await resolve_domain({"domain": domain, "position": 1, "rank": None}, tools)
    observed: Domain = resolved.records["domains"][0]
    observations = [resolved]
    hosts: list[tuple[int | None, MxHost, list[Session]]] = []
    for preference, mx_host in _mx_hosts(observed):
        at_host = await resolve_host({"mx_host": mx_host}, tools)
        host: MxHost = at_host.records["mx_hosts"][0]
        sessions: list[Session] = []
        for address in host.a.addresses + host.aaaa.addresses:
            probed = await probe_endpoint({"mx_host": mx_host, "address": address}, tools)
            observations.append(probed)
            sessions += probed.records["sessions"]
        hosts.append((preference, host, sessions))
    policies = resolved.records.get("sts_policies", ())
    return _judged(observed, policies[0] if policies else None, hosts, _certificates(observations), store)


def _mx_hosts(domain: Domain) -> Iterator[tuple[int | None, str]]:
    if domain.mx_kind is MxKind.NO_MX:
        yield None, domain.domain
    for record in domain.mx.records:
        if record.unusable is None:
            yield record.preference, record.exchange


def _certificates(observations: Sequence[Observation]) -> dict[str, Certificate]:
    ders = {der for observation in observations for der in observation.certificates}
    return {certificate.sha256: certificate for certificate in map(read_certificate, ders)}


def _judged(
    domain: Domain,
    policy: StsPolicy | None,
    hosts: Sequence[tuple[int | None, MxHost, list[Session]]],
    certificates: dict[str, Certificate],
    store: RootStore,
) -> CheckedDomain:
    pkix = PkixJudge(store, certificates)
    lowest = min((record.preference for record in domain.mx.records), default=None)
    checked = []
    primaries = []
    for preference, host, sessions in hosts:
        judged = tuple((session, judge_session(session, pkix)) for session in sessions)
        is_primary = preference == lowest
        checked.append(CheckedHost(host, preference, is_primary, judged))
        for session, verdict in judged:
            if is_primary and verdict.outcome is Outcome.TLS_OK:
                assert session.tls is not None
                leaf = session.tls.chain[0] if session.tls.chain else None
                primaries.append(PrimaryTls(leaf, bool(verdict.pkix_ok)))
    judged_domain = judge_domain(domain, policy, primaries, pkix)
    return CheckedDomain(domain, policy, tuple(checked), certificates, judged_domain)


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

"""The three observing stages: resolve (per domain), hosts (per MX host), probe (per endpoint)."""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from publicsuffixlist import PublicSuffixList

from crawler.outcomes import LookupStatus
from crawler.probes.policy_fetch import fetch_policy
from crawler.probes.resolver import Resolver, open_resolver
from crawler.probes.session import observe_session
from crawler.protocol.mx import read_mx
from crawler.records import Domain, Lookup, MxHost, TxtLookup
from crawler.settings import Settings
from crawler.stage import Observation, Row, Stage


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker holds open for all rows."""

    settings: Settings
    resolver: Resolver
    public_suffixes: PublicSuffixList


@contextlib.asynccontextmanager
async def open_tools(settings: Settings) -> AsyncIterator[Tools]:
    """Open what the stages need, with one resolver and its sockets."""
    # Only the ICANN section: it groups hosts by who runs them, not by a hoster's customers.
    public_suffixes = PublicSuffixList(only_icann=True)
    async with open_resolver(settings) as resolver:
        yield Tools(settings, resolver, public_suffixes)


def _each_row(rows: Sequence[Row], _settings: Settings) -> list[Sequence[Row]]:
    return [(row,) for row in rows]


# --- resolve -------------------------------------------------------------------------------------------


async def resolve_domain(row: Row, tools: Tools) -> Observation:
    """Look up MX, _mta-sts and _smtp._tls of a listed domain, and fetch its MTA-STS policy if it has one."""
    domain, resolver = row["domain"], tools.resolver
    resolved_at = datetime.now(UTC)
    mx = await resolver.mx(domain)
    sts_txt = tlsrpt_txt = None
    # Nothing exists below a name that does not (RFC 8020); behind an alias it is the target that does not.
    if mx.status is not LookupStatus.NXDOMAIN or mx.cname_chain:
        sts_txt = await resolver.txt(f"_mta-sts.{domain}")
        tlsrpt_txt = await resolver.txt(f"_smtp._tls.{domain}")
    observed = Domain(
        domain=domain,
        position=row["position"],
        rank=row["rank"],
        mx_kind=read_mx(mx.status, mx.records),
        mx=mx,
        sts_txt=sts_txt,
        tlsrpt_txt=tlsrpt_txt,
        resolved_at=resolved_at,
    )
    if not _looks_like_sts(sts_txt):
        return Observation({"domains": [observed]}, _failed(mx))
    fetched = await fetch_policy(domain, resolver, tools.settings)
    return Observation(
        {"domains": [observed], "sts_policies": [fetched.policy]}, _failed(mx), fetched.certificates
    )


def _looks_like_sts(lookup: TxtLookup | None) -> bool:
    return lookup is not None and any(text.startswith("v=STSv1") for text in lookup.texts)


def _failed(*lookups: Lookup) -> str | None:
    return next((lookup.status for lookup in lookups if lookup.status.have_records is None), None)


RESOLVE = Stage(
    name="resolve",
    tables=("sts_policies", "domains"),
    open_tools=open_tools,
    observe=resolve_domain,
    strands=_each_row,
    in_flight="domains_in_flight",
)


# --- hosts ---------------------------------------------------------------------------------------------


async def resolve_host(row: Row, tools: Tools) -> Observation:
    """Look up the addresses of an MX host, and name its provider."""
    mx_host = row["mx_host"]
    resolved_at = datetime.now(UTC)
    a = await tools.resolver.a(mx_host)
    aaaa = await tools.resolver.aaaa(mx_host)
    provider = tools.public_suffixes.privatesuffix(mx_host) or mx_host
    host = MxHost(mx_host=mx_host, provider=provider, a=a, aaaa=aaaa, resolved_at=resolved_at)
    return Observation({"mx_hosts": [host]}, _failed(a, aaaa))


HOSTS = Stage(
    name="hosts",
    tables=("mx_hosts",),
    open_tools=open_tools,
    observe=resolve_host,
    strands=_each_row,
    in_flight="domains_in_flight",
)


# --- probe ---------------------------------------------------------------------------------------------


async def probe_endpoint(row: Row, tools: Tools) -> Observation:
    """Look up the TLSA records of an MX host, and hold one SMTP session with it at one address."""
    mx_host, address = row["mx_host"], row["address"]
    tlsa = await tools.resolver.tlsa(mx_host, tools.settings.smtp_port)
    observed = await observe_session(mx_host, address, tlsa, tools.settings)
    return Observation({"sessions": [observed.session]}, observed.session.failure, observed.certificates)


def strands_by_address(rows: Sequence[Row], settings: Settings) -> list[Sequence[Row]]:
    """Deal rows so that one address is never asked by more than sessions_per_address strands at once."""
    by_address: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_address[row["address"]].append(row)
    width = settings.sessions_per_address
    return [group[i::width] for group in by_address.values() for i in range(min(width, len(group)))]


PROBE = Stage(
    name="probe",
    tables=("sessions",),
    open_tools=open_tools,
    observe=probe_endpoint,
    strands=strands_by_address,
    in_flight="sessions_in_flight",
)

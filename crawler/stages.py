"""The stages that ask the DNS: resolve (per domain), hosts (per MX host)."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import trio

from crawler.outcomes import DnssecStatus, LookupStatus
from crawler.plain_domains import domain_rows
from crawler.probes.host_addresses import look_up_addresses, not_asked
from crawler.probes.policy_fetch import ObservedPolicy, fetch_policy
from crawler.protocol.dns_wire import QueryType
from crawler.protocol.mx import read_mx
from crawler.records import Domain, Lookup, MxHost, MxLookup, TxtLookup
from crawler.stage import Glance, Observation, Row, Stage
from crawler.tools import Tools, open_tools

# --- resolve -------------------------------------------------------------------------------------------


async def glance_at_domains(rows: pa.Table, tools: Tools) -> Glance:
    """Look up MX, _mta-sts and _smtp._tls of many domains; record those with plain MX and no TXT."""
    resolver, resolved_at = tools.resolver, datetime.now(UTC)
    domains = rows["domain"].to_pylist()
    is_asked = np.array([not tools.opt_out.covers_name(domain) for domain in domains], np.bool_)
    asked = list(itertools.compress(domains, is_asked))
    mx = await resolver.look_up_together(asked, QueryType.MX)
    is_there = mx.replies.is_plain & ~mx.replies.is_nxdomain
    there = list(itertools.compress(asked, is_there))
    names = [f"{label}.{domain}" for label in ("_mta-sts", "_smtp._tls") for domain in there]
    txt = await resolver.look_up_together(names, QueryType.TXT)
    is_first_half = np.arange(len(names)) < len(there)
    sts_txt, tlsrpt_txt = txt.take(is_first_half), txt.take(~is_first_half)
    is_bare = sts_txt.replies.is_plain & tlsrpt_txt.replies.is_plain
    is_said = mx.replies.is_plain.copy()
    is_said[is_there] = is_bare
    resolver.expect(mx, ~is_said)
    resolver.expect(sts_txt, ~is_bare)
    resolver.expect(tlsrpt_txt, ~is_bare)
    is_seen = is_asked.copy()
    is_seen[is_asked] = is_said
    seen, left = rows.filter(pa.array(is_seen)), rows.filter(pa.array(~is_seen))
    records = domain_rows(
        seen, resolved_at, mx.take(is_said), sts_txt.take(is_bare), tlsrpt_txt.take(is_bare)
    )
    return Glance(records, [row | {"resolved_at": resolved_at} for row in left.to_pylist()])


async def resolve_domain(row: Row, tools: Tools) -> Observation:
    """Look up MX, _mta-sts and _smtp._tls of a listed domain, and fetch its MTA-STS policy if it has one."""
    domain, resolver = row["domain"], tools.resolver
    resolved_at = row.get("resolved_at") or datetime.now(UTC)
    mx = await _mx_unless_opted_out(domain, tools)
    sts_txt = tlsrpt_txt = None
    # Nothing exists below a name that does not (RFC 8020); behind an alias it is the target that does not.
    is_nowhere = mx.status is LookupStatus.NXDOMAIN and not mx.cname_chain
    if mx.status is not LookupStatus.OPTED_OUT and not is_nowhere:
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
    fetched = await _fetch_while_connected(domain, tools)
    return Observation(
        {"domains": [observed], "sts_policies": [fetched.policy]}, _failed(mx), fetched.certificates
    )


async def _fetch_while_connected(domain: str, tools: Tools) -> ObservedPolicy:
    """Fetch a policy; again if that failed while this network was gone."""
    while True:
        fetched = await fetch_policy(
            domain, tools.resolver, tools.settings, tools.opt_out, tools.policy_turns
        )
        failure, begun_at = fetched.policy.failure, trio.current_time() - fetched.policy.total_seconds
        if failure is None or not failure.may_be_ours or not await tools.resolver.was_cut_off(begun_at):
            return fetched


async def _mx_unless_opted_out(domain: str, tools: Tools) -> MxLookup:
    """Look up MX; what an opted-out domain publishes is not kept under its alias's name either."""
    if tools.opt_out.covers_name(domain):
        status, dnssec_status = LookupStatus.OPTED_OUT, DnssecStatus.NOT_ATTEMPTED
        return MxLookup(status=status, dnssec_status=dnssec_status, attempts=0)
    mx = await tools.resolver.mx(domain)
    if not tools.opt_out.covers_alias(mx):
        return mx
    status, dnssec_status = LookupStatus.OPTED_OUT, DnssecStatus.NOT_ATTEMPTED
    return replace(mx, status=status, dnssec_status=dnssec_status, extended_error=None, records=())


def _looks_like_sts(lookup: TxtLookup | None) -> bool:
    return lookup is not None and any(text.startswith("v=STSv1") for text in lookup.texts)


def _failed(*lookups: Lookup) -> str | None:
    return next((lookup.status for lookup in lookups if lookup.status.have_records is None), None)


RESOLVE = Stage(
    name="resolve",
    tables=("sts_policies", "domains"),
    key=("domain",),
    open_tools=open_tools,
    observe=resolve_domain,
    glance=glance_at_domains,
    in_flight="domains_in_flight",
)


# --- hosts ---------------------------------------------------------------------------------------------


async def resolve_host(row: Row, tools: Tools) -> Observation:
    """Look up the addresses of an MX host that is neither opted out nor withheld, and name its provider."""
    mx_host = row["mx_host"]
    resolved_at = datetime.now(UTC)
    is_over_limit = row.get("withheld") == LookupStatus.OVER_LIMIT
    if is_over_limit and not tools.opt_out.covers_name(mx_host):
        a = aaaa = not_asked(LookupStatus.OVER_LIMIT)
    else:
        a, aaaa = await look_up_addresses(mx_host, tools.resolver, tools.opt_out)
    provider = tools.public_suffixes.privatesuffix(mx_host) or mx_host
    host = MxHost(mx_host=mx_host, provider=provider, a=a, aaaa=aaaa, resolved_at=resolved_at)
    return Observation({"mx_hosts": [host]}, _failed(a, aaaa))


HOSTS = Stage(
    name="hosts",
    tables=("mx_hosts",),
    key=("mx_host",),
    open_tools=open_tools,
    observe=resolve_host,
    in_flight="domains_in_flight",
)

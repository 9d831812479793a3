"""The stage of our contestant: look up MX records and write rows. All that a worker process imports of it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa
import trio

from crawler.plain_domains import domain_rows
from crawler.probes.resolver import Resolver, open_resolver
from crawler.protocol.dns_wire import QueryType
from crawler.protocol.mx import read_mx
from crawler.records import Domain
from crawler.settings import Settings
from crawler.stage import Glance, Observation, Row, Stage

PACED_SECONDS = 0.01
"""Between two questions of a paced survey: 100 a second."""


@dataclass(slots=True)
class _Tools:
    resolver: Resolver
    next_at: float = 0.0
    """When the next question of a paced survey is due."""


@contextlib.asynccontextmanager
async def open_tools(settings: Settings) -> AsyncIterator[_Tools]:
    """Open the resolver."""
    async with open_resolver(settings) as resolver:
        yield _Tools(resolver)


async def look_up(row: Row, tools: _Tools) -> Observation:
    """Look up the MX records of a domain, as the resolve stage begins."""
    domain = row["domain"]
    resolved_at = datetime.now(UTC)
    mx = await tools.resolver.mx(domain)
    observed = Domain(
        domain=domain,
        position=row["position"],
        rank=row["rank"],
        mx_kind=read_mx(mx.status, mx.records),
        mx=mx,
        sts_txt=None,
        tlsrpt_txt=None,
        resolved_at=resolved_at,
    )
    return Observation({"domains": [observed]}, None)


async def glance(rows: pa.Table, tools: _Tools) -> Glance:
    """Look up the MX records of many domains together, as the resolve stage does."""
    resolved_at = datetime.now(UTC)
    mx = await tools.resolver.look_up_together(rows["domain"].to_pylist(), QueryType.MX)
    is_plain = mx.replies.is_plain
    tools.resolver.expect(mx, ~is_plain)
    seen, left = rows.filter(pa.array(is_plain)), rows.filter(pa.array(~is_plain))
    return Glance(domain_rows(seen, resolved_at, mx.take(is_plain), None, None), left.to_pylist())


async def look_up_paced(row: Row, tools: _Tools) -> Observation:
    """Look up the MX records of a domain when it is its turn."""
    await trio.sleep_until(tools.next_at)
    tools.next_at = max(tools.next_at, trio.current_time() - PACED_SECONDS) + PACED_SECONDS
    return await look_up(row, tools)


FAST = Stage(
    name="resolve",
    tables=("domains",),
    key=("domain",),
    open_tools=open_tools,
    observe=look_up,
    glance=glance,
    in_flight="domains_in_flight",
)
PACED = replace(FAST, observe=look_up_paced, glance=None)

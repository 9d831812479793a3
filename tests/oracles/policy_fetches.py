"""Policies fetched from the tests' policy host as the survey fetches them, and judged."""

from collections.abc import Iterable
from typing import Any

import trio

from crawler.opt_out import OptOut
from crawler.outcomes import DnssecStatus, LookupStatus
from crawler.probes.policy_fetch import fetch_policy
from crawler.probes.turns import AddressTurns
from crawler.protocol.certificate import read_certificate
from crawler.records import AddressLookup
from crawler.settings import Settings
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.sts import PolicyJudgement, judge_policy
from tests.oracles.policy_host import ADDRESS

_AT_ONCE = 8


class _OneAddress:
    """Knows every host at the same address."""

    async def a(self, name: str) -> AddressLookup:
        await trio.lowlevel.checkpoint()
        return AddressLookup(
            status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.INSECURE, addresses=(ADDRESS,)
        )

    async def aaaa(self, name: str) -> AddressLookup:
        await trio.lowlevel.checkpoint()
        return AddressLookup(status=LookupStatus.NODATA, dnssec_status=DnssecStatus.INSECURE)


async def fetch_all(domains: Iterable[str], port: int, store: RootStore) -> dict[str, PolicyJudgement]:
    """Return what each domain's policy comes to."""
    settings = Settings(hello_name="scan.test", allowed_ranges=("127.0.0.0/8",), https_port=port)
    resolver: Any = _OneAddress()
    turns = AddressTurns(_AT_ONCE)
    judged: dict[str, PolicyJudgement] = {}

    async def fetch(domain: str) -> None:
        observed = await fetch_policy(domain, resolver, settings, OptOut(), turns)
        records = [read_certificate(certificate) for certificate in observed.certificates]
        judge = PkixJudge(store, {record.sha256: record for record in records})
        judged[domain] = judge_policy(observed.policy, judge)

    async with trio.open_nursery() as nursery:
        for domain in domains:
            nursery.start_soon(fetch, domain)
    return judged

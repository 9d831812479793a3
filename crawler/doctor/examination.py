"""The list of checks, and their examination of one subject."""

import dataclasses
from collections.abc import Sequence

import trio

from crawler.doctor.dnssec_checks import explains_refusals, is_trusted, refuses_bogus_answers, validates
from crawler.doctor.machine_checks import has_enough_files, tells_the_time
from crawler.doctor.name_checks import address_leads_back, hello_name_leads_here, says_who_asks
from crawler.doctor.network_checks import has_a_way_to_ipv6, reaches_control_hosts
from crawler.doctor.resolver_checks import (
    answers_over_tcp,
    answers_over_udp,
    denies_what_does_not_exist,
    passes_large_answers,
    without_a_way,
)
from crawler.doctor.subject import Check, Finding, Machine, ReferenceNames, Subject, open_subject
from crawler.settings import Settings, system_resolver

RESOLVER_CHECKS: tuple[Check, ...] = (
    answers_over_udp,
    answers_over_tcp,
    is_trusted,
    validates,
    refuses_bogus_answers,
    explains_refusals,
    denies_what_does_not_exist,
    passes_large_answers,
)
CHECKS: tuple[Check, ...] = (
    *RESOLVER_CHECKS,
    reaches_control_hosts,
    has_a_way_to_ipv6,
    hello_name_leads_here,
    address_leads_back,
    says_who_asks,
    has_enough_files,
    tells_the_time,
)
"""In the order of the report; made all at once, none needs another."""


def diagnose(settings: Settings, names: ReferenceNames) -> list[Finding]:
    """Make all checks with the resolver that the settings name, or the system's.

    Takes as long as the slowest: a minute where control hosts are silent. Raises SettingsError when there is
    no resolver to ask, or the opt-out file cannot be read.
    """
    if not settings.resolver:
        settings = dataclasses.replace(settings, resolver=system_resolver())
    return trio.run(examine, settings, names)


async def examine(
    settings: Settings,
    names: ReferenceNames,
    machine: Machine | None = None,
    checks: Sequence[Check] = CHECKS,
) -> list[Finding]:
    """Make the checks; one finding each, in order. None: this very machine."""
    try:
        async with open_subject(settings, names, machine) as subject:
            return await _findings(subject, checks)
    except OSError as error:
        return [without_a_way(settings, error)]


async def _findings(subject: Subject, checks: Sequence[Check]) -> list[Finding]:
    findings: dict[int, Finding | None] = {}

    async def make(number: int, check: Check) -> None:
        findings[number] = await check(subject)

    async with trio.open_nursery() as nursery:
        for number, check in enumerate(checks):
            nursery.start_soon(make, number, check)
    return [finding for _, finding in sorted(findings.items()) if finding is not None]

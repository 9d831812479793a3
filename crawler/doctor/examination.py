"""The list of checks, and their examination of one subject."""

import dataclasses
from collections.abc import Sequence

import trio

from crawler.doctor.dnssec_checks import explains_refusals, is_trusted, refuses_bogus_answers, validates
from crawler.doctor.resolver_checks import (
    answers_over_tcp,
    answers_over_udp,
    denies_what_does_not_exist,
    passes_large_answers,
    without_a_way,
)
from crawler.doctor.subject import Check, Finding, ReferenceNames, Subject, open_subject
from crawler.settings import Settings, system_resolver

CHECKS: tuple[Check, ...] = (
    answers_over_udp,
    answers_over_tcp,
    is_trusted,
    validates,
    refuses_bogus_answers,
    explains_refusals,
    denies_what_does_not_exist,
    passes_large_answers,
)
"""In the order of the report; made all at once, none needs another. Those of anything but DNS go here too."""


def diagnose(settings: Settings, names: ReferenceNames) -> list[Finding]:
    """Make all checks with the resolver that the settings name, or the system's.

    Takes as long as the slowest: of a dead resolver, all attempts of one question. Raises SettingsError when
    there is no resolver to ask.
    """
    if not settings.resolver:
        settings = dataclasses.replace(settings, resolver=system_resolver())
    return trio.run(examine, settings, names)


async def examine(settings: Settings, names: ReferenceNames) -> list[Finding]:
    """Make all checks; one finding each, in order."""
    try:
        async with open_subject(settings, names) as subject:
            return await _findings(subject, CHECKS)
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

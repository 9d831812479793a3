"""Does the resolver answer, whole and nothing but what it was told? Every check asks it real questions."""

import secrets
from collections.abc import Mapping

import trio

from crawler.doctor.subject import Finding, State, Subject
from crawler.doctor.wording import OWN_RESOLVER, told
from crawler.outcomes import LookupStatus
from crawler.probes.dns_over_tcp import ask_over_tcp
from crawler.probes.failures import name_failure
from crawler.records import AddressLookup
from crawler.settings import Settings, resolver_endpoint

_EXISTS = frozenset({LookupStatus.NOERROR, LookupStatus.NODATA})
_ANSWERED = _EXISTS | {LookupStatus.NXDOMAIN}

_MAY_BE_TCP = frozenset({LookupStatus.TRUNCATED, LookupStatus.SERVFAIL})
"""Where TCP is blocked between survey and resolver, and between resolver and authority."""

_SLOW_SHARE = 0.25
"""Of a question's time limit. Every resolver knows the root: one that needs long for it loses the rest."""

_DATAGRAM_OCTETS = 1232
"""What a survey's EDNS allows: anything larger comes over TCP."""

_TLDS = ("com", "org", "de", "invalid")
"""None has a wildcard of its own; the last is reserved, and has no names ever (RFC 6761 s6.4)."""

_REMEDIES = {
    LookupStatus.UNREACHABLE: f"start it, or name another; {OWN_RESOLVER}",
    LookupStatus.TIMEOUT: f"see whether it runs, and for a firewall; or name another; {OWN_RESOLVER}",
    LookupStatus.REFUSED: f"let this machine ask it (Unbound: access-control); or {OWN_RESOLVER}",
    LookupStatus.SERVFAIL: "see its log: no way to the root servers, an old trust anchor, a wrong clock?",
}
_OTHER_REMEDY = f"name another resolver; {OWN_RESOLVER}"


def without_a_way(settings: Settings, error: OSError) -> Finding:
    """Return what is to be said when this machine can send nothing to the resolver's address."""
    failure, system_name = name_failure(error)
    return Finding(
        "answers over UDP",
        State.FAILED,
        f"{settings.resolver}: {failure.meaning} ({system_name})",
        f"name a resolver that this machine has a way to; {OWN_RESOLVER}",
    )


async def answers_over_udp(subject: Subject) -> Finding:
    """Tell whether the resolver answers, and how fast."""
    name, resolver = "answers over UDP", subject.settings.resolver
    lookup = await subject.resolver.mx(".")
    if lookup.status not in _ANSWERED:
        remedy = _REMEDIES.get(lookup.status, _OTHER_REMEDY)
        return Finding(name, State.FAILED, f"{resolver}: {told(lookup)}", remedy)
    took = f"{resolver}, in {lookup.elapsed_seconds * 1000:.0f} ms"
    if lookup.attempts > 1:
        remedy = f"run this again; if questions are lost each time, use a nearer resolver: {OWN_RESOLVER}"
        return Finding(name, State.WARNING, f"{took}, at attempt {lookup.attempts}", remedy)
    limit = subject.settings.dns_timeout_seconds
    if lookup.elapsed_seconds > _SLOW_SHARE * limit:
        remedy = "run this again; if it stays slow, use a nearer resolver, or raise dns_timeout_seconds"
        return Finding(name, State.WARNING, f"{took}: slow, with a limit of {limit:g} s", remedy)
    return Finding(name, State.OK, took)


async def answers_over_tcp(subject: Subject) -> Finding:
    """Tell whether the resolver answers over TCP, the only way for large answers (RFC 7766 s5)."""
    name = "answers over TCP"
    address, port = resolver_endpoint(subject.settings.resolver)
    failure = await ask_over_tcp(address, port, timeout_seconds=subject.settings.dns_timeout_seconds)
    if failure is None:
        return Finding(name, State.OK, "large answers can come")
    return Finding(
        name,
        State.FAILED,
        f"{failure.meaning}: answers over {_DATAGRAM_OCTETS:,} octets would be lost",
        f"let TCP port {port} through, and have the resolver listen there; or name another; {OWN_RESOLVER}",
    )


async def denies_what_does_not_exist(subject: Subject) -> Finding:
    """Tell whether random names get NXDOMAIN. Some resolvers answer them, a few only those in www."""
    names = [f"{secrets.token_hex(12)}.{tld}" for tld in _TLDS]
    names.append(f"www.{secrets.token_hex(12)}.{_TLDS[0]}")
    lookups: dict[str, AddressLookup] = {}

    async def ask(name: str) -> None:
        lookups[name] = await subject.resolver.a(name)

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(ask, name)
    return _judge_denials({name: lookups[name] for name in names})


def _judge_denials(lookups: Mapping[str, AddressLookup]) -> Finding:
    claim = "denies what does not exist"
    existing = [name for name, lookup in lookups.items() if lookup.status in _EXISTS]
    failed = [name for name, lookup in lookups.items() if lookup.status not in _ANSWERED]
    if existing:
        lookup = lookups[existing[0]]
        said = ", ".join(lookup.addresses[:2]) or lookup.status.meaning
        return Finding(
            claim,
            State.FAILED,
            f"{len(existing)} of {len(lookups)} random names exist to it, such as {existing[0]}: {said}",
            f"use one that rewrites nothing, or domains that are gone pass for live ones; {OWN_RESOLVER}",
        )
    if failed:
        example = f"{failed[0]}: {told(lookups[failed[0]])}"
        return Finding(
            claim,
            State.UNKNOWN,
            f"{len(failed)} of {len(lookups)} random names got no answer, such as {example}",
            "make it answer over UDP first (see there), then run this again",
        )
    return Finding(claim, State.OK, f"{len(lookups)} random names under {', '.join(_TLDS)}: NXDOMAIN")


async def passes_large_answers(subject: Subject) -> Finding | None:
    """Tell whether an answer that no datagram holds comes whole, over TCP after truncation."""
    name, asked = "passes large answers", subject.names.large
    if asked is None:
        return None
    lookup = await subject.resolver.txt(asked)
    octets = sum(map(len, lookup.texts))
    if octets > _DATAGRAM_OCTETS:
        return Finding(name, State.OK, f"{asked}: {octets:,} octets of TXT")
    if lookup.status in _ANSWERED:
        detail = f"{asked} has only {octets:,} octets of TXT"
        return Finding(name, State.UNKNOWN, detail, "name one that has more: --large-name")
    return Finding(
        name,
        State.FAILED if lookup.status in _MAY_BE_TCP else State.UNKNOWN,
        f"{asked}: {told(lookup)}",
        "if the other checks are well, let TCP through: to the resolver, and from it to the world's port 53",
    )

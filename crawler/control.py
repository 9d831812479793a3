"""Control hosts: mail hosts known to offer STARTTLS. Where they fail, it is this network that fails."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import trio

from crawler.opt_out import OptOut
from crawler.outcomes import Failure, LookupStatus, SessionStage, Vocabulary
from crawler.probes.host_addresses import not_asked
from crawler.probes.outward import outward_address
from crawler.probes.reach import Connect, open_tcp
from crawler.probes.resolver import Resolver, open_resolver
from crawler.probes.session import observe_session
from crawler.records import AddressLookup, Reply, Session
from crawler.settings import Settings

_SESSION_LIMIT_SECONDS = 45.0
"""The whole session with a control host: such hosts answer at once, and a run waits for them."""

_TEXT_SHOWN = 100
"""Characters of a refusal that are shown: the reason, and where to read more."""

OutwardAddress = Callable[[str], str | None]
"""Returns the address that this machine sends from to another; None: it has no route there."""


class Diagnosis(Vocabulary):
    """What the control hosts say of this machine's network."""

    ALL_WELL = "all_well", "every control host completed TLS"
    WELL_ENOUGH = "well_enough", "at least half of the control hosts completed TLS"
    PORT_BLOCKED = "port_blocked", "port 25 seems blocked: no control host takes a connection"
    CUT_OFF = "cut_off", "connections to control hosts end before a greeting: something on the way takes them"
    TURNED_AWAY = (
        "turned_away",
        "control hosts turn this scanner away: its address is listed, or its name or rate displeases",
    )
    STRIPPED = "stripped", "STARTTLS is taken out or broken on the way: control hosts are known to offer it"
    UNRESOLVED = "unresolved", "control hosts have no known address that may be contacted"
    LOCAL_FAULT = "local_fault", "this machine itself opens no connection"
    MIXED = "mixed", "most control hosts fail, in different or odd ways"

    @property
    def is_well(self) -> bool:
        """Whether a survey can see what is there."""
        return self in (Diagnosis.ALL_WELL, Diagnosis.WELL_ENOUGH)


REMEDIES = {
    Diagnosis.WELL_ENOUGH: "see what is wrong with those that fail, or name others: control_hosts",
    Diagnosis.PORT_BLOCKED: "have outgoing TCP port 25 opened by who runs the network, or use another",
    Diagnosis.CUT_OFF: "look for a firewall or mail proxy on the way, and for this address on blocklists",
    Diagnosis.TURNED_AWAY: "have this address taken off the list named; check hello_name and PTR",
    Diagnosis.STRIPPED: "turn off the firewall's inspection of SMTP, or use another network",
    Diagnosis.UNRESOLVED: "make the resolver answer; see if control_hosts are spelled right, none opted out",
    Diagnosis.LOCAL_FAULT: "see this machine's packet filter and its limit of open files",
    Diagnosis.MIXED: "see the network, and whether control_hosts still are what they were",
}
"""What to do, for all but ALL_WELL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlAnswer:
    """What one control host showed."""

    host: str
    lookups: tuple[AddressLookup, ...] = ()
    """A and AAAA; none where the resolver could not be asked."""
    session: Session | None = None
    """None: it has no known address."""

    @property
    def stage(self) -> SessionStage:
        """How far it got."""
        return SessionStage.NOT_ATTEMPTED if self.session is None else self.session.stage

    @property
    def failure(self) -> Failure | None:
        """Why it got no further."""
        if self.session is not None:
            return self.session.failure
        statuses = {lookup.status for lookup in self.lookups}
        if LookupStatus.OPTED_OUT in statuses:
            return Failure.OPTED_OUT
        is_denied = statuses and all(status.have_records is False for status in statuses)
        return Failure.NO_ADDRESS if is_denied else Failure.LOOKUP_FAILED

    @property
    def is_well(self) -> bool:
        """Whether it completed TLS."""
        return self.stage is SessionStage.HELLO_TLS

    def told(self) -> str:
        """Return how it ended, for people."""
        if self.session is None:
            statuses = " / ".join(dict.fromkeys(lookup.status.value for lookup in self.lookups))
            return f"{self.host}: {statuses or 'no way to the resolver'}"
        ended = "TLS" if self.is_well else f"{self.failure or 'no STARTTLS'} in stage {self.stage}"
        reply = _refusal(self.session)
        said = "" if reply is None else f' "{reply.code} {" ".join(reply.lines)[:_TEXT_SHOWN]}"'
        return f"{self.host} at {self.session.address}: {ended}{said}"

    def entry(self) -> dict[str, Any]:
        """Return it as run.json has it."""
        address = None if self.session is None else self.session.address
        return {"host": self.host, "address": address, "stage": self.stage, "failure": self.failure}


def _refusal(session: Session) -> Reply | None:
    """Return the reply that refused, where the record holds it."""
    if session.stage is SessionStage.GREETING:
        return session.greeting
    return session.starttls_reply if session.stage is SessionStage.STARTTLS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlCheck:
    """All control hosts asked once."""

    checked_at: datetime
    answers: tuple[ControlAnswer, ...]
    sources: tuple[str, ...] = ()
    """The addresses that this machine sends from to theirs, of each family that has a route."""

    @property
    def diagnosis(self) -> Diagnosis:
        """What it means."""
        return read_answers(self.answers)

    @property
    def failing(self) -> str:
        """Which hosts failed, and how; empty if none did."""
        return "; ".join(answer.told() for answer in self.answers if not answer.is_well)

    @property
    def problem(self) -> str | None:
        """What is wrong with this network and what to do, in one line; None: it is well."""
        if self.diagnosis.is_well:
            return None
        return f"{self.diagnosis.meaning} ({self.failing}); to do: {REMEDIES[self.diagnosis]}"

    def entry(self) -> dict[str, Any]:
        """Return it as run.json has it."""
        return {
            "checked_at": self.checked_at.isoformat(timespec="seconds"),
            "diagnosis": self.diagnosis,
            "is_well": self.problem is None,
            "sources": list(self.sources),
            "hosts": [answer.entry() for answer in self.answers],
        }


def read_answers(answers: Sequence[ControlAnswer]) -> Diagnosis:
    """Return what the answers of at least one control host mean.

    The network is well if at least half of them completed TLS; else all must fail in the same way to name it.
    """
    well = sum(answer.is_well for answer in answers)
    if well == len(answers):
        return Diagnosis.ALL_WELL
    if 2 * well >= len(answers):
        return Diagnosis.WELL_ENOUGH
    readings = {_read_answer(answer.session) for answer in answers}
    return readings.pop() if len(readings) == 1 else Diagnosis.MIXED


def _read_answer(session: Session | None) -> Diagnosis:
    """Return what one host's session would mean if all were like it."""
    if session is None or session.failure is Failure.SPECIAL_PURPOSE_ADDRESS:
        return Diagnosis.UNRESOLVED
    if session.stage is SessionStage.HELLO_TLS:
        return Diagnosis.ALL_WELL
    if session.failure is Failure.LOCAL_ERROR:
        return Diagnosis.LOCAL_FAULT
    if session.pushed_back or (session.greeting is not None and session.greeting.code >= 400):
        return Diagnosis.TURNED_AWAY
    if session.stage is SessionStage.CONNECT:
        return Diagnosis.PORT_BLOCKED
    if session.stage is SessionStage.GREETING:
        is_silent = session.failure in (Failure.TIMEOUT, Failure.CLOSED, Failure.RESET)
        return Diagnosis.CUT_OFF if is_silent else Diagnosis.MIXED
    if session.stage is not SessionStage.HELLO or session.greeting_masked or session.starttls_overwritten:
        return Diagnosis.STRIPPED
    return _HELLO_READINGS.get(session.failure, Diagnosis.MIXED)


_HELLO_READINGS = {
    None: Diagnosis.STRIPPED,
    Failure.PERMANENT_REPLY: Diagnosis.TURNED_AWAY,
    Failure.TEMPORARY_REPLY: Diagnosis.TURNED_AWAY,
}


async def check_control_hosts(settings: Settings) -> ControlCheck:
    """Ask the control hosts that the settings name, by the settings' resolver. Raises OptOutError."""
    opt_out = OptOut.load(settings.opt_out)
    try:
        async with open_resolver(settings) as resolver:
            return await ask_control_hosts(resolver, settings, opt_out)
    except OSError:  # no route to the resolver
        answers = tuple(ControlAnswer(host=host) for host in settings.control_hosts)
        return ControlCheck(checked_at=datetime.now(UTC), answers=answers)


async def look_up_both(host: str, resolver: Resolver) -> tuple[AddressLookup, AddressLookup]:
    """Return the A and AAAA lookups of a host, made at once: of a dead resolver, one is slow enough."""
    found: dict[int, AddressLookup] = {}

    async def look_up_aaaa() -> None:
        found[6] = await resolver.aaaa(host)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look_up_aaaa)
        found[4] = await resolver.a(host)
    return found[4], found[6]


async def _look_up(host: str, resolver: Resolver, opt_out: OptOut) -> tuple[AddressLookup, ...]:
    """Return the lookups of a host's addresses; where it opted out in any way, one that says so."""
    nobody = (not_asked(LookupStatus.OPTED_OUT),)
    if opt_out.covers_name(host):
        return nobody
    lookups = await look_up_both(host, resolver)
    addresses = [address for lookup in lookups for address in lookup.addresses]
    is_alias = any(map(opt_out.covers_alias, lookups))
    return nobody if is_alias or any(map(opt_out.covers_address, addresses)) else lookups


async def ask_control_hosts(
    resolver: Resolver,
    settings: Settings,
    opt_out: OptOut,
    *,
    connect: Connect = open_tcp,
    outward: OutwardAddress = outward_address,
) -> ControlCheck:
    """Hold one session with each control host that the settings name, side by side. Nothing is raised.

    Takes as long as the lookups of a dead resolver, and 45 seconds for the sessions.
    """
    checked_at = datetime.now(UTC)
    limit = min(settings.session_timeout_seconds, _SESSION_LIMIT_SECONDS)
    settings = dataclasses.replace(settings, session_timeout_seconds=limit)
    answers: dict[str, ControlAnswer] = {}
    sources: set[str] = set()

    async def ask(host: str) -> None:
        lookups = await _look_up(host, resolver, opt_out)
        addresses = [address for lookup in lookups for address in lookup.addresses]
        sources.update(filter(None, map(outward, addresses)))
        if not addresses:
            answers[host] = ControlAnswer(host=host, lookups=lookups)
            return
        address = next(filter(outward, addresses), addresses[0])
        observed = await observe_session(host, address, None, settings, connect=connect)
        answers[host] = ControlAnswer(host=host, lookups=lookups, session=observed.session)

    async with trio.open_nursery() as nursery:
        for host in settings.control_hosts:
            nursery.start_soon(ask, host)
    ordered = tuple(answers[host] for host in settings.control_hosts)
    return ControlCheck(checked_at=checked_at, answers=ordered, sources=tuple(sorted(sources)))

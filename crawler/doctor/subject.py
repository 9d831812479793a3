"""What the doctor examines, and what a check says of it."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TypeAlias

from crawler.control import OutwardAddress
from crawler.file_limit import file_limits
from crawler.opt_out import OptOut
from crawler.probes.outward import outward_address
from crawler.probes.reach import Connect, open_tcp
from crawler.probes.resolver import Resolver, open_resolver
from crawler.probes.web_page import WebPage, fetch_page
from crawler.protocol.dns_wire import DnsWireError, QueryType, encode_query
from crawler.settings import Settings, SettingsError, resolver_endpoint

SECURE_NAME = "."
"""The root: signed, and known to every resolver."""
BOGUS_NAME = "dnssec-failed.org"
"""Broken on purpose. It is somebody else's service (Comcast's): it may end, or be mended."""


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """A survey can be made, and some of its figures will say less."""
    FAILED = "failed"
    """A survey made like this would be wrong, or is not possible."""
    UNKNOWN = "unknown"
    """It could not be told."""
    SKIPPED = "skipped"
    """There was nothing to check; the detail says why."""

    @property
    def needs_remedy(self) -> bool:
        """Whether something is to be done."""
        return self not in (State.OK, State.SKIPPED)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What one check says, in two lines at most."""

    name: str
    """What was checked, as a claim: "answers over TCP"."""
    state: State
    detail: str
    remedy: str | None = None
    """What to do; None exactly if all is well, or nothing was checked."""

    def __post_init__(self) -> None:
        """Hold the rule."""
        assert (self.remedy is not None) == self.state.needs_remedy, self


@dataclasses.dataclass(frozen=True, slots=True)
class ReferenceNames:
    """Domain names of which the right answer is known beforehand, without a final dot.

    Raises SettingsError for one that cannot be asked for.
    """

    secure: str = SECURE_NAME
    """Its MX lookup must be secure, be it only in saying that there is no MX record."""
    bogus: str = BOGUS_NAME
    """Its A lookup must be bogus."""
    large: str | None = None
    """Has TXT records that no datagram of 1,232 octets holds; None: that is not checked."""

    def __post_init__(self) -> None:
        """Check that each can be sent."""
        names = [self.secure, self.bogus] + ([] if self.large is None else [self.large])
        for name in names:
            try:
                encode_query(0, name, QueryType.A)
            except DnsWireError:
                raise SettingsError(f"name to ask for: {name[:80]!a} is no domain name") from None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a check reaches this machine and the world by, the resolver apart."""

    connect: Connect = open_tcp
    outward_address: OutwardAddress = outward_address
    """Which address of this machine packets to another leave from."""
    file_limits: Callable[[], tuple[float, float]] = file_limits
    """Soft and hard limit of open files."""
    fetch_page: Callable[[str, str], Awaitable[WebPage]] = fetch_page
    """Fetches a URL, verified by the trust anchors of a PEM file; raises PageError."""


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """What is examined: the settings of a survey, this machine, and the resolver that they name, open."""

    settings: Settings
    names: ReferenceNames
    machine: Machine
    opt_out: OptOut
    resolver: Resolver
    """As a survey has it."""
    believed: Resolver
    """The same, its AD bit believed whether trusted or not: does it validate at all?"""


Check: TypeAlias = Callable[[Subject], Awaitable[Finding | None]]
"""Returns None where the subject gives it nothing to check."""


@asynccontextmanager
async def open_subject(
    settings: Settings, names: ReferenceNames, machine: Machine | None = None
) -> AsyncIterator[Subject]:
    """Open the resolver that the settings name.

    Raises OSError when this machine has no way to it, OptOutError.
    """
    opt_out = OptOut.load(settings.opt_out)
    address, _ = resolver_endpoint(settings.resolver)
    trusting = dataclasses.replace(settings, trusted_resolvers=(*settings.trusted_resolvers, address))
    async with open_resolver(settings) as resolver, open_resolver(trusting) as believed:
        yield Subject(settings, names, machine or Machine(), opt_out, resolver, believed)

"""What a worker holds open for all rows of a stage."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from publicsuffixlist import PublicSuffixList

from crawler.opt_out import OptOut
from crawler.pacing import Pacer
from crawler.probes.resolver import Resolver, open_resolver
from crawler.probes.turns import AddressTurns
from crawler.settings import Settings


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker holds open for all rows."""

    settings: Settings
    resolver: Resolver
    public_suffixes: PublicSuffixList
    opt_out: OptOut
    pacer: Pacer
    policy_turns: AddressTurns

    @property
    def problem(self) -> str | None:
        """What all wait for, in one line; None: nothing."""
        return self.resolver.problem


@contextlib.asynccontextmanager
async def open_tools(settings: Settings, *, outlasts_outages: bool = True) -> AsyncIterator[Tools]:
    """Open what the stages need, with one resolver and its sockets.

    With `outlasts_outages`, lookups wait while the resolver is gone, or by the control hosts its network:
    nothing is recorded of that time.
    """
    # Only the ICANN section: it groups hosts by who runs them, not by a hoster's customers.
    public_suffixes = PublicSuffixList(only_icann=True)
    opt_out = OptOut.load(settings.opt_out)
    policy_turns = AddressTurns(settings.policy_fetches_per_address)
    hosts = [host for host in settings.control_hosts if not opt_out.covers_name(host)]
    async with open_resolver(
        settings, outlasts_silence=outlasts_outages, control_hosts=hosts if outlasts_outages else ()
    ) as resolver:
        yield Tools(settings, resolver, public_suffixes, opt_out, Pacer(settings), policy_turns)

"""Whether the resolver's own network is there: without it every name would pass for a broken one.

A resolver whose network is gone goes on answering what its cache holds, and fails the rest. So whatever
fails is believed only when a control question is answered that was asked after it: for the address of a name
below a control host's, made up for the purpose. No cache holds it, so its zone's own servers must answer;
that there is no such name is an answer.
"""

import os
from collections import deque
from collections.abc import Sequence

import trio

from crawler.probes.dns_exchange import DnsExchange

_BETWEEN_SECONDS = 1.0
"""Between two looks: what a lookup that failed waits for, and how often control hosts' zones are asked."""
_SHORTEST_RECOVERY_SECONDS = 6.0
_LONGEST_RECOVERY_SECONDS = 60.0
"""A resolver keeps failures for a while (Unbound: 5 s), and holds servers for dead that did not answer, the
longer the more often they did not. So what fails soon after its network is back is not believed either:
for as long as it was gone, within these limits."""


class Uplink:
    """Looks at the network behind a resolver when something fails, and waits until it is back."""

    def __init__(self, hosts: Sequence[str], exchange: DnsExchange) -> None:
        """Begin with a network that is there."""
        self._hosts = deque(hosts)
        self._exchange = exchange
        self._is_doubted = trio.Event()
        self._is_looked_at = trio.Event()
        """Of the look that has not begun."""
        self._is_back = trio.Event()
        self._believed_from = float("-inf")
        self.back_at = float("-inf")
        """When the last outage ended, on trio's clock."""
        self.problem: str | None = None
        """What is wrong while the network is gone, in one line."""

    async def until_there(self) -> None:
        """Wait while the network is known to be gone."""
        while self.problem is not None:
            await self._is_back.wait()

    async def was_gone(self, since: float) -> bool:
        """Tell whether the network, or the resolver, was gone at some time since then, on trio's clock.

        Returns when that is known; if it was gone, when what fails is to be believed again.
        """
        looked_at = self._is_looked_at
        self._is_doubted.set()
        await looked_at.wait()
        if since >= max(self._believed_from, self._exchange.back_at):
            return False
        await trio.sleep_until(self._believed_from)
        return True

    async def look_after(self) -> None:
        """For ever: once there is doubt, look, and wait until the network is there."""
        while True:
            await self._is_doubted.wait()
            # What fails from here on needs another look.
            looked_at = self._is_looked_at
            self._is_doubted, self._is_looked_at = trio.Event(), trio.Event()
            if not await self._is_there():
                await self._outlast()
            looked_at.set()
            await trio.sleep(_BETWEEN_SECONDS)

    async def _outlast(self) -> None:
        """Wait until the network is back."""
        gone_at, self._is_back = trio.current_time(), trio.Event()
        self.problem = (
            f"the resolver answers nothing about the control hosts ({', '.join(sorted(self._hosts))}): "
            "its own network seems gone"
        )
        while not await self._is_there():
            await trio.sleep(_BETWEEN_SECONDS)
        now = trio.current_time()
        recovery = min(max(now - gone_at, _SHORTEST_RECOVERY_SECONDS), _LONGEST_RECOVERY_SECONDS)
        self.back_at, self._believed_from = now, now + recovery
        self.problem = None
        self._is_back.set()

    async def _is_there(self) -> bool:
        """Tell whether a control question is answered: one for one host, in turn, then for all at once."""
        self._hosts.rotate()
        if await self._exchange.is_answered(_new_name(self._hosts[0])):
            return True
        answered = False

        async def ask(host: str) -> None:
            nonlocal answered
            if await self._exchange.is_answered(_new_name(host)):
                answered = True
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            for host in self._hosts:
                nursery.start_soon(ask, host)
        return answered


def _new_name(host: str) -> str:
    """Return a name below a host that no cache holds."""
    return f"{os.urandom(8).hex()}.{host}"

"""How many may come to one address at once; the others wait for their turn."""

from weakref import WeakValueDictionary

import trio


class AddressTurns:
    """The turns of one worker process. An address is forgotten when nobody is there or waits."""

    def __init__(self, at_once: int) -> None:
        """Let so many at once come to each address."""
        self._at_once = at_once
        self._limiters: WeakValueDictionary[str, trio.CapacityLimiter] = WeakValueDictionary()

    @property
    def addresses(self) -> int:
        """At how many addresses somebody is or waits."""
        return len(self._limiters)

    def at(self, address: str) -> trio.CapacityLimiter:
        """Return the context in which to be at an address. Only those who hold it keep it."""
        limiter = self._limiters.get(address)
        if limiter is None:
            limiter = self._limiters[address] = trio.CapacityLimiter(self._at_once)
        return limiter

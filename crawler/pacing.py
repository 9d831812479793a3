"""Pacing: when a session may begin, so that nobody is asked too often or again too soon.

A session needs a turn with its address, its network (/24 or /48), its provider (the pacing group of the
network) and with the whole. One process paces all sessions of a pacing group, so nothing is shared.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import trio

from crawler.entrance import Entrance, gap_of
from crawler.settings import Settings
from crawler.watching.waits import Waiters, WaitReason

_TURNS_PER_SWEEP = 10_000
"""Turns between two searches for places that nobody waits for."""


def longest_gap(settings: Settings) -> float:
    """Return after how many seconds no session that another pacer gave a turn matters; a pause may."""
    rates = (settings.sessions_per_second_per_network, settings.sessions_per_second_per_provider)
    return max(settings.address_gap_seconds, *map(gap_of, rates))


@dataclass(slots=True)
class Turn:
    """One session's turn."""

    is_refused: bool = False
    """The provider is left alone: hold no session."""
    was_pushed_back: bool = False
    """To be set by the holder of the turn when the session was sent away."""
    is_unused: bool = False
    """To be set by the holder of the turn when it held no session: that says nothing of the provider."""


@dataclass(slots=True)
class _Place:
    """Something that bears one beginning session at a time, and a gap between two."""

    lock: trio.Lock = field(default_factory=trio.Lock)
    free_at: float = 0.0

    async def wait(self, waiters: Waiters, provider: str) -> None:
        """Wait until the gap is over; it may be made longer meanwhile."""
        if trio.current_time() >= self.free_at:
            return
        waiters.join(provider)
        try:
            while (now := trio.current_time()) < self.free_at:
                await trio.sleep(self.free_at - now)
        finally:
            waiters.leave(provider)

    def is_idle(self, now: float) -> bool:
        return self.free_at <= now and not self.lock.locked()


@dataclass(slots=True)
class _Address:
    """An address: bears so many sessions at once."""

    room: trio.Semaphore
    free_at: float = 0.0
    users: int = 0

    def is_idle(self, now: float) -> bool:
        return self.free_at <= now and not self.users


@dataclass(slots=True)
class _Provider(_Place):
    """A pacing group, and how often it has pushed back."""

    pauses: int = 0
    """In a row: a session that was not sent away ends the row."""
    paused_at: float = -1.0

    def is_idle(self, now: float) -> bool:
        # A slot class made anew by the decorator has no zero-argument super().
        return not self.pauses and _Place.is_idle(self, now)


async def _take(lock: trio.Lock | trio.Semaphore, waiters: Waiters, provider: str) -> None:
    """Acquire a lock, counted among those that wait if need be; the caller releases it."""
    # trio's own gives way to every other task even where nobody has the lock: three of them took 13 us more
    # of a session, of pacing's 22.
    try:
        lock.acquire_nowait()
    except trio.WouldBlock:
        waiters.join(provider)
        try:
            await lock.acquire()
        finally:
            waiters.leave(provider)


class Pacer:
    """Gives turns to the sessions of one worker process."""

    def __init__(self, settings: Settings) -> None:
        """Take rates and gaps from the settings; `sessions_per_second` is this process's share."""
        self._settings = settings
        self._entrance = Entrance(settings.sessions_per_second, settings.sessions_in_flight)
        self._addresses: dict[str, _Address] = {}
        self._networks: dict[str, _Place] = {}
        self._providers: dict[str, _Provider] = {}
        self._delayed, self._at_address = Waiters(), Waiters()
        self._at_network, self._at_provider = Waiters(), Waiters()
        self._paused: dict[str, float] = {}
        """When the pause of a provider is over."""
        self._until_sweep = _TURNS_PER_SWEEP
        self._gap_in_network = gap_of(settings.sessions_per_second_per_network)
        self._gap_in_provider = gap_of(settings.sessions_per_second_per_provider)

    def pause(self) -> None:
        """Begin no session until `go_on`; those under way go on."""
        self._entrance.pause()

    def go_on(self) -> None:
        """Begin sessions again."""
        self._entrance.go_on()

    def waits(self) -> dict[str, int]:
        """Return how many rows wait now, by what they wait for."""
        now = trio.current_time()
        paused = self._paused = {key: over_at for key, over_at in self._paused.items() if over_at > now}
        places = {
            WaitReason.ADDRESS_GAP: self._at_address,
            WaitReason.NETWORK_RATE: self._at_network,
            WaitReason.PROVIDER_RATE: self._at_provider,
        }
        counts = {reason.value: len(waiters) - waiters.of(paused) for reason, waiters in places.items()}
        counts[WaitReason.PROVIDER_PAUSED] = sum(waiters.of(paused) for waiters in places.values())
        counts[WaitReason.RETRY_DELAY] = len(self._delayed)
        counts[WaitReason.WHOLE] = self._entrance.waiting
        return {str(reason): count for reason, count in counts.items() if count}

    async def delay(self, seconds: float, provider: str) -> None:
        """Wait before a second attempt, not yet in anybody's way."""
        self._delayed.join(provider)
        try:
            await trio.sleep(seconds)
        finally:
            self._delayed.leave(provider)

    @contextlib.asynccontextmanager
    async def turn(self, address: str, network: str, provider: str) -> AsyncIterator[Turn]:
        """Wait for the turn of a session with an address, and hold it for the time of the block.

        First come, first served, at every level. A turn that is refused costs no time.
        """
        self._sweep_now_and_then()
        place = self._address(address)
        place.users += 1
        try:
            await _take(place.room, self._at_address, provider)
            try:
                if place.free_at > trio.current_time():
                    await self._wait_for_gap(place, provider)
                turn = await self._begin(network, provider)
                if turn.is_refused:
                    yield turn
                    return
                try:
                    begun_at = trio.current_time()
                    yield turn
                    if not turn.is_unused:
                        self._learn(provider, turn, begun_at)
                finally:
                    self._entrance.leave()
                place.free_at = trio.current_time() + self._settings.address_gap_seconds
            finally:
                place.room.release()
        finally:
            place.users -= 1

    async def _wait_for_gap(self, place: _Address, provider: str) -> None:
        self._at_address.join(provider)
        try:
            await trio.sleep_until(place.free_at)
        finally:
            self._at_address.leave(provider)

    async def _begin(self, network_key: str, provider_key: str) -> Turn:
        """Wait for network, provider and whole, and take a place among the sessions in flight."""
        # A place is locked as soon as it is looked up: an idle one may be forgotten at any checkpoint.
        network = self._networks.get(network_key) or self._networks.setdefault(network_key, _Place())
        await _take(network.lock, self._at_network, provider_key)
        try:
            await network.wait(self._at_network, provider_key)
            provider = self._provider(provider_key)
            await _take(provider.lock, self._at_provider, provider_key)
            try:
                await provider.wait(self._at_provider, provider_key)
                if provider.pauses > self._settings.back_offs:
                    await trio.lowlevel.checkpoint()  # nothing else may give way in a series of refusals
                    return Turn(is_refused=True)
                await self._join(network, provider)
            finally:
                provider.lock.release()
        finally:
            network.lock.release()
        return Turn()

    async def _join(self, network: _Place, provider: _Provider) -> None:
        """Take a place among the sessions in flight, and the whole's turn; all gaps begin now."""
        await self._entrance.enter()
        now = trio.current_time()
        network.free_at = now + self._gap_in_network
        provider.free_at = max(provider.free_at, now + self._gap_in_provider)

    def _learn(self, provider_key: str, turn: Turn, begun_at: float) -> None:
        """Pause a provider that pushed back, for twice as long each time in a row, then leave it alone.

        What was under way when the pause began says nothing new, neither good nor bad.
        """
        provider = self._provider(provider_key)
        if begun_at <= provider.paused_at:
            return
        if not turn.was_pushed_back:
            provider.pauses = 0
            return
        provider.paused_at = now = trio.current_time()
        if provider.pauses < self._settings.back_offs:
            provider.free_at = now + self._settings.back_off_seconds * 2**provider.pauses
            self._paused[provider_key] = provider.free_at
        provider.pauses += 1

    def _provider(self, key: str) -> _Provider:
        return self._providers.get(key) or self._providers.setdefault(key, _Provider())

    def _address(self, address: str) -> _Address:
        place = self._addresses.get(address)
        if place is None:
            place = _Address(trio.Semaphore(self._settings.sessions_per_address))
            self._addresses[address] = place
        return place

    def _sweep_now_and_then(self) -> None:
        """Forget the places that nobody waits for: memory is of what is under way, not of the list."""
        self._until_sweep -= 1
        if self._until_sweep > 0:
            return
        self._until_sweep = _TURNS_PER_SWEEP
        now = trio.current_time()
        for places in (self._addresses, self._networks, self._providers):
            idle = [key for key, place in places.items() if place.is_idle(now)]
            for key in idle:
                del places[key]

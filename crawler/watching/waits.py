"""What rows wait for before their sessions, counted while they wait."""

from collections.abc import Iterable

from crawler.outcomes import Vocabulary


class WaitReason(Vocabulary):
    """What a row waits for before its session may begin."""

    RETRY_DELAY = "retry_delay", "the time between a first attempt and the second"
    ADDRESS_GAP = "address_gap", "sessions with the same address, and the gap after each"
    NETWORK_RATE = "network_rate", "the rate of sessions with one network"
    PROVIDER_RATE = "provider_rate", "the rate of sessions with one provider"
    PROVIDER_PAUSED = "provider_paused", "a provider that has pushed back, anywhere on the way to its turn"
    WHOLE = "whole", "the rate of all sessions, or room among those under way"


class Waiters:
    """Those that wait at one place, by provider: one that is paused holds them up wherever they stand."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._of: dict[str, int] = {}

    def join(self, provider: str) -> None:
        """Count one more."""
        self._of[provider] = self._of.get(provider, 0) + 1

    def leave(self, provider: str) -> None:
        """Count one less."""
        left = self._of[provider] - 1
        if left:
            self._of[provider] = left
        else:
            del self._of[provider]  # memory is of who waits, not of the list

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(self._of.values())

    def of(self, providers: Iterable[str]) -> int:
        """Return how many of them wait for these providers."""
        return sum(self._of.get(provider, 0) for provider in providers)

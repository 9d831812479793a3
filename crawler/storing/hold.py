"""How long this machine's processes may change a run in an object store: while its claim is renewed.

A process that was stopped or suspended for long does not know that somebody else may have the run by now.
So each, before it changes anything, looks when the claim was last renewed, by a clock that goes on meanwhile.
"""

import contextlib
import errno
import time
from collections.abc import Iterable, Iterator
from typing import Any

HELD_SECONDS = 60.0
"""A claim that was not renewed for so long lets its processes change nothing any more."""


class Hold:
    """When a claim was last renewed. One process renews it; its worker processes look."""

    def __init__(self) -> None:
        """Begin it now."""
        import multiprocessing  # of all runs, those in a store alone need it

        self._renewed_at: Any = multiprocessing.get_context("spawn").RawValue("d", boot_seconds())

    def renew(self, at: float) -> None:
        """Prolong it: the claim was written after this time (seconds, as of `boot_seconds`)."""
        self._renewed_at.value = at

    def seconds(self) -> float:
        """Return how long ago that was."""
        return boot_seconds() - float(self._renewed_at.value)

    def is_over(self) -> bool:
        """Tell whether that is too long ago."""
        return self.seconds() >= HELD_SECONDS

    def require(self, location: object) -> None:
        """Raise OSError, which names what should be changed, if the hold is over."""
        if self.is_over():
            what = f"the claim on the run was not renewed for {HELD_SECONDS:.0f} seconds"
            why = "this process was suspended, or the store did not answer"
            raise OSError(errno.ECANCELED, f"{what} ({why})", str(location))


_holds: list[Hold] = []
"""Of this process: it may change objects while none of them is over."""


def require_holds(location: object) -> None:
    """Raise OSError if this process may not change objects any more."""
    for hold in _holds:
        hold.require(location)


@contextlib.contextmanager
def kept(hold: Hold) -> Iterator[None]:
    """Have this process keep to a hold for the time of the block."""
    _holds.append(hold)
    try:
        yield
    finally:
        _holds.remove(hold)


def holds() -> tuple[Hold, ...]:
    """Return what this process keeps to, to be handed to worker processes when they begin."""
    return tuple(_holds)


def keep_to(holds: Iterable[Hold]) -> None:
    """Have this process keep to holds for good; called in a worker process when it begins."""
    _holds.extend(holds)


def boot_seconds() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)

"""How many questions a resolver bears at once: found as TCP finds it (RFC 5681 s3.1), from what gets lost.

A resolver with too much to do drops questions, or fails them, and a survey that goes on at that pace writes
down failures of its own making. That a question is not answered says nothing by itself: its authority may be
dead, at any number in flight. That it is not answered, and a moment later is, does: so only that counts.

Loss shows after a timeout, hundreds of round trips late. So the level is lowered once per timeout at most, or
the traces of one burst would lower it to nothing; and what was sent before the level was lowered, and then
not answered, is no failure of its name.
"""

_LEAST = 4.0
"""A resolver that does not bear this does not bear a survey."""
_LOWERED_TO = 0.5
_RAISED_BY = 1.0
"""Questions more in flight, per round of as many answers as the level."""


class Congestion:
    """The number of questions that may be in flight. Times are of one monotonic clock, in seconds."""

    __slots__ = ("_interval_seconds", "_lowered_at", "_most", "level")

    def __init__(self, most: int, timeout_seconds: float) -> None:
        """Begin at the most."""
        self.level = float(most)
        self._most = float(most)
        # A little less than a timeout, lest a burst be missed that comes once per timeout.
        self._interval_seconds = 0.9 * timeout_seconds
        self._lowered_at = float("-inf")

    def raise_level(self, now: float) -> None:
        """Take note of an answer, while more questions wait for their turn.

        The level stays where it was lowered to for as long as it cannot be lowered again: a fast resolver
        would bring it back above what it bears at once, and fail what is asked until then.
        """
        if self.level < self._most and now >= self.movable_at:
            self.level = min(self._most, self.level + _RAISED_BY / self.level)

    def lower(self, now: float) -> None:
        """Take note of a question that was answered only when it was asked again."""
        if now >= self.movable_at:
            self.level = max(min(_LEAST, self._most), self.level * _LOWERED_TO)
            self._lowered_at = now

    def is_lower_than_at(self, sent_at: float) -> bool:
        """Whether the level has been lowered since a question was sent: then its loss says nothing."""
        return self._lowered_at >= sent_at

    @property
    def movable_at(self) -> float:
        """When the level can be changed again: until then it may still be too high."""
        return self._lowered_at + self._interval_seconds

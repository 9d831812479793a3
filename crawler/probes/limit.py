"""The time limits of one visit: a deadline that moves from step to step."""

import trio


class Limit:
    """Moves the deadline of a cancel scope, never beyond the limit of the whole.

    One scope for a whole visit: a scope per step would cost more than the step's own work.
    """

    __slots__ = ("_end", "_scope")

    def __init__(self, scope: trio.CancelScope, whole_seconds: float) -> None:
        self._scope = scope
        self._end = scope.deadline = trio.current_time() + whole_seconds

    def allow(self, seconds: float) -> None:
        """Give the next step so many seconds from now."""
        self._scope.deadline = min(self._end, trio.current_time() + seconds)

"""Where the survey tells how it is going."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pace:
    """What the lanes of a stage are at now."""

    lanes: int = 0
    """Those that are not done yet."""
    in_hand: int = 0
    """Rows taken up and not done: under way, or waiting for their turn."""
    waits: Mapping[str, int] = field(default_factory=dict)
    """Rows that wait, by `WaitReason`."""

    @property
    def waiting(self) -> int:
        """Return how many rows wait for their turn."""
        return sum(self.waits.values())

    @property
    def under_way(self) -> int:
        """Return how many rows are being observed."""
        return max(0, self.in_hand - self.waiting)


class Feedback:
    """Is told how a run is going. This one does nothing about it."""

    def begin(self, stage: str, total: int, done: int, least_seconds: float = 0.0) -> None:
        """Begin a stage of so many rows, of which some were done before.

        least_seconds: what pacing alone takes for the rest.
        """

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        """Count rows that were done since the last call, and the failures among them by word."""

    def pace(self, pace: Pace) -> None:
        """Take in what the lanes are at now."""

    def checked(self, is_well: bool) -> None:
        """Take in a check of the control hosts. Called in a thread of its own."""

    def end(self) -> None:
        """End the stage."""

    def note(self, text: str, *, paused: bool = False) -> None:
        """Say something about the run as a whole; paused: it waits from now on, to the next note or stage."""

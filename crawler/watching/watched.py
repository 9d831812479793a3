"""Counts how a run is going, once, for all who watch it."""

import time
from collections.abc import Callable, Mapping, Sequence

from crawler.watching.feedback import Feedback, Pace
from crawler.watching.stage_progress import StageProgress


class Watcher:
    """Shows how a run is going, or writes it down. This one looks away."""

    def begun(self, stage: StageProgress) -> None:
        """Take in that a stage begins."""

    def advanced(self, stage: StageProgress) -> None:
        """Take in how it is going; called several times a second."""

    def noted(self, text: str, stage: StageProgress) -> None:
        """Take in something about the run as a whole; `stage.is_paused`: it waits from now on."""

    def checked(self, is_well: bool) -> None:
        """Take in a check of the control hosts. Called in a thread of its own."""

    def ended(self, stage: StageProgress) -> None:
        """Take in that a stage is done."""


class Watched(Feedback):
    """Passes on what it is told to all who watch."""

    def __init__(self, watchers: Sequence[Watcher], clock: Callable[[], float] = time.monotonic) -> None:
        """Begin before the first stage."""
        self._watchers = watchers
        self._clock = clock
        self._stage = StageProgress("", 0, 0, clock=clock)

    def begin(self, stage: str, total: int, done: int, least_seconds: float = 0.0) -> None:
        """Begin a stage."""
        self._stage = StageProgress(stage, total, done, least_seconds, self._clock)
        for watcher in self._watchers:
            watcher.begun(self._stage)

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        """Count what was done."""
        self._stage.advance(done, failures)
        for watcher in self._watchers:
            watcher.advanced(self._stage)

    def pace(self, pace: Pace) -> None:
        """Take in what the lanes are at now."""
        self._stage.pace = pace
        for watcher in self._watchers:
            watcher.advanced(self._stage)

    def note(self, text: str, *, paused: bool = False) -> None:
        """Pass on a note; paused: the run waits from now on, to the next note or stage."""
        self._stage.pause(paused)
        for watcher in self._watchers:
            watcher.noted(text, self._stage)

    def checked(self, is_well: bool) -> None:
        """Pass on a check of the control hosts. Called in a thread of its own."""
        for watcher in self._watchers:
            watcher.checked(is_well)

    def end(self) -> None:
        """End the stage."""
        self._stage.end()
        for watcher in self._watchers:
            watcher.ended(self._stage)

"""How a stage is going: what is done, how fast lately, and how long it still takes."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from crawler.watching.feedback import Pace

RATE_SECONDS = 30.0
"""The rate is that of this last time,"""
RATE_ROWS = 20
"""or of so many rows, if they took longer: at one row a minute 30 seconds say nothing."""
_SAMPLE_SECONDS = 1.0


class StageProgress:
    """The count of one stage in this process."""

    def __init__(
        self,
        name: str,
        total: int,
        done: int,
        least_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with what was done before; `least_seconds`: what pacing alone takes for the rest."""
        self.name = name
        self.total = total
        self.done = done
        self.done_before = done
        self.least_seconds = least_seconds
        self.failures: Counter[str] = Counter()
        self.pace = Pace()
        self.is_paused = False
        self._clock = clock
        self._began_at = clock()
        self._ended_at: float | None = None
        self._seconds_before_pause = 0.0
        self._goes_since = self._began_at
        self._samples: deque[tuple[float, int]] = deque([(self._began_at, done)])

    @property
    def left(self) -> int:
        """Return how many rows are not done."""
        return max(0, self.total - self.done)

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        """Count what was done."""
        self.done += done
        self.failures.update(failures)
        now = self._clock()
        if done and now >= self._samples[-1][0] + _SAMPLE_SECONDS:
            self._samples.append((now, self.done))
        self._forget(now)

    def pause(self, is_paused: bool) -> None:
        """Pause, or go on; what was done before a pause says nothing about the rate after it."""
        if is_paused == self.is_paused:
            return
        now = self._clock()
        if is_paused:
            self._seconds_before_pause = self._seconds_at_work(now)
        else:
            self._goes_since = now
            self._samples = deque([(now, self.done)])
        self.is_paused = is_paused

    def end(self) -> None:
        """End the stage."""
        self._ended_at = self._clock()
        self.pace = Pace()

    def seconds(self) -> float:
        """Return how long the stage has been worked on in this process."""
        return (self._ended_at or self._clock()) - self._began_at

    def rate(self) -> float:
        """Return the rows per second lately; of a stage that is done, all the time."""
        if not self.left:
            return (self.done - self.done_before) / max(self.seconds(), 0.001)
        since, before = self._samples[0]
        return (self.done - before) / max(self._clock() - since, 0.001)

    def seconds_left(self) -> float | None:
        """Return how long the rest takes; None: nobody knows.

        That is as long as it takes at the rate of late, but no less than the longest queue of pacing still
        needs: that goes on alone when the many short ones, which make the rate, are through.
        """
        if not self.left:
            return 0.0
        if self.is_paused:
            return None
        least = max(0.0, self.least_seconds - self._seconds_at_work(self._clock()))
        rate = self.rate()
        return max(self.left / rate, least) if rate else least or None

    def standing(self) -> dict[str, Any]:
        """Return how the stage stands now, as JSON has it."""
        seconds_left = self.seconds_left()
        return {
            "stage": self.name,
            "total": self.total,
            "done": self.done,
            "rows_per_second": round(self.rate(), 3),
            "seconds_left": None if seconds_left is None else round(seconds_left),
            "is_paused": self.is_paused,
            "lanes": self.pace.lanes,
            "under_way": self.pace.under_way,
            "waiting": dict(self.pace.waits),
            "failures": dict(self.failures),
        }

    def _seconds_at_work(self, now: float) -> float:
        return self._seconds_before_pause + (0.0 if self.is_paused else now - self._goes_since)

    def _forget(self, now: float) -> None:
        """Forget the samples without which the rest are of time and rows enough."""
        samples = self._samples
        while len(samples) > 1 and self._is_enough(samples[1], now):
            samples.popleft()

    def _is_enough(self, sample: tuple[float, int], now: float) -> bool:
        since, before = sample
        return now - since >= RATE_SECONDS and self.done - before >= RATE_ROWS

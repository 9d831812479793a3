"""A lane of a session stage in simulated time: millions of sessions under the rules of `crawler.pacing`.

The same steps in the same order as `Pacer.turn` and `Entrance` take, with a heap in place of trio's clock.
`test_pacing_simulation.py` holds it against them. Nobody pushes back here.
"""

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from crawler.entrance import gap_of
from crawler.settings import Settings

Row: TypeAlias = tuple[int, int, int, float]
"""Address, network and pacing group by number, and how long the session takes, in seconds."""

_CATCH_UP_SECONDS = 0.1
_ROWS_PER_SWEEP = 100_000


@dataclass(slots=True)
class Passed:
    """How a lane went."""

    sessions: int = 0
    seconds: float = 0.0
    """From the first session's beginning to the last one's end."""
    begun: list[float] | None = None
    """When each session began, in that order; None: not wanted."""


class _Place:
    """An address, a network or a pacing group: what it bears at once, and who waits for it."""

    __slots__ = ("free_at", "users", "waiting")

    def __init__(self) -> None:
        self.users = 1
        self.free_at = 0.0
        self.waiting: deque[Row] = deque()


class PacedLane:
    """The sessions of one lane; `sessions_per_second` of its settings is its share."""

    def __init__(self, settings: Settings, rows: Iterable[Row], *, keep_begun: bool = False) -> None:
        """Prepare to hold the sessions of rows, taken up in their order."""
        self._rows = iter(rows)
        self._window = settings.endpoints_waiting
        self._room = settings.sessions_in_flight
        self._per_address = settings.sessions_per_address
        self._address_gap = settings.address_gap_seconds
        self._network_gap = gap_of(settings.sessions_per_second_per_network)
        self._group_gap = gap_of(settings.sessions_per_second_per_provider)
        self._gap = gap_of(settings.sessions_per_second)
        self._addresses: dict[int, _Place] = {}
        self._networks: dict[int, _Place] = {}
        self._groups: dict[int, _Place] = {}
        self._now = self._free_at = 0.0
        self._queue: deque[Row] = deque()
        self._is_admitting = self._is_timed = False
        self._events: list[tuple[float, int, int, Row]] = []
        self._number = 0
        self._passed = Passed(begun=[] if keep_begun else None)

    def run(self) -> Passed:
        """Hold all sessions; return how it went."""
        steps = (self._ask_network, self._ask_group, self._enter, self._admit_later, self._end)
        for row in self._rows:
            self._take_up(row)
            self._window -= 1
            if not self._window:
                break
        events = self._events
        while events:
            self._now, _, step, row = heapq.heappop(events)
            steps[step](row)
        self._passed.seconds = self._now
        return self._passed

    def _at(self, moment: float, step: int, row: Row) -> None:
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, step, row))

    def _take_up(self, row: Row) -> None:
        place = self._addresses.get(row[0])
        if place is None:
            self._addresses[row[0]] = place = _Place()
        elif place.users < self._per_address:
            place.users += 1
        else:
            place.waiting.append(row)
            return
        self._after_gap(place, 0, row)

    def _after_gap(self, place: _Place, step: int, row: Row) -> None:
        """Go on with a step when the place is free."""
        if place.free_at > self._now:
            self._at(place.free_at, step, row)
        else:
            (self._ask_network, self._ask_group, self._enter)[step](row)

    def _ask_network(self, row: Row) -> None:
        place = self._networks.get(row[1])
        if place is None:
            self._networks[row[1]] = place = _Place()
        elif place.users:
            place.waiting.append(row)
            return
        place.users = 1
        self._after_gap(place, 1, row)

    def _ask_group(self, row: Row) -> None:
        place = self._groups.get(row[2])
        if place is None:
            self._groups[row[2]] = place = _Place()
        elif place.users:
            place.waiting.append(row)
            return
        place.users = 1
        self._after_gap(place, 2, row)

    def _enter(self, row: Row) -> None:
        self._queue.append(row)
        self._admit(row)

    def _admit(self, _row: Row) -> None:
        """Let in all that are due; who gets a turn by that stands behind in the same queue."""
        if self._is_admitting:
            return
        self._is_admitting = True
        now, queue = self._now, self._queue
        while queue and self._room and self._free_at <= now:
            self._free_at = max(self._free_at, now - _CATCH_UP_SECONDS) + self._gap
            self._room -= 1
            self._begin(queue.popleft())
        self._is_admitting = False
        if queue and self._room and not self._is_timed:
            self._is_timed = True
            self._at(self._free_at, 3, queue[0])

    def _admit_later(self, row: Row) -> None:
        self._is_timed = False
        self._admit(row)

    def _begin(self, row: Row) -> None:
        now = self._now
        if self._passed.begun is not None:
            self._passed.begun.append(now)
        network, group = self._networks[row[1]], self._groups[row[2]]
        network.free_at = now + self._network_gap
        group.free_at = now + self._group_gap
        self._at(now + row[3], 4, row)
        self._release(group, 2)
        self._release(network, 1)

    def _release(self, place: _Place, step: int) -> None:
        if place.waiting:
            self._after_gap(place, step, place.waiting.popleft())
        else:
            place.users -= 1

    def _end(self, row: Row) -> None:
        self._room += 1
        place = self._addresses[row[0]]
        place.free_at = self._now + self._address_gap
        self._release(place, 0)
        self._admit(row)
        self._passed.sessions += 1
        if self._passed.sessions % _ROWS_PER_SWEEP == 0:
            self._sweep()
        following = next(self._rows, None)
        if following is not None:
            self._take_up(following)

    def _sweep(self) -> None:
        for places in (self._addresses, self._networks, self._groups):
            idle = [key for key, place in places.items() if not place.users and place.free_at <= self._now]
            for key in idle:
                del places[key]

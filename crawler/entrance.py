"""The entrance: where sessions with anybody begin, at one rate and with so much room."""

from collections import deque
from dataclasses import dataclass, field

import trio

_CATCH_UP_SECONDS = 0.1
"""How much of the whole's rate may be made good when the process was late; a network's is never."""


def gap_of(rate: float) -> float:
    """Return the seconds between two at a rate per second; 0 is without limit."""
    return 1 / rate if rate else 0.0


@dataclass(slots=True, eq=False)
class _Ticket:
    """Stands in the queue of the entrance."""

    called: trio.Event = field(default_factory=trio.Event)
    """Let in, or the first now."""
    is_admitted: bool = False


class Entrance:
    """Lets sessions begin at the rate of the whole, while there is room. First come, first served.

    Who is first lets in all that are due with it. If each handed on to the next, that would take rounds of
    the scheduler, and the rounds of a busy process are long: at 50 ms each it would begin ten sessions a
    second, whatever its rate.
    """

    def __init__(self, rate: float, room: int) -> None:
        """Let in so many a second (0: without limit), and so many at once."""
        self._gap = gap_of(rate)
        self._room = room
        self._free_at = 0.0
        self._queue: deque[_Ticket] = deque()
        self._left = trio.Event()
        self._running = trio.Event()
        self._running.set()

    @property
    def waiting(self) -> int:
        """Return how many wait to be let in."""
        return len(self._queue)

    def pause(self) -> None:
        """Let nobody in until `go_on`."""
        if self._running.is_set():
            self._running = trio.Event()

    def go_on(self) -> None:
        """Let sessions in again."""
        self._running.set()

    async def enter(self) -> None:
        """Wait to be let in; `leave` gives the place back."""
        ticket = _Ticket()
        self._queue.append(ticket)
        try:
            if self._queue[0] is not ticket:
                await ticket.called.wait()
            while not ticket.is_admitted:
                await self._until_due()
                self._admit()
        except BaseException:
            self._give_up(ticket)
            raise

    def leave(self) -> None:
        """Make room for another."""
        self._room += 1
        self._left.set()

    async def _until_due(self) -> None:
        while True:
            if not self._running.is_set():
                await self._running.wait()
            elif not self._room:
                self._left = trio.Event()
                await self._left.wait()
            elif self._free_at > trio.current_time():
                await trio.sleep_until(self._free_at)
            else:
                return

    def _admit(self) -> None:
        now = trio.current_time()
        while self._queue and self._room and self._free_at <= now:
            self._free_at = max(self._free_at, now - _CATCH_UP_SECONDS) + self._gap
            self._room -= 1
            ticket = self._queue.popleft()
            ticket.is_admitted = True
            ticket.called.set()
        self._call_first()

    def _give_up(self, ticket: _Ticket) -> None:
        if ticket.is_admitted:
            self.leave()
        else:
            self._queue.remove(ticket)
        self._call_first()

    def _call_first(self) -> None:
        if self._queue:
            self._queue[0].called.set()

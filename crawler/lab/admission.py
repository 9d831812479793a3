"""Servers that do not treat every connection alike: by how many came before, or how many came just now."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from crawler.lab.internet import MailServer
from crawler.lab.visits import Visits

_WINDOW_SECONDS = 1.0
_PUSH_BACK_SECONDS = 1.0


@dataclass(slots=True)
class _Load:
    """What an address remembers that pushes back."""

    recent: deque[float] = field(default_factory=deque)
    """When the connections of the last second came, while none was pushed back."""
    pushes_back_until: float = 0.0


class Admission:
    """Says what each new connection meets."""

    def __init__(self, clock: Callable[[], float], visits: Visits) -> None:
        """Go on from earlier visits; clock: seconds."""
        self._clock = clock
        self._visits = visits
        self._loads: defaultdict[str, _Load] = defaultdict(_Load)

    def admit(self, server: MailServer) -> MailServer:
        """Count a connection with a server, and return the server that it meets."""
        if server.first is not None and self._visits.is_first(server.address):
            return server.first
        limit = server.sessions_per_second
        if limit is not None and self._is_too_much(self._loads[server.address], limit):
            return replace(server, greeting="421")
        return server

    def _is_too_much(self, load: _Load, limit: int) -> bool:
        now = self._clock()
        if now < load.pushes_back_until:
            return True
        while load.recent and load.recent[0] <= now - _WINDOW_SECONDS:
            load.recent.popleft()
        if len(load.recent) < limit:
            load.recent.append(now)
            return False
        load.recent.clear()
        load.pushes_back_until = now + _PUSH_BACK_SECONDS
        return True

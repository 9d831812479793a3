"""How many files and sockets a process may have open: each session in flight is one."""

import contextlib
import math
import resource

from crawler.settings import Settings

_SPARE_FILES = 64
"""Standard streams, part files, libraries, the resolver's sockets, channels to the coordinator."""


def files_needed(settings: Settings) -> int:
    """Return how many open files a worker process may come to need."""
    return max(settings.sessions_in_flight, settings.domains_in_flight) + _SPARE_FILES


def file_limits() -> tuple[float, float]:
    """Return this process's soft and hard limit; infinity where there is none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _number(soft), _number(hard)


def _number(limit: int) -> float:
    return math.inf if limit == resource.RLIM_INFINITY else limit


def raise_file_limit() -> None:
    """Raise this process's soft limit to its hard limit, as every process may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems call the hard limit infinite and grant less: then the soft one stays.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

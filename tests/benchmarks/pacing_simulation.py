"""`make bench-scale`: how long the sessions of 100 million domains take at polite rates, simulated.

Of each variant of the settings it tells how long each limit alone makes them take. What is simulated besides
is how much longer they take together: with the order of work, the lanes and the queues of a survey.
"""

import argparse
import resource
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crawler.lab.launch import profile_path
from crawler.lab.profile import Profile, load_profile
from crawler.settings import Settings
from tests.benchmarks.endpoint_population import Assumptions, Endpoints, bounds_of, endpoints_of, lanes_of
from tests.benchmarks.measuring import say
from tests.benchmarks.paced_lane import PacedLane

_HOUR, _DAY = 3600.0, 86400.0
_DEFAULTS = Settings(hello_name="scan.example", workers=2)
_NO_CAPS = {"address_cap": 2**40, "provider_cap": 2**40}
_VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "the defaults": {},
    "without samples": {"sample_size": 0},
    "with samples, without caps": _NO_CAPS,
    "without samples and caps": {"sample_size": 0, **_NO_CAPS},
}


def main() -> None:
    """Simulate the defaults, and print what the variants take at least."""
    parser = argparse.ArgumentParser(prog="make bench-scale", description=__doc__)
    parser.add_argument("--domains", type=int, nargs="+", default=[1_000_000, 100_000_000])
    parser.add_argument("--profile", default="dotgov", help="of the lab: who hosts how much")
    parser.add_argument("--workers", type=int, default=_DEFAULTS.workers)
    given = parser.parse_args()
    profile = load_profile(profile_path(given.profile))
    settings = replace(_DEFAULTS, workers=given.workers)
    started = time.monotonic()
    for domains in given.domains:
        for name, changes in _VARIANTS.items():
            _tell(domains, profile, name, replace(settings, **changes), is_simulated=not changes)
    peak_octets = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    say(f"simulated in {time.monotonic() - started:.0f} s, peak memory {peak_octets / 1e6:.0f} MB")


def _tell(domains: int, profile: Profile, name: str, settings: Settings, *, is_simulated: bool) -> None:
    endpoints = endpoints_of(domains, profile, settings, Assumptions())
    again = endpoints.silent_ones(settings)
    say(
        f"{domains:,} domains, {name}: {endpoints.names:,} MX hosts, {endpoints.count:,} sessions, "
        f"{again.count:,} of them twice"
    )
    seconds = settings.retry_delay_seconds
    for stage, asked in (("probe", endpoints), ("retry", again)):
        bounds = bounds_of(asked, settings, settings.workers)
        binding = max(bounds, key=bounds.__getitem__)
        shown = ", ".join(f"{limit} {bound / _HOUR:.2f}" for limit, bound in bounds.items())
        say(f"  {stage}, hours at least: {shown}")
        took = simulated(asked, settings) if is_simulated else bounds[binding]
        if is_simulated:
            say(f"  {stage}, hours simulated: {took / _HOUR:.2f}; {took / bounds[binding]:.2f} x {binding}")
        seconds += took
    say(f"  both stages: {'' if is_simulated else 'at least '}{seconds / _DAY:.2f} days")


def simulated(endpoints: Endpoints, settings: Settings) -> float:
    """Return how long the sessions take, in seconds: as long as the slowest lane."""
    lanes = lanes_of(endpoints, settings, settings.workers)
    share = replace(settings, sessions_per_second=settings.sessions_per_second / len(lanes))
    return max(PacedLane(share, rows).run().seconds for rows in lanes)


if __name__ == "__main__":
    main()

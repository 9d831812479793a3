"""The vantage of a run: where in the network it was made, by what the run itself can see of that.

Neither the machine's name nor anything else of it is told, and nobody outside is asked for it: behind address
translation the addresses are those inside.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from crawler.probes.reach import family_of
from crawler.settings import Settings

_SOURCES = {4: "ipv4_sources", 6: "ipv6_sources"}
"""Addresses from which control hosts were asked, or would have been. Null: not known; empty: no route."""


def begun(settings: Settings, earlier: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the vantage of a run that begins, or goes on: `earlier` is what was known of it before."""
    known = earlier or dict.fromkeys(_SOURCES.values())
    return {**known, "hello_name": settings.hello_name, "resolver": settings.resolver}


def with_sources(vantage: Mapping[str, Any], sources: Iterable[str]) -> dict[str, Any]:
    """Return a vantage with more addresses that this machine sends from; a family without has no route."""
    seen = list(sources)
    known = {
        name: list(dict.fromkeys([*(vantage.get(name) or ()), *(s for s in seen if family_of(s) == family)]))
        for family, name in _SOURCES.items()
    }
    return {**vantage, **known}

"""The checks of the control hosts that run.json keeps, and what they say of the times between."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from crawler.storing.run_folder import RunFolder
from crawler.vantage import with_sources

_KEPT_CHECKS = 200


def remember(kept: list[dict[str, Any]], check: dict[str, Any]) -> None:
    """Add a check, keeping the first and the last of each row of checks with the same diagnosis.

    Of a network that never rests the newest changes are kept, and the very first check.
    """
    if len(kept) > 1 and kept[-1]["diagnosis"] == kept[-2]["diagnosis"] == check["diagnosis"]:
        kept.pop()
    kept.append(check)
    if len(kept) > _KEPT_CHECKS:
        del kept[1]


def record_checks(run: RunFolder, checks: Iterable[dict[str, Any]], totals: Mapping[str, int]) -> None:
    """Add checks to those in run.json, and how many were made and failed; without any, nothing is written.

    The vantage learns from them which addresses this machine sends from.
    """
    checks = list(checks)
    if not checks:
        return
    manifest = run.read_manifest()
    kept = recorded_checks(run)
    for check in checks:
        remember(kept, check)
    counted = Counter(manifest.get("control_totals", {})) + Counter(totals)
    made = {name: counted[name] for name in ("made", "failed")}
    facts: dict[str, Any] = {"control_checks": kept, "control_totals": made}
    sources = [source for check in checks for source in check.get("sources", ())]
    if sources:
        facts["vantage"] = with_sources(manifest.get("vantage", {}), sources)
    run.write_manifest(manifest | facts)


def recorded_checks(run: RunFolder) -> list[dict[str, Any]]:
    """Return the checks in run.json, in order of time."""
    checks: list[dict[str, Any]] = run.read_manifest().get("control_checks", [])
    return checks


def outages(checks: Sequence[Mapping[str, Any]]) -> list[tuple[datetime, datetime]]:
    """Return the times in which this machine's network may have been out.

    Each is from the last check that was well before one that was not, to the next that was well; as far as
    the checks go.
    """
    found = []
    last_well = begun = None
    for check in checks:
        checked_at = datetime.fromisoformat(check["checked_at"])
        if not check["is_well"]:
            begun = begun or last_well or checked_at
        else:
            if begun is not None:
                found.append((begun, checked_at))
            last_well, begun = checked_at, None
    if begun is not None:
        found.append((begun, datetime.fromisoformat(checks[-1]["checked_at"])))
    return found

"""A judging under way: what it judges by is written down, so that one that was broken off goes on."""

import json
from collections.abc import Mapping
from typing import Any

from crawler.stage import work_list
from crawler.storing.run_folder import RunFolder
from crawler.verdict_lists import ROUTE_LISTS, SESSION_LISTS

VERDICTS = ("session_verdicts", "domain_verdicts")
"""The tables that judging makes."""

_MARK = "judging.json"

Basis = Mapping[str, Any]
"""All that verdicts depend on, as JSON gives it back."""


def take_up(run: RunFolder, basis: Basis | None) -> None:
    """Keep what a judging by the same basis left behind, but for damaged files; remove all else.

    Without a basis nothing is kept, now or later.
    """
    if basis is None or _mark(run) != basis:
        forget_judging(run)
        for table in VERDICTS:
            run.remove_parts(table)
        for name in (*SESSION_LISTS, *ROUTE_LISTS):
            work_list(run, name).unlink(missing_ok=True)
        if basis is not None:
            run.write_work_text(_MARK, json.dumps(basis))
        return
    noted = run.digests.read()
    paths = [run.part_path(table, shard) for table in VERDICTS for shard in run.shards(table)]
    for path in (*paths, *(work_list(run, name) for name in (*SESSION_LISTS, *ROUTE_LISTS))):
        if path.is_file() and run.digests.is_damaged(path, noted):
            path.unlink()


def forget_judging(run: RunFolder) -> None:
    """Have the next judging begin anew, whatever it judges by."""
    run.work_path(_MARK).unlink(missing_ok=True)


def _mark(run: RunFolder) -> Any:
    try:
        return json.loads(run.work_path(_MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None

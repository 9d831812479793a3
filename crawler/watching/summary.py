"""What a finished run came to, for the end of the command: stages, control checks, headline, where it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Column, Table

from analysis import shares
from analysis.figures import read_csv
from analysis.section import HEADLINE
from crawler.control_checks import outages
from crawler.storing.run_folder import RunFolder
from crawler.watching.progress import counts_text, duration_text, rate_text

_COLUMNS = ("stage", "rows", "time", "rate", "failures")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a finished run came to."""

    stages: Sequence[tuple[str, ...]]
    """A row of texts for each stage, as `_COLUMNS` names them."""
    lines: Sequence[str]
    """What else there is to say."""


def summarize_run(run: RunFolder, *, has_figures: bool) -> RunSummary:
    """Return what a finished run came to, read from run.json and, if it has figures, from the headline."""
    manifest = run.read_manifest()
    headline = _headline(run) if has_figures else ()
    lines = [_control_line(manifest), *headline, *_places(run, manifest)]
    return RunSummary([_stage_row(name, stage) for name, stage in manifest["stages"].items()], lines)


def show_summary(summary: RunSummary, console: Console) -> None:
    """Print it: as a table on a terminal, elsewhere as lines that are never cut."""
    if console.is_terminal:
        console.print(_table(summary.stages))
    else:
        for line in _aligned([_COLUMNS, *summary.stages]):
            console.print(line, markup=False, highlight=False)
    for line in summary.lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _stage_row(name: str, stage: Mapping[str, Any]) -> tuple[str, ...]:
    if not stage["rows"]:
        return name, "0"
    seconds = stage["seconds"]
    rate = rate_text(stage["rows"] / seconds) if seconds else ""
    return name, f"{stage['rows']:,}", duration_text(seconds), rate, counts_text(stage["failures"])


def _control_line(manifest: Mapping[str, Any]) -> str:
    totals = manifest.get("control_totals")
    if totals is None:
        return "control hosts: none were asked"
    times = outages(manifest.get("control_checks", []))
    out = sum((ended - begun for begun, ended in times), timedelta()).total_seconds()
    checks = f"{totals['made']:,} check{'' if totals['made'] == 1 else 's'}"
    text = f"control hosts: {checks}, {totals['failed']:,} failed"
    return f"{text}, outages: {len(times)} ({duration_text(out)} in all)" if times else f"{text}, no outage"


def _headline(run: RunFolder) -> Iterable[str]:
    """Give the headline figure as a line, if it could be made."""
    path = run.path / "figures" / f"{HEADLINE}.csv"
    if not path.is_file():
        return
    row = next(row for row in read_csv(path) if row.stratum == "all")
    bounds = f" ({text})" if (text := shares.bounds_text(row)) else ""
    line = f"{shares.share_text(row)} of {row.denominator:,} domains{bounds}"
    yield f"STARTTLS (every reachable primary MX): {line}".replace(shares.NARROW_SPACE, " ")


def _places(run: RunFolder, manifest: Mapping[str, Any]) -> Iterable[str]:
    took = datetime.fromisoformat(manifest["finished_at"]) - datetime.fromisoformat(manifest["started_at"])
    yield (
        f"{manifest['run_id']}: {manifest['counts']['domains']:,} domains, begun {manifest['started_at']}, "
        f"finished {duration_text(took.total_seconds())} later"
    )
    digests = f"SHA-256 of {len(manifest['parts']):,} part files"
    yield f"manifest: {run.manifest_path} (versions, settings, counts, {digests})"


def _table(rows: Iterable[Sequence[str]]) -> RenderableType:
    columns = [
        Column("stage"),
        *(Column(name, justify="right") for name in _COLUMNS[1:-1]),
        Column("failures", ratio=1, no_wrap=True, overflow="ellipsis"),
    ]
    table = Table(*columns, box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    return table


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    for row in rows:
        first, *middle, last = [*row, *[""] * (len(widths) - len(row))]
        cells = [text.rjust(width) for text, width in zip(middle, widths[1:-1], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells, last]).rstrip()

"""The commands that make results of runs: report, compare, dataset."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from analysis.compare import compare_runs
from analysis.compare_page import render_comparison, summary
from analysis.figures import compute_figures
from analysis.headlines import headlines
from analysis.report import make_report
from crawler.commands.arguments import RunPath
from crawler.dataset.pseudonyms import read_key
from crawler.dataset.publishing import Options, check_publishable, publish
from crawler.mending import check_finished
from crawler.storing.object_store import place
from crawler.storing.run_folder import RunFolder
from crawler.terminal import complain, say


def report(
    run_path: RunPath,
    since: Annotated[
        Path | None,
        typer.Option(parser=place, metavar="OLD", help="An earlier run: the report says what changed since."),
    ] = None,
) -> None:
    """Bring the figures of a finished run and its report up to date; what did not change is kept."""
    for folder in map(RunFolder, (run_path, *([] if since is None else [since]))):
        check_finished(folder, folder.read_manifest())
    made = make_report(run_path, since)
    for line in headlines(made.rows):
        say(line)
    _end(made.violations, f"report: {made.path}")


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(parser=place, metavar="OLD NEW [MORE...]", help="Run folders, oldest first."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", parser=place, metavar="FOLDER", help="Folder for compare.html and its tables."),
    ],
) -> None:
    """Tell what changed between finished runs, and what only looks like it."""
    for folder in map(RunFolder, runs):
        check_finished(folder, folder.read_manifest())
    comparison = compare_runs(runs)
    path = render_comparison(comparison, out)
    for line in summary(comparison):
        say(line)
    _end(comparison.violations, f"comparison: {path}")


def _end(violations: Iterable[object], made: str) -> None:
    """Say which checks failed, and what was made; end with 1 if any did."""
    failed = [f"check failed: {violation}" for violation in violations]
    for line in failed:
        complain(line)
    say(made)
    if failed:
        raise typer.Exit(1)


def dataset(
    run_path: RunPath,
    out: Annotated[
        Path,
        typer.Option(
            "--out", parser=place, metavar="DATASET", help="Folder of the dataset; there must be nothing yet."
        ),
    ],
    redact: Annotated[
        bool, typer.Option("--redact", help="Take out what should not be public, such as people's names.")
    ] = False,
    key_file: Annotated[
        Path | None,
        typer.Option("--hash-domains", metavar="KEYFILE", help="Put keyed pseudonyms in the place of names."),
    ] = None,
) -> None:
    """Make the published form of a finished run: sorted Parquet, described, with figures and checksums."""
    folder = RunFolder(run_path)
    key = None if key_file is None else read_key(key_file)
    check_finished(folder, check_publishable(folder, out))
    with folder.lock():
        compute_figures(run_path)
        published = publish(folder, out, Options(redact=redact, key=key))
    say(f"{out}: {published.octets_per_domain:.0f} octets a domain without certificates")
    for rule, count in published.redactions.items():
        say(f"redacted {rule}: {count:,}")

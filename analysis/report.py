"""The report of a run: a page that needs nothing else, and the same as Markdown and LaTeX."""

import dataclasses
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from analysis.change import ChangeSince, read_change
from analysis.content import read_content
from analysis.figures import (
    SQL_FOLDER,
    FigureRow,
    Violation,
    compute_figures,
    read_run,
    run_checks,
    shared_tables,
)
from analysis.literature import LITERATURE, read_literature
from analysis.made import Made, data_digest, digest_of, file_digest
from analysis.pages import html_environment, html_prose, markdown_environment, markdown_prose, tex_environment
from analysis.violations import read_violations, write_violations
from analysis.whole_file import whole_file

FORMS = ("report.html", "report.md", "headline.tex")
"""What a report is made as, in the run folder."""
CHECKS = "checks.csv"
"""What the checks of a report found."""


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """A report that was made, or still stands."""

    path: Path
    """Of the page."""
    rows: Sequence[FigureRow]
    violations: Sequence[Violation]


def make_report(run_folder: Path, since: Path | None = None, literature: Path = LITERATURE) -> Report:
    """Bring figures, checks and all forms of the report up to date; what did not change is kept.

    `since` is an earlier run, to say what changed. The same run gives the same octets, however much was kept.
    Raises RunFolderError for a folder that is no finished run, ComparisonError for runs that do not go
    together.
    """
    with shared_tables(run_folder) as tables:
        rows = compute_figures(run_folder, tables)
        made = Made(run_folder)
        made_of = _sources(run_folder, rows, since, literature)
        change = cache(lambda: None if since is None else read_change(since, run_folder))
        if not all(made.is_kept(form, made_of) for form in FORMS):
            _render(run_folder, rows, literature, change())
        if made.is_kept(CHECKS, made_of):
            violations = read_violations(run_folder / CHECKS)
        else:
            found = change()
            violations = [*run_checks(run_folder, rows, tables), *(found.violations if found else ())]
            write_violations(run_folder / CHECKS, violations)
    for name in (*FORMS, CHECKS):
        made.note(name, made_of)
    made.save()
    return Report(run_folder / FORMS[0], rows, violations)


def render_report(
    run_folder: Path, rows: Sequence[FigureRow] | None = None, literature: Path = LITERATURE
) -> Path:
    """Write all forms of the report, each whole or not at all, and return the path of the page.

    Without rows, the figures are computed (and written) first. Raises RunFolderError for a run folder that is
    incomplete.
    """
    _render(run_folder, compute_figures(run_folder) if rows is None else rows, literature, None)
    return run_folder / FORMS[0]


def _render(
    run_folder: Path, rows: Sequence[FigureRow], literature: Path, change: ChangeSince | None
) -> None:
    content = read_content(read_run(run_folder), rows, read_literature(literature), change)
    environments = (
        (html_environment(), html_prose(content)),
        (markdown_environment(), markdown_prose(content)),
        (tex_environment(), markdown_prose(content)),
    )
    for form, (environment, prose) in zip(FORMS, environments, strict=True):
        text = environment.get_template(f"{form}.j2").render(content, prose=prose)
        with whole_file(run_folder / form) as file:
            file.write(text.rstrip() + "\n")


def _sources(run_folder: Path, rows: Sequence[FigureRow], since: Path | None, literature: Path) -> str:
    """Return the digest of all that report and checks are made of."""
    own = sorted(
        path for path in SQL_FOLDER.rglob("*") if path.suffix in (".py", ".sql", ".j2", ".css", ".js")
    )
    runs = [run_folder] if since is None else [run_folder, since]
    return digest_of(
        [[str(path.relative_to(SQL_FOLDER)), file_digest(path)] for path in own],
        file_digest(literature),
        [version(package) for package in ("duckdb", "jinja2", "markupsafe")],
        [[file_digest(run / "run.json"), data_digest(run, read_run(run))] for run in runs],
        [dataclasses.astuple(row) for row in rows],
    )

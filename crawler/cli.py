"""The command line. Exit status: 0 done, 2 bad usage or input, 3 stopped and resumable."""

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from analysis.figures import RunFolderError as AnalysisError
from analysis.figures import compute_figures, run_checks
from analysis.report import headlines, render_report
from crawler.check import check as check_domains
from crawler.check import to_json
from crawler.domain_list import DomainList, DomainListError, RejectedNameError, normalize, read_list
from crawler.engine import Interruption, StoppedError, interruptible, open_engine
from crawler.explain import explain
from crawler.lab.launch import LabEndpoints, LabError, start_lab
from crawler.lab.truth import Comparison, TruthError, compare
from crawler.progress import LiveProgress
from crawler.settings import Settings, SettingsError, load_settings, system_resolver
from crawler.storage import RunFolder, RunFolderError
from crawler.survey import STAGES, adopt_root_store, finish, observe, prepare, read_manifest
from crawler.verdicts.pkix import RootStoreError

USAGE, STOPPED = 2, 3
"""Exit statuses."""

_INPUT_ERRORS = (
    AnalysisError,
    DomainListError,
    LabError,
    RejectedNameError,
    RootStoreError,
    RunFolderError,
    SettingsError,
    TruthError,
)
_LAB_SETTINGS: dict[str, Any] = {
    "hello_name": "scanner.lab.test",
    "allowed_ranges": ["127.0.0.0/8", "::1/128"],
    "sessions_per_address": 8,
    "dns_timeout_seconds": 1.0,
    "dns_attempts": 2,
    "connect_timeout_seconds": 3.0,
    "greeting_timeout_seconds": 8.0,
    "reply_timeout_seconds": 5.0,
    "handshake_timeout_seconds": 5.0,
    "session_timeout_seconds": 20.0,
    "policy_timeout_seconds": 8.0,
}
"""What suits an internet on loopback: it is near, and its silent hosts stay silent."""
_LAB_PROVIDES = ("resolver", "smtp_port", "https_port", "root_store")
"""Settings that the lab makes up at each start; they are not part of what a run is."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
lab_app = typer.Typer(no_args_is_help=True, help="The lab: a loopback internet with known truth.")
app.add_typer(lab_app, name="lab")
_console = Console(soft_wrap=True)
_errors = Console(stderr=True, soft_wrap=True)


def main() -> None:
    """Run the command line; bad input ends in one line on standard error."""
    try:
        app()
    except _INPUT_ERRORS as error:
        _errors.print(f"starttls-survey: {error}", style="red", markup=False, highlight=False)
        sys.exit(USAGE)
    except StoppedError as stopped:
        _errors.print(
            f"starttls-survey: {stopped}; what is complete is kept, the same command goes on",
            markup=False,
            highlight=False,
        )
        sys.exit(STOPPED)


class Until(StrEnum):
    """The stages a run can end after."""

    RESOLVE = "resolve"
    HOSTS = "hosts"
    PROBE = "probe"
    JUDGE = "judge"
    REPORT = "report"


Profile = Annotated[str, typer.Option(help="The lab's profile: a name, or a TOML file.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="TOML file of settings.")]
ResolverAddress = Annotated[str | None, typer.Option("--resolver", help="Recursive resolver, address:port.")]
HelloName = Annotated[str | None, typer.Option("--hello-name", help="This scanner's own name, for EHLO.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]


@app.command()
def run(
    source: Annotated[str, typer.Argument(metavar="LIST", help="Domain list; - for standard input.")],
    out: Annotated[Path, typer.Option("--out", help="Run folder; the same command again goes on.")],
    settings_file: SettingsFile = None,
    resolver: ResolverAddress = None,
    hello_name: HelloName = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; 0: one per core.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Shuffles the work, and makes the lab's population.")
    ] = None,
    lab: Annotated[bool, typer.Option("--lab", help="Survey the lab, populated from the list.")] = False,
    profile: Profile = "dotgov",
    until: Annotated[Until, typer.Option(help="The stage to end after.")] = Until.REPORT,
) -> None:
    """Survey a domain list: resolve, probe, judge, report; with live progress."""
    if lab and resolver is not None:
        raise typer.BadParameter("the lab brings its own resolver", param_hint="--resolver")
    domain_list = read_list(source)
    given = {"resolver": resolver, "hello_name": hello_name, "workers": workers, "seed": seed}
    settings = load_settings(settings_file, given, defaults=_LAB_SETTINGS if lab else {})
    if not lab and not settings.resolver:
        settings = dataclasses.replace(settings, resolver=system_resolver())
    folder = RunFolder(out)
    internet = {"profile": profile, "seed": settings.seed} if lab else None
    prepare(folder, domain_list, settings, internet)
    _say_rejected(domain_list, out)
    with interruptible() as interruption, _internet(domain_list, settings, folder, internet) as reachable:
        adopt_root_store(folder, reachable.root_store)
        _survey(folder, reachable, until, interruption)
    if until is Until.REPORT:
        report(out)


def _say_rejected(domain_list: DomainList, out: Path) -> None:
    text = f"{domain_list.name}: {len(domain_list.domains):,} domains"
    if domain_list.rejected:
        text += f", {len(domain_list.rejected):,} lines rejected ({out / 'rejected.csv'})"
    _say(text)


def _say(text: str) -> None:
    _console.print(text, markup=False, highlight=False)


@contextlib.contextmanager
def _internet(
    domain_list: DomainList, settings: Settings, folder: RunFolder, lab: dict[str, Any] | None
) -> Iterator[Settings]:
    """Give the settings that reach the internet to be surveyed: the real one, or the lab, started for it."""
    if lab is None:
        yield settings
        return
    _say("lab: starting the loopback internet")
    with _lab(domain_list, lab["profile"], lab["seed"], folder.path / "lab") as endpoints:
        yield dataclasses.replace(settings, **_provided(endpoints))


def _lab(
    domain_list: DomainList, profile: str, seed: int, state: Path
) -> contextlib.AbstractContextManager[LabEndpoints]:
    names = [(listed.domain, listed.signed) for listed in domain_list.domains]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "starttls-survey"
    return start_lab(names, profile, seed, state, cache)


def _provided(endpoints: LabEndpoints) -> dict[str, Any]:
    return {name: getattr(endpoints, name) for name in _LAB_PROVIDES}


def _survey(folder: RunFolder, settings: Settings, until: Until, interruption: Interruption) -> None:
    workers = settings.workers or os.cpu_count() or 1
    names = [stage.name for stage in STAGES]
    wanted = STAGES[: names.index(until) + 1] if until in names else STAGES
    with LiveProgress(_console) as progress:
        with open_engine(workers, progress, interruption) as engine:
            observe(folder, settings, engine, wanted)
        if until not in names:
            finish(folder, progress, interruption)


@app.command()
def judge(
    run_path: RunPath,
    root_store: Annotated[
        Path | None, typer.Option(help="Other trust anchors, PEM; kept in the run.")
    ] = None,
) -> None:
    """Judge a run again, without the network."""
    folder = RunFolder(run_path)
    if root_store is not None:
        adopt_root_store(folder, str(root_store))
    with interruptible() as interruption, LiveProgress(_console) as progress:
        finish(folder, progress, interruption)


@app.command()
def report(run_path: RunPath) -> None:
    """Compute the figures of a finished run and write its report."""
    rows = compute_figures(run_path)
    path = render_report(run_path, rows)
    violations = run_checks(run_path)
    for line in headlines(rows):
        _say(line)
    for violation in violations:
        _errors.print(f"check failed: {violation}", style="red", markup=False, highlight=False)
    _say(f"report: {path}")
    if violations:
        raise typer.Exit(1)


@app.command()
def check(
    domains: Annotated[list[str], typer.Argument(metavar="DOMAIN...")],
    settings_file: SettingsFile = None,
    resolver: ResolverAddress = None,
    hello_name: HelloName = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line and domain.")] = False,
) -> None:
    """Survey a few domains at once and explain, host by host, what was found."""
    settings = load_settings(settings_file, {"resolver": resolver, "hello_name": hello_name})
    if not settings.resolver:
        settings = dataclasses.replace(settings, resolver=system_resolver())
    names = [_domain_argument(text) for text in domains]
    for checked in check_domains(list(dict.fromkeys(names)), settings):
        if as_json:
            sys.stdout.write(to_json(checked) + "\n")
        else:
            _console.print(explain(checked), soft_wrap=False)


def _domain_argument(text: str) -> str:
    try:
        return normalize(text)
    except RejectedNameError as rejected:
        raise typer.BadParameter(f"{text!r}: {rejected.reason.meaning}") from None


@lab_app.command("serve")
def lab_serve(
    source: Annotated[str, typer.Argument(metavar="LIST", help="Domain list that populates the lab.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for settings, root store and truth.")],
    seed: Annotated[int, typer.Option(help="Makes the population.")] = 1,
    profile: Profile = "dotgov",
) -> None:
    """Run the lab until Ctrl-C; other commands reach it with --settings OUT/settings.toml."""
    domain_list = read_list(source)
    with interruptible() as interruption, _lab(domain_list, profile, seed, out) as endpoints:
        settings_file = out / "settings.toml"
        values = _LAB_SETTINGS | _provided(endpoints)
        # A string, a number and a list of strings are written alike in JSON and in TOML.
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
        settings_file.write_text("".join(lines), encoding="utf-8")
        _say(f"lab: ready; other commands reach it with --settings {settings_file}")
        interruption.wait()


@lab_app.command("truth")
def lab_truth(
    run_path: RunPath,
    columns: Annotated[bool, typer.Option("--columns", help="Name every column, agreeing or not.")] = False,
) -> None:
    """Compare a run with the truth of the lab it surveyed, column by column."""
    read_manifest(RunFolder(run_path))
    comparison = compare(run_path, run_path / "lab" / "truth")
    for line in _comparison_lines(comparison, columns):
        _say(line)
    if comparison.disagreements:
        raise typer.Exit(1)


def _comparison_lines(comparison: Comparison, every_column: bool) -> Iterator[str]:
    for rows in comparison.rows:
        yield f"{rows.table}: {rows.found:,} rows, {rows.missing} missing, {rows.extra} extra"
        yield from (f"    missing {row.key}" for row in rows.missing_examples)
        yield from (f"    extra {row.key}" for row in rows.extra_examples)
        for column in comparison.columns:
            differing = column.compared - column.agreed
            if column.table == rows.table and (differing or every_column):
                yield f"  {column.column}: {column.compared:,} compared, {differing:,} disagree"
                yield from (
                    f"    {row.key}: {row.expected!r}, found {row.found!r}" for row in column.examples
                )
    compared = sum(column.compared for column in comparison.columns)
    yield (
        f"{comparison.disagreements:,} disagreements "
        f"({compared:,} values in {len(comparison.columns)} columns of {len(comparison.rows)} tables)"
    )

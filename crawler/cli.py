"""The command line. Exit status: 0 done, 1 a check failed, 2 bad usage or input, 3 stopped and resumable."""

import contextlib
import dataclasses
import errno
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from analysis.compare import compare_runs
from analysis.compare_page import render_comparison, summary
from analysis.compare_result import ComparisonError
from analysis.figures import RunFolderError as AnalysisError
from analysis.figures import compute_figures, run_checks
from analysis.report import headlines, render_report
from crawler.check import check as check_domains
from crawler.check import to_json
from crawler.control_watch import ControlWatch
from crawler.dataset.pseudonyms import KeyFileError, read_key
from crawler.dataset.publishing import DatasetError, Options, check_publishable, publish
from crawler.doctor.examination import diagnose
from crawler.doctor.rendering import render
from crawler.doctor.subject import BOGUS_NAME, SECURE_NAME, ReferenceNames, State
from crawler.domain_list import DomainList, DomainListError, read_list
from crawler.domain_name import RejectedNameError, normalize
from crawler.engine import Interruption, StoppedError, interruptible, open_engine
from crawler.explain import explain
from crawler.lab.comparison import TruthError
from crawler.lab.launch import LabError
from crawler.lab_commands import LAB_SETTINGS, Profile, lab_app, lab_identity, open_lab, provided
from crawler.mending import check_finished
from crawler.opt_out import OptOut
from crawler.progress import LiveProgress
from crawler.settings import Settings, SettingsError, load_settings, system_resolver
from crawler.status import read_status, status_lines
from crawler.status import to_json as status_json
from crawler.storage import RunFolder, RunFolderError
from crawler.survey import STAGES, adopt_root_store, finish, observe, prepare, record_start
from crawler.terminal import RunPath, complain, console, say
from crawler.verdicts.pkix import RootStore, RootStoreError

USAGE, STOPPED = 2, 3
"""Exit statuses."""

_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""
_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]
"""ISO 8601, as --at takes it."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_INPUT_ERRORS = (
    AnalysisError,
    ComparisonError,
    DatasetError,
    DomainListError,
    KeyFileError,
    LabError,
    RejectedNameError,
    RootStoreError,
    RunFolderError,
    SettingsError,
    TruthError,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(lab_app, name="lab")


def main() -> None:
    """Run the command line; bad input ends in one line on standard error."""
    try:
        status = app(standalone_mode=False)
    except TyperException as error:
        complain(f"starttls-survey: {error.format_message()} (--help says more)")
        status = USAGE
    except _INPUT_ERRORS as error:
        complain(f"starttls-survey: {error}")
        status = USAGE
    except OSError as error:
        status = STOPPED if error.errno in _NO_SPACE else USAGE
        complain(f"starttls-survey: {error.filename or 'system'}: {error.strerror or error}")
    except StoppedError as stopped:
        complain(f"starttls-survey: {stopped}; what is complete is kept, the same command goes on")
        status = STOPPED
    if status == _INTERRUPTED:
        complain("starttls-survey: interrupted")
        status = STOPPED
    sys.exit(status)


class Until(StrEnum):
    """The stages a run can end after."""

    RESOLVE = "resolve"
    HOSTS = "hosts"
    PROBE = "probe"
    REMAINDER = "remainder"
    RETRY = "retry"
    SETTLE = "settle"
    JUDGE = "judge"
    REPORT = "report"


SettingsFile = Annotated[Path | None, typer.Option("--settings", help="TOML file of settings.")]
ResolverAddress = Annotated[str | None, typer.Option("--resolver", help="Recursive resolver, address:port.")]
HelloName = Annotated[str | None, typer.Option("--hello-name", help="This scanner's own name, for EHLO.")]


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
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Ask every name; leave none to a sample.")
    ] = False,
    until: Annotated[Until, typer.Option(help="The stage to end after.")] = Until.REPORT,
) -> None:
    """Survey a domain list: resolve, probe, judge, report; with live progress."""
    if lab and resolver is not None:
        raise typer.BadParameter("the lab brings its own resolver", param_hint="--resolver")
    domain_list = read_list(source)
    given = {
        "resolver": resolver,
        "hello_name": hello_name,
        "workers": workers,
        "seed": seed,
        "sample_size": 0 if exhaustive else None,
    }
    settings = load_settings(settings_file, given, defaults=LAB_SETTINGS if lab else {})
    if not lab and not settings.resolver:
        settings = dataclasses.replace(settings, resolver=system_resolver())
    folder = RunFolder(out)
    internet = lab_identity(profile, settings.seed) if lab else None
    OptOut.load(settings.opt_out)  # before anything is written, as whatever else can be wrong
    if internet is None:
        RootStore.load(settings.root_store)  # before hours of asking, not after
    prepare(folder, domain_list, settings, internet)
    _say_rejected(domain_list, out)
    with (
        folder.lock(),
        interruptible() as interruption,
        _internet(domain_list, settings, folder, internet) as reachable,
    ):
        record_start(folder, reachable)
        _survey(folder, reachable, until, interruption)
    if until is Until.REPORT:
        report(out)


def _say_rejected(domain_list: DomainList, out: Path) -> None:
    text = f"{domain_list.name}: {len(domain_list.domains):,} domains"
    if domain_list.rejected:
        text += f", {len(domain_list.rejected):,} lines rejected ({out / 'rejected.csv'})"
    say(text)


@contextlib.contextmanager
def _internet(
    domain_list: DomainList, settings: Settings, folder: RunFolder, lab: dict[str, Any] | None
) -> Iterator[Settings]:
    """Give the settings that reach the internet to be surveyed: the real one, or the lab, started for it."""
    if lab is None:
        yield settings
        return
    say("lab: starting the loopback internet")
    with open_lab(domain_list, lab["profile"], lab["seed"], folder.path / "lab") as endpoints:
        yield dataclasses.replace(settings, **provided(endpoints))


def _survey(folder: RunFolder, settings: Settings, until: Until, interruption: Interruption) -> None:
    workers = settings.workers or os.cpu_count() or 1
    names = [stage.name for stage in STAGES]
    wanted = STAGES[: names.index(until) + 1] if until in names else STAGES
    with LiveProgress(console) as progress:
        with (
            ControlWatch(folder, settings, progress, interruption) as watch,
            open_engine(workers, progress, interruption) as engine,
        ):
            observe(folder, settings, engine, wanted, watch)
        if until not in names:
            finish(folder, progress, interruption, workers=workers)


@app.command()
def judge(
    run_path: RunPath,
    root_store: Annotated[
        Path | None, typer.Option(help="Other trust anchors, PEM; kept in the run.")
    ] = None,
    date: Annotated[
        datetime | None,
        typer.Option(
            "--at", formats=_DATES, help="Judge validity at this time, UTC, not when it was observed."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes; 0: one per core.")] = 0,
) -> None:
    """Judge a run again, without the network."""
    at = date.replace(tzinfo=UTC) if date else None
    folder = RunFolder(run_path)
    with folder.lock(), interruptible() as interruption, LiveProgress(console) as progress:
        if root_store is not None:
            adopt_root_store(folder, str(root_store))
        finish(folder, progress, interruption, at=at, workers=workers or os.cpu_count() or 1)
    say(f"judged; figures and report are made again by: starttls-survey report {run_path}")


@app.command()
def status(
    run_path: RunPath,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Tell how a run stands: what is done, running and left, and how fast; also beside a run at work."""
    found = read_status(RunFolder(run_path))
    if as_json:
        sys.stdout.write(json.dumps(status_json(found)) + "\n")
        return
    for line in status_lines(found):
        say(line)


@app.command()
def report(run_path: RunPath) -> None:
    """Compute the figures of a finished run and write its report."""
    folder = RunFolder(run_path)
    check_finished(folder, folder.read_manifest())
    rows = compute_figures(run_path)
    path = render_report(run_path, rows)
    violations = run_checks(run_path, rows)
    for line in headlines(rows):
        say(line)
    for violation in violations:
        complain(f"check failed: {violation}")
    say(f"report: {path}")
    if violations:
        raise typer.Exit(1)


@app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="OLD NEW [MORE...]", help="Run folders, oldest first.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for compare.html and its tables.")],
) -> None:
    """Tell what changed between finished runs, and what only looks like it."""
    comparison = compare_runs(runs)
    path = render_comparison(comparison, out)
    for line in summary(comparison):
        say(line)
    for violation in comparison.violations:
        complain(f"check failed: {violation}")
    say(f"comparison: {path}")
    if comparison.violations:
        raise typer.Exit(1)


@app.command()
def dataset(
    run_path: RunPath,
    out: Annotated[Path, typer.Option("--out", help="Folder of the dataset; there must be nothing yet.")],
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
            console.print(explain(checked), soft_wrap=False)


def _domain_argument(text: str) -> str:
    try:
        return normalize(text)
    except RejectedNameError as rejected:
        raise typer.BadParameter(f"{text!r}: {rejected.reason.meaning}") from None


@app.command()
def doctor(
    settings_file: SettingsFile = None,
    resolver: ResolverAddress = None,
    hello_name: HelloName = None,
    secure_name: Annotated[str, typer.Option(help="A signed name: must come back secure.")] = SECURE_NAME,
    bogus_name: Annotated[str, typer.Option(help="A broken name: must be refused.")] = BOGUS_NAME,
    large_name: Annotated[str | None, typer.Option(help="A name with over 1,232 octets of TXT.")] = None,
) -> None:
    """Tell whether this machine can survey, and what to do where it cannot.

    Its resolver, port 25, IPv6, its name and address, the contact page, its limit of open files, its clock.
    """
    settings = load_settings(settings_file, {"resolver": resolver, "hello_name": hello_name})
    findings = diagnose(settings, ReferenceNames(secure_name, bogus_name, large_name))
    for line in render(findings):
        console.print(line)
    if any(finding.state is State.FAILED for finding in findings):
        raise typer.Exit(1)

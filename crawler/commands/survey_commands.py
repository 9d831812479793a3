"""The commands that make a run, and tell how it stands: run, judge, status."""

import contextlib
import dataclasses
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from crawler.commands.arguments import HelloName, ResolverAddress, RunPath, SettingsFile
from crawler.commands.ending import resumable
from crawler.commands.lab_commands import LAB_SETTINGS, Profile, lab_identity, open_lab, provided
from crawler.commands.onlookers import Onlookers, open_onlookers
from crawler.commands.result_commands import report
from crawler.control_watch import ControlWatch
from crawler.domain_list import read_list
from crawler.engine import Engine, Interruption, interruptible, open_engine
from crawler.listed import DomainList
from crawler.opt_out import OptOut
from crawler.preparing import prepare
from crawler.settings import Settings, SettingsError, load_settings, system_resolver
from crawler.status import read_status, status_lines
from crawler.status import to_json as status_json
from crawler.storing.object_store import place
from crawler.storing.run_folder import RunFolder
from crawler.survey import STAGES, adopt_root_store, finish, observe, record_start
from crawler.terminal import console, say
from crawler.verdicts.pkix import RootStore
from crawler.watching.feedback import Feedback
from crawler.watching.progress import LiveProgress
from crawler.watching.run_now import RunNow
from crawler.watching.summary import show_summary, summarize_run
from crawler.watching.watched import Watched

_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]
"""ISO 8601, as --at takes it."""


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


def run(
    source: Annotated[str, typer.Argument(metavar="LIST", help="Domain list; - for standard input.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            parser=place,
            metavar="RUN",
            help="Run folder, or s3://BUCKET/FOLDER; the same command again goes on.",
        ),
    ],
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
    scheduler: Annotated[
        str | None, typer.Option(help="Dask scheduler, tcp://HOST:PORT, whose workers do the work.")
    ] = None,
    until: Annotated[Until, typer.Option(help="The stage to end after.")] = Until.REPORT,
    log_json: Annotated[
        Path | None,
        typer.Option("--log-json", metavar="FILE", help="Append a JSON object a line for events."),
    ] = None,
    metrics: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="Serve Prometheus metrics on 127.0.0.1; port 0: any."
        ),
    ] = None,
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
    folder = RunFolder(out if scheduler is None else out.absolute())  # workers have a folder of their own
    internet = lab_identity(profile, settings.seed) if lab else None
    OptOut.load(settings.opt_out)  # before anything is written, as whatever else can be wrong
    if internet is None:
        RootStore.load(settings.root_store)  # before hours of asking, not after
    with open_onlookers(folder, log_json, metrics) as onlookers:
        prepare(folder, domain_list, settings, internet)
        _say_rejected(domain_list, out)
        with (
            resumable(),
            folder.lock(),
            interruptible() as interruption,
            _internet(domain_list, settings, folder, internet) as reachable,
        ):
            recorded = record_start(folder, reachable)
            _survey(folder, recorded, until, interruption, scheduler, onlookers)
        if until in (Until.JUDGE, Until.REPORT):
            with resumable():
                _sum_up(folder, has_report=until is Until.REPORT)


def _say_rejected(domain_list: DomainList, out: Path) -> None:
    text = f"{domain_list.name}: {len(domain_list.domains):,} domains"
    if domain_list.rejected:
        text += f", {len(domain_list.rejected):,} lines rejected ({out / 'rejected.csv'})"
    say(text)


def _workers(settings: Settings) -> int:
    return settings.workers or os.cpu_count() or 1


def _sum_up(folder: RunFolder, *, has_report: bool) -> None:
    """Say what a finished run came to, also if the checks of its report fail."""
    try:
        if has_report:
            report(folder.path)
    finally:
        show_summary(summarize_run(folder, has_figures=has_report), console)


@contextlib.contextmanager
def _internet(
    domain_list: DomainList, settings: Settings, folder: RunFolder, lab: dict[str, Any] | None
) -> Iterator[Settings]:
    """Give the settings that reach the internet to be surveyed: the real one, or the lab, started for it."""
    if lab is None:
        yield settings
        return
    say("lab: starting the loopback internet")
    with (
        folder.local_folder(folder.path / "lab") as state,
        open_lab(domain_list, lab["profile"], lab["seed"], state) as endpoints,
    ):
        yield dataclasses.replace(settings, **provided(endpoints))


def _survey(
    folder: RunFolder,
    settings: Settings,
    until: Until,
    interruption: Interruption,
    scheduler: str | None,
    onlookers: Onlookers,
) -> None:
    workers = _workers(settings)
    names = [stage.name for stage in STAGES]
    wanted = STAGES[: names.index(until) + 1] if until in names else STAGES
    with LiveProgress(console) as live, contextlib.ExitStack() as kept:
        progress, cluster = Watched([live, RunNow(folder), *onlookers.watchers]), None
        if scheduler is not None:
            cluster = kept.enter_context(_cluster(scheduler, folder, settings, progress, interruption))
        onlookers.begin(until, workers if cluster is None else cluster.workers())
        with (
            ControlWatch(folder, settings, progress, interruption) as watch,
            contextlib.nullcontext(cluster)
            if cluster
            else open_engine(workers, progress, interruption) as engine,
        ):
            observe(folder, settings, engine, wanted, watch)
        if until not in names:
            executor = None if cluster is None else cluster.executor
            finish(folder, progress, interruption, workers=workers, executor=executor)


@contextlib.contextmanager
def _cluster(
    scheduler: str, folder: RunFolder, settings: Settings, feedback: Feedback, interruption: Interruption
) -> Iterator[Engine]:
    if importlib.util.find_spec("distributed") is None:
        raise SettingsError("--scheduler: needs Dask: pip install -e '.[cluster]' in the checkout")
    from crawler.cluster.executor import open_cluster  # an extra, and half a second to import

    with open_cluster(scheduler, folder, settings, feedback, interruption) as engine:
        yield engine


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
    with (
        resumable(),
        folder.lock(),
        interruptible() as interruption,
        LiveProgress(console) as live,
    ):
        if root_store is not None:
            adopt_root_store(folder, str(root_store))
        finish(folder, Watched([live]), interruption, at=at, workers=workers or os.cpu_count() or 1)
    say(f"judged; figures and report are made again by: starttls-survey report {run_path}")


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

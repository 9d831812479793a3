"""The lab on the command line: started for a survey or by itself, and its truth held against a run."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from crawler.commands.arguments import RunPath
from crawler.domain_list import read_list
from crawler.engine import interruptible
from crawler.lab.comparison import Comparison, TruthError, compare
from crawler.lab.launch import LabEndpoints, LabError, profile_path, start_lab
from crawler.listed import DomainList
from crawler.preparing import read_manifest
from crawler.storing.run_folder import RunFolder
from crawler.terminal import say

LAB_SETTINGS: dict[str, Any] = {
    "hello_name": "scanner.lab.test",
    "allowed_ranges": ["127.0.0.0/8", "::1/128"],
    "sessions_per_address": 8,
    "dns_timeout_seconds": 1.0,
    "dns_attempts": 2,
    "connect_timeout_seconds": 3.0,
    "greeting_timeout_seconds": 3.0,
    "reply_timeout_seconds": 5.0,
    "handshake_timeout_seconds": 5.0,
    "session_timeout_seconds": 20.0,
    "patient_timeout_seconds": 12.0,
    "patient_session_timeout_seconds": 25.0,
    "policy_timeout_seconds": 8.0,
    "address_gap_seconds": 0.0,
    "sessions_per_second_per_network": 0.0,
    "sessions_per_second_per_provider": 0.0,
    "sessions_per_second": 0.0,
    "address_cap": 1_000_000,
    "provider_cap": 1_000_000,
    "back_off_seconds": 0.5,
    "retry_delay_seconds": 1.0,
    "control_interval_seconds": 10.0,
}
"""What suits an internet on loopback: it is near, its silent hosts stay silent, and nobody is disturbed."""
LAB_ERRORS = (LabError, TruthError)
"""What bad input to the lab raises."""
LAB_PROVIDES = ("resolver", "smtp_port", "https_port", "root_store", "control_hosts")
"""Settings that the lab makes up at each start; they are not part of what a run is."""


Profile = Annotated[str, typer.Option(help="The lab's profile: a name, or a TOML file.")]

lab = typer.Typer(no_args_is_help=True, help="The lab: a loopback internet with known truth.")


def lab_identity(profile: str, seed: int) -> dict[str, Any]:
    """Return what makes a lab this lab and no other. Raises LabError for a profile that is not there."""
    content = profile_path(profile).read_bytes()
    return {"profile": profile, "profile_sha256": hashlib.sha256(content).hexdigest(), "seed": seed}


def open_lab(
    domain_list: DomainList, profile: str, seed: int, state: Path
) -> contextlib.AbstractContextManager[LabEndpoints]:
    """Start the lab, populated from a list, for the time of the context. Raises LabError."""
    names = ((listed.domain, listed.signed) for listed in domain_list.domains)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "starttls-survey"
    return start_lab(names, profile, seed, state, cache)


def provided(endpoints: LabEndpoints) -> dict[str, Any]:
    """Return the settings that reach a lab."""
    return {name: getattr(endpoints, name) for name in LAB_PROVIDES}


@lab.command("serve")
def lab_serve(
    source: Annotated[str, typer.Argument(metavar="LIST", help="Domain list that populates the lab.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for settings, root store and truth.")],
    seed: Annotated[int, typer.Option(help="Makes the population.")] = 1,
    profile: Profile = "dotgov",
) -> None:
    """Run the lab until Ctrl-C; other commands reach it with --settings OUT/settings.toml."""
    domain_list = read_list(source)
    with interruptible() as interruption, open_lab(domain_list, profile, seed, out) as endpoints:
        settings_file = out / "settings.toml"
        values = LAB_SETTINGS | provided(endpoints)
        # A string, a number and a list of strings are written alike in JSON and in TOML.
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
        settings_file.write_text("".join(lines), encoding="utf-8")
        say(f"lab: ready; other commands reach it with --settings {settings_file}")
        interruption.wait()


@lab.command("truth")
def lab_truth(
    run_path: RunPath,
    columns: Annotated[bool, typer.Option("--columns", help="Name every column, agreeing or not.")] = False,
    truth: Annotated[Path | None, typer.Option(help="Folder `truth` of a lab that ran by itself.")] = None,
) -> None:
    """Compare a run with the truth of the lab it surveyed, column by column."""
    manifest = read_manifest(RunFolder(run_path))
    if manifest["finished_at"] is None:
        raise TruthError(f"{run_path}: the run is not finished")
    if truth is None and manifest["lab"] is None:
        raise TruthError(f"{run_path}: not a run of a lab that it started; --truth names another's truth")
    comparison = compare(run_path, truth or run_path / "lab" / "truth")
    for line in _comparison_lines(comparison, columns):
        say(line)
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
    if comparison.sampled:
        yield f"{comparison.sampled:,} endpoints left to a sample: their verdicts were compared, not sessions"
    odd = comparison.odd
    if odd.missed:
        counted = "so not counted" if odd.is_within_bound else "so counted"
        yield (
            f"{odd.missed:,} hosts odd on purpose, not in the sample: "
            f"at most {odd.bound:,.1f} may be missed, {counted}"
        )
    compared = sum(column.compared for column in comparison.columns)
    yield (
        f"{comparison.disagreements:,} disagreements "
        f"({compared:,} values in {len(comparison.columns)} columns of {len(comparison.rows)} tables)"
    )

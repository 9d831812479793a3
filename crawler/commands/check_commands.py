"""The commands that ask the network at once, without a run: check, doctor."""

import dataclasses
import sys
from typing import Annotated

import typer

from crawler.check import check as check_domains
from crawler.check import to_json
from crawler.commands.arguments import HelloName, ResolverAddress, SettingsFile
from crawler.doctor.examination import diagnose
from crawler.doctor.rendering import render
from crawler.doctor.subject import BOGUS_NAME, SECURE_NAME, ReferenceNames, State
from crawler.domain_name import RejectedNameError, normalize
from crawler.explain import explain
from crawler.settings import load_settings, system_resolver
from crawler.terminal import console


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

"""What the commands share: how they speak, and arguments that several take."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from crawler.object_store import place

console = Console(soft_wrap=True)
_errors = Console(stderr=True, soft_wrap=True)

RunPath = Annotated[
    Path, typer.Argument(parser=place, metavar="RUN", help="Run folder, or s3://BUCKET/FOLDER.")
]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="TOML file of settings.")]
ResolverAddress = Annotated[str | None, typer.Option("--resolver", help="Recursive resolver, address:port.")]
HelloName = Annotated[str | None, typer.Option("--hello-name", help="This scanner's own name, for EHLO.")]


def say(text: str) -> None:
    """Print a line."""
    console.print(text, markup=False, highlight=False)


def complain(text: str) -> None:
    """Print a line on standard error."""
    _errors.print(text, style="red", markup=False, highlight=False)

"""What the commands share: how they speak, and arguments that several take."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console(soft_wrap=True)
_errors = Console(stderr=True, soft_wrap=True)

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]


def say(text: str) -> None:
    """Print a line."""
    console.print(text, markup=False, highlight=False)


def complain(text: str) -> None:
    """Print a line on standard error."""
    _errors.print(text, style="red", markup=False, highlight=False)

"""How the program speaks to people: lines on standard output, and on standard error."""

from rich.console import Console

console = Console(soft_wrap=True)
_errors = Console(stderr=True, soft_wrap=True)


def say(text: str) -> None:
    """Print a line."""
    console.print(text, markup=False, highlight=False)


def complain(text: str) -> None:
    """Print a line on standard error."""
    _errors.print(text, style="red", markup=False, highlight=False)

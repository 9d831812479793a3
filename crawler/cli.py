"""The command line. Exit status: 0 done, 1 a check failed, 2 bad usage or input, 3 stopped and resumable."""

import importlib
import sys
from collections.abc import Callable, Sequence

import typer

from crawler.commands.statuses import STOPPED, USAGE

__all__ = ("COMMANDS", "STOPPED", "USAGE", "load", "main")

COMMANDS = {
    "run": ("survey_commands", "Survey a domain list: resolve, probe, judge, report; with live progress."),
    "judge": ("survey_commands", "Judge a run again, without the network."),
    "status": (
        "survey_commands",
        "Tell how a run stands: what is done, running and left, and how fast; also beside a run at work.",
    ),
    "report": (
        "result_commands",
        "Bring the figures of a finished run and its report up to date; what did not change is kept.",
    ),
    "compare": ("result_commands", "Tell what changed between finished runs, and what only looks like it."),
    "dataset": (
        "result_commands",
        "Make the published form of a finished run: sorted Parquet, described, with figures and checksums.",
    ),
    "check": ("check_commands", "Survey a few domains at once and explain, host by host, what was found."),
    "doctor": ("check_commands", "Tell whether this machine can survey, and what to do where it cannot."),
    "lab": ("lab_commands", "The lab: a loopback internet with known truth."),
}
"""Where each command is, and its line in the list of all. Only the one that is called is imported: together
they take most of a second."""

_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""


def main() -> None:
    """Run the command line; bad input ends in one line on standard error."""
    try:
        exit_status = _app(sys.argv[1:])(standalone_mode=False)
    except Exception as error:
        exit_status = _complain_of(error)
    if exit_status == _INTERRUPTED:
        exit_status = _complain_of(KeyboardInterrupt())
    sys.exit(exit_status)


def _app(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line, with the command that the arguments call, and the others' names."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, (_, meaning) in COMMANDS.items():
        command = load(name) if name == called else _nothing
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name, help=None if name == called else meaning)(command)
    return app


def load(name: str) -> Callable[..., None] | typer.Typer:
    """Import a command: its function, or where it has commands of its own these."""
    module = importlib.import_module(f"crawler.commands.{COMMANDS[name][0]}")
    command: Callable[..., None] | typer.Typer = getattr(module, name)
    return command


def _nothing() -> None:
    """Stand for a command that is not called."""


def _complain_of(error: BaseException) -> int:
    """Say why the command ends, and return its exit status. Raises what is no ending but a fault."""
    from crawler.commands.ending import ending_of  # knows the errors of all commands
    from crawler.terminal import complain

    ending = ending_of(error)
    if ending.message is None:
        raise error
    complain(f"starttls-survey: {ending.message}")
    return ending.status

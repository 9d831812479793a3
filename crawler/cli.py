"""The command line. Exit status: 0 done, 1 a check failed, 2 bad usage or input, 3 stopped and resumable."""

import sys

import typer

from crawler.commands.check_commands import check, doctor
from crawler.commands.ending import STOPPED, USAGE, ending_of
from crawler.commands.lab_commands import lab_app
from crawler.commands.result_commands import compare, dataset, report
from crawler.commands.survey_commands import judge, run, status
from crawler.terminal import complain

__all__ = ("STOPPED", "USAGE", "app", "main")

_INTERRUPTED = 130
"""What typer makes of Ctrl-C."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (run, judge, status, report, compare, dataset, check, doctor):
    app.command()(command)
app.add_typer(lab_app, name="lab")


def main() -> None:
    """Run the command line; bad input ends in one line on standard error."""
    try:
        exit_status = app(standalone_mode=False)
    except Exception as error:
        exit_status = _complain_of(error)
    if exit_status == _INTERRUPTED:
        exit_status = _complain_of(KeyboardInterrupt())
    sys.exit(exit_status)


def _complain_of(error: BaseException) -> int:
    """Say why the command ends, and return its exit status. Raises what is no ending but a fault."""
    ending = ending_of(error)
    if ending.message is None:
        raise error
    complain(f"starttls-survey: {ending.message}")
    return ending.status

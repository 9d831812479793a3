"""How a command ends: the exit status of an error, and the line for who called."""

import errno
from typing import NamedTuple

import typer
from typer.exceptions import TyperException

from analysis.compare_result import ComparisonError
from analysis.figures import RunFolderError as AnalysisError
from crawler.commands.lab_commands import LAB_ERRORS
from crawler.dataset.pseudonyms import KeyFileError
from crawler.dataset.publishing import DatasetError
from crawler.domain_list import DomainListError
from crawler.domain_name import RejectedNameError
from crawler.engine import StoppedError
from crawler.settings import SettingsError
from crawler.storing.run_folder import RunFolderError
from crawler.verdicts.pkix import RootStoreError

DONE, FAILED, USAGE, STOPPED = 0, 1, 2, 3
"""Exit statuses: a check failed or the program did; bad usage or input; stopped and resumable."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_INPUT_ERRORS = (
    AnalysisError,
    ComparisonError,
    DatasetError,
    DomainListError,
    KeyFileError,
    RejectedNameError,
    RootStoreError,
    RunFolderError,
    SettingsError,
    *LAB_ERRORS,
)


class Ending(NamedTuple):
    """How a command ended."""

    status: int
    """Exit status."""
    message: str | None
    """Why, in one line; None: there is nothing to say, or more than a line."""


def ending_of(error: BaseException | None) -> Ending:
    """Return how a command ends that ended in an error, or (None) in none."""
    match error:
        case None:
            return Ending(DONE, None)
        case typer.Exit():
            return Ending(error.exit_code, None)
        case TyperException():
            return Ending(USAGE, f"{error.format_message()} (--help says more)")
        case StoppedError():
            return Ending(STOPPED, f"{error}; what is complete is kept, the same command goes on")
        case _ if isinstance(error, _INPUT_ERRORS):
            return Ending(USAGE, str(error))
        case OSError():
            status = STOPPED if error.errno in _NO_SPACE else USAGE
            return Ending(status, f"{error.filename or 'system'}: {error.strerror or error}")
        case KeyboardInterrupt():
            return Ending(STOPPED, "interrupted")
    return Ending(FAILED, None)

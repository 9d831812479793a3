"""How a command ends: the exit status of an error, and the line for who called."""

import contextlib
import errno
from collections.abc import Iterator
from typing import NamedTuple

import typer
from typer.exceptions import TyperException

from analysis.compare_result import ComparisonError
from analysis.figures import RunFolderError as AnalysisError
from crawler.commands.lab_commands import LAB_ERRORS
from crawler.commands.statuses import DONE, FAILED, STOPPED, USAGE
from crawler.dataset.pseudonyms import KeyFileError
from crawler.dataset.publishing import DatasetError
from crawler.domain_list import DomainListError
from crawler.domain_name import RejectedNameError
from crawler.engine import StoppedError
from crawler.settings import SettingsError
from crawler.storing.object_store import SCHEME
from crawler.storing.run_folder import RunFolderError
from crawler.verdicts.pkix import RootStoreError

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
            # Without a command there is no message, only the help.
            return Ending(USAGE, f"{error.format_message() or 'no command is named'} (--help says more)")
        case StoppedError():
            return Ending(STOPPED, f"{error}; what is complete is kept, the same command goes on")
        case _ if isinstance(error, _INPUT_ERRORS):
            return Ending(USAGE, str(error))
        case OSError():
            status = STOPPED if error.errno in _NO_SPACE else USAGE
            return Ending(status, _line(error))
        case KeyboardInterrupt():
            return Ending(STOPPED, "interrupted")
    return Ending(FAILED, None)


@contextlib.contextmanager
def resumable() -> Iterator[None]:
    """Have a run that stands end as stopped when its object store fails it, or its claim there is lost."""
    try:
        yield
    except Exception as error:
        failure = _store_failure(error)
        if failure is None:
            raise
        raise StoppedError(_line(failure)) from error


def _store_failure(error: BaseException | None) -> OSError | None:
    """Return what a store failed with, if an error is that, or one of our own made of it."""
    if error is None or isinstance(error, FileNotFoundError):  # what is not there is no failure of the store
        return None
    if isinstance(error, OSError) and str(error.filename).startswith(f"{SCHEME}://"):
        return error
    return _store_failure(error.__cause__)


def _line(error: OSError) -> str:
    return f"{error.filename or 'system'}: {error.strerror or error}"

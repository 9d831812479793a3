"""Files of a run that appear whole or not at all: written beside, and renamed."""

import contextlib
import os
import re
import shutil
from pathlib import Path
from types import TracebackType

from crawler.storing.digests import Digests
from crawler.storing.object_errors import named
from crawler.storing.object_store import ObjectPath

_ASIDE = re.compile(r"\.(?P<wanted>.+)\.\d+")
"""What a file is called until it takes its name; the digits are the process that writes it."""


class WholeFile:
    """Gives a path beside the wanted one; renames it into place at the end, or removes it after an error."""

    def __init__(self, path: Path, digests: Digests | None = None) -> None:
        """Name the wanted path; its digest, if wanted, is noted before the file takes its name."""
        self._path = path
        self._aside = path.with_name(f".{path.name}.{os.getpid()}")
        self._digests = digests

    def __enter__(self) -> Path:
        """Return the path to write to."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._aside

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the file in place, or remove it. Raises OSError, which names the wanted path."""
        if error is None:
            try:
                self._put_in_place()
            except OSError as late:  # what a file system with its own idea of when to write says last
                error = late
        if error is None:
            return
        if isinstance(self._path, ObjectPath):
            with contextlib.suppress(OSError):  # if the store is gone, it goes with what else is left behind
                self._aside.unlink(missing_ok=True)
            with named(self._path):
                raise error
        self._aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            # Arrow names neither the file nor the reason in the system's words.
            raise OSError(error.errno, os.strerror(error.errno), str(self._path)) from None

    def _put_in_place(self) -> None:
        is_object = isinstance(self._path, ObjectPath)  # which is safe when the store says that it is there
        if not is_object:
            with self._aside.open("rb") as file:
                os.fsync(file.fileno())
        if self._digests is not None:
            self._digests.note(self._path, self._aside)
        self._aside.replace(self._path)
        if is_object:
            return
        # What is removed because this stands must not be gone when the power goes, and this not there.
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def wanted_name(name: str) -> str | None:
    """Return the name that a file was to take which was not written to its end; None: it is no such file."""
    match = _ASIDE.fullmatch(name)
    return match and match["wanted"]


def remove_folder(path: Path) -> None:
    """Remove a folder and what is in it, if it is there."""
    if isinstance(path, ObjectPath):
        path.remove_all()
    else:
        shutil.rmtree(path, ignore_errors=True)

"""What DuckDB reads the objects of a store by: its own extension for that is fetched from the network."""

import contextlib
import re
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import pyarrow.fs as pafs
from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it has no types

from crawler.storing.object_errors import named
from crawler.storing.object_store import SCHEME, ObjectPath

_ESCAPED = re.compile(r"\[([*?[])\]")
"""A character as glob.escape writes it."""


class ObjectFiles(AbstractFileSystem):  # type: ignore[misc]  # of an untyped class
    """The objects that queries of one connection read; those that it has seen do not change meanwhile.

    These are the four methods that DuckDB calls.
    """

    protocol = SCHEME
    cachable = False

    def __init__(self) -> None:
        """Begin with no object seen."""
        super().__init__()
        self._seen: dict[str, pafs.FileInfo] = {}
        self._error: OSError | None = None
        """The first that the store failed with."""

    @contextlib.contextmanager
    def registered_with(self, connection: Any) -> Iterator[None]:
        """Have the queries of a connection read objects in the block. Raises the store's errors as they were.

        DuckDB, and what reads a query's rows from it, say them as a traceback in an error of their own.
        """
        connection.register_filesystem(self)
        try:
            yield
        except Exception:
            if self._error is not None:
                raise self._error from None
            raise

    @contextlib.contextmanager
    def noting_errors(self) -> Iterator[None]:
        """Note the store's errors on their way through DuckDB."""
        try:
            yield
        except OSError as error:
            self._error = self._error or error
            raise

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the objects of a folder, whose name is escaped, that match a pattern."""
        folder = _object(_ESCAPED.sub(r"\1", path.rpartition("/")[0]))
        pattern = path.rpartition("/")[2]
        with self.noting_errors():
            found = {str(entry): info for entry, info in folder.objects() if fnmatchcase(entry.name, pattern)}
        self._seen |= found
        return sorted(found)

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        """Open an object to be read here and there."""
        assert mode == "rb", mode
        return _QueriedFile(_object(path), self)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return name and size of an object."""
        return {"name": path, "size": self._info(path).size, "type": "file"}

    def modified(self, path: str) -> Any:
        """Return when an object was written."""
        return self._info(path).mtime

    def _info(self, path: str) -> pafs.FileInfo:
        if path not in self._seen:
            with self.noting_errors():
                self._seen[path] = _object(path).info()
        return self._seen[path]


class _QueriedFile:
    """An object, asked for when it is first read: much of what DuckDB opens it has read before, and keeps."""

    def __init__(self, path: ObjectPath, files: ObjectFiles) -> None:
        self._path = path
        self._files = files
        self._in_this_thread = threading.local()
        """Several threads of DuckDB read one file at once, each a place of its own: it seeks, then reads."""

    @cached_property
    def _file(self) -> Any:
        return self._path.open_to_seek()

    def seek(self, place: int) -> int:
        self._in_this_thread.place = place
        return place

    def read(self, octets: int) -> bytes:
        with self._files.noting_errors(), named(self._path):
            found: bytes = self._file.read_at(octets, self._in_this_thread.place)
        self._in_this_thread.place += len(found)
        return found

    def close(self) -> None:
        if "_file" in self.__dict__:
            self._file.close()


def _object(location: str) -> ObjectPath:
    return ObjectPath(f"/{location.removeprefix(f'{SCHEME}://')}")

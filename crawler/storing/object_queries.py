"""What DuckDB reads the objects of a store by: its own extension for that is fetched from the network."""

import re
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import pyarrow.fs as pafs
from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it has no types

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

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the objects of a folder, whose name is escaped, that match a pattern."""
        folder = _object(_ESCAPED.sub(r"\1", path.rpartition("/")[0]))
        pattern = path.rpartition("/")[2]
        found = {str(entry): info for entry, info in folder.objects() if fnmatchcase(entry.name, pattern)}
        self._seen |= found
        return sorted(found)

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        """Open an object to be read here and there."""
        assert mode == "rb", mode
        return _QueriedFile(_object(path))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return name and size of an object."""
        return {"name": path, "size": self._info(path).size, "type": "file"}

    def modified(self, path: str) -> Any:
        """Return when an object was written."""
        return self._info(path).mtime

    def _info(self, path: str) -> pafs.FileInfo:
        if path not in self._seen:
            self._seen[path] = _object(path).info()
        return self._seen[path]


class _QueriedFile:
    """An object, asked for when it is first read: much of what DuckDB opens it has read before, and keeps."""

    def __init__(self, path: ObjectPath) -> None:
        self._path = path
        self._place = 0

    @cached_property
    def _file(self) -> Any:
        return self._path.open_to_seek()

    def seek(self, place: int) -> int:
        self._place = place
        return place

    def read(self, octets: int) -> bytes:
        found: bytes = self._file.read_at(octets, self._place)
        self._place += len(found)
        return found

    def close(self) -> None:
        if "_file" in self.__dict__:
            self._file.close()


def _object(location: str) -> ObjectPath:
    return ObjectPath(f"/{location.removeprefix(f'{SCHEME}://')}")

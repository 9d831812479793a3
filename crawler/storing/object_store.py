"""Objects of a store that speaks S3, as paths: what reads and writes a run folder does so in a bucket too.

Which store, and who asks, is told by the environment, as to every tool for S3: AWS_ENDPOINT_URL (unless it
is Amazon's own), AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY. None of it is ever written down.
"""

import contextlib
import errno
import functools
import io
import os
import stat
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path, PosixPath
from typing import Any, Self
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from crawler.storing.hold import require_holds
from crawler.storing.object_errors import named
from crawler.storing.object_stream import ObjectStream

SCHEME = "s3"

_CONNECT_SECONDS = 5.0
_ATTEMPTS = 5
"""Of one request: with the waits between them a store may be gone for some ten seconds."""
_BUFFER = 8 * 1024 * 1024
"""Octets of an object that are asked for at once where it is read from its beginning to its end."""


def place(location: str) -> Path:
    """Return the path that a location names: on this machine, or for s3://BUCKET/FOLDER in that bucket.

    The bucket is asked for at once, so that what is wrong with it is known before anything is done. Raises
    OSError if it does not answer, or for a location of another kind.
    """
    scheme, separator, rest = location.partition("://")
    if not separator:
        return Path(location)
    if scheme != SCHEME:
        raise OSError(errno.EINVAL, f"only {SCHEME}:// is known, besides folders of this machine", location)
    bucket = rest.partition("/")[0]
    if not bucket or {"@", "?"} & set(rest):
        known = "the environment tells where the store is, and its keys"  # which are not repeated here
        raise OSError(errno.EINVAL, f"write {SCHEME}://BUCKET/FOLDER; {known}", f"{SCHEME}://")
    path = ObjectPath(f"/{rest}")
    with named(path):
        found = _store(bucket).get_file_info(bucket).type
    if found == pafs.FileType.NotFound:
        raise FileNotFoundError(errno.ENOENT, "there is no such bucket", f"{SCHEME}://{bucket}")
    return path


class ObjectPath(PosixPath):
    """An object in a bucket, or the folder of those whose names begin with it: s3://BUCKET/NAME.

    A folder is there as long as an object is in it. An object appears whole, when its last octet has been
    written, but also when an error ends the writing: so what is long is written beside, and then renamed.
    Nothing is changed by a process whose claim on the run may be void (`hold`). Whatever asks the system of
    this machine for it by name gets an OSError.
    """

    def __str__(self) -> str:
        """Return the location; of a relative path, its names alone."""
        name = super().__str__()
        return f"{SCHEME}:/{name}" if self.is_absolute() else name

    def __fspath__(self) -> str:
        """Refuse: there is no such file on this machine."""
        raise OSError(errno.ENOTSUP, "is no file of this machine", str(self))

    @property
    def store(self) -> pafs.FileSystem:
        """Return Arrow's file system of the bucket."""
        return _store(self.parts[1])

    @property
    def key(self) -> str:
        """Return bucket and name, as Arrow takes them."""
        return "/".join(self.parts[1:])

    def queried_by(self, connection: Any) -> contextlib.AbstractContextManager[None]:
        """Have the queries of a DuckDB connection read objects for the time of a block.

        It raises OSError where the store fails, whatever DuckDB makes of that.
        """
        from crawler.storing.object_queries import ObjectFiles

        return ObjectFiles().registered_with(connection)

    # --- what is there

    def info(self) -> pafs.FileInfo:
        """Return what Arrow says of an object: whether it is there, its size and time."""
        with named(self):
            return self.store.get_file_info(self.key)

    def _listing(self, *, recursive: bool) -> list[pafs.FileInfo]:
        selector = pafs.FileSelector(self.key, allow_not_found=True, recursive=recursive)
        with named(self):
            entries: list[pafs.FileInfo] = self.store.get_file_info(selector)
        return entries

    def objects(self, pattern: str = "*") -> Iterator[tuple[Self, pafs.FileInfo]]:
        """Give the objects below that match, with size and time: one request for a thousand of them."""
        for info in self._listing(recursive=True):
            if info.is_file:
                path = type(self)(f"/{info.path}")
                if path.match(pattern):
                    yield path, info

    def exists(self, **_: Any) -> bool:
        """Tell whether there is such an object, or one in such a folder."""
        return bool(self.info().type != pafs.FileType.NotFound)

    def is_file(self, **_: Any) -> bool:
        """Tell whether there is such an object."""
        return bool(self.info().is_file)

    def is_dir(self, **_: Any) -> bool:
        """Tell whether there is an object in such a folder."""
        return bool(self.info().type == pafs.FileType.Directory)

    def stat(self, **_: Any) -> os.stat_result:
        """Return size and time of an object. Raises FileNotFoundError."""
        info = self.info()
        if not info.is_file:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        at = int(info.mtime.timestamp())
        return os.stat_result((stat.S_IFREG, 0, 0, 1, 0, 0, info.size, at, at, at))

    def iterdir(self) -> Generator[Self, None, None]:
        """Give the objects and folders in a folder."""
        for info in self._listing(recursive=False):
            yield type(self)(f"/{info.path}")

    def glob(self, pattern: str) -> Generator[Self, None, None]:
        """Give the objects below that match, none of them deeper than the pattern."""
        depth = len(self.parts) + pattern.count("/") + 1
        infos = self._listing(recursive="/" in pattern)
        for path in (type(self)(f"/{info.path}") for info in infos if info.is_file):
            if len(path.parts) == depth and path.match(pattern):
                yield path

    def rglob(self, pattern: str) -> Generator[Self, None, None]:
        """Give the objects below that match, however deep."""
        for path, _ in self.objects(pattern):
            yield path

    def resolve(self, strict: bool = False) -> Self:  # noqa: ARG002 - as of every path
        """Return the path itself: a bucket has no links."""
        return self

    # --- reading and writing

    def open(
        self,
        mode: str = "r",
        buffering: int = -1,  # noqa: ARG002 - as of every path
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """Open an object to be read, or written anew, from its beginning to its end."""
        if not set(mode) <= set("rwbt"):
            raise OSError(errno.ENOTSUP, f"an object is not opened as {mode!r}", str(self))
        with named(self):
            if "w" in mode:
                octets = self._store_to_change().open_output_stream(self.key, compression=None)
            else:
                octets = self.store.open_input_stream(self.key, compression=None, buffer_size=_BUFFER)
        stream = ObjectStream(self, octets)
        return stream if "b" in mode else io.TextIOWrapper(stream, encoding, errors, newline)

    def open_to_seek(self) -> Any:
        """Open an object to be read here and there."""
        with named(self):
            return self.store.open_input_file(self.key)

    def read_bytes(self) -> bytes:
        """Return the octets of an object."""
        with self.open("rb") as file:
            octets: bytes = file.read()
        return octets

    def read_text(self, encoding: str | None = None, errors: str | None = None, **_: Any) -> str:
        """Return the text of an object."""
        return io.TextIOWrapper(io.BytesIO(self.read_bytes()), encoding, errors).read()

    def write_bytes(self, data: Any) -> int:
        """Write an object."""
        with self.open("wb") as file:
            file.write(data)
        return len(data)

    def write_text(
        self,
        data: str,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,  # noqa: ARG002 - as of every path
    ) -> int:
        """Write an object of text."""
        return self.write_bytes(data.encode(encoding or "utf-8", errors or "strict"))

    # --- making and removing

    def _store_to_change(self) -> pafs.FileSystem:
        """Return the file system for a change. Raises OSError if this process may make none any more."""
        require_holds(self)
        return self.store

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: a folder is there with its first object."""

    def replace(self, target: str | os.PathLike[str]) -> Self:
        """Give an object another name, at which it appears whole."""
        assert isinstance(target, ObjectPath), target
        with named(target):
            self._store_to_change().move(self.key, target.key)
        return type(self)(target)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove an object. Raises FileNotFoundError."""
        try:
            with named(self):
                self._store_to_change().delete_file(self.key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def remove_all(self) -> None:
        """Remove all objects in a folder."""
        with contextlib.suppress(FileNotFoundError), named(self):
            self._store_to_change().delete_dir(self.key)


@functools.cache
def _store(bucket: str) -> pafs.FileSystem:
    """Return the file system that a bucket is in, by what the environment says of the store."""
    environment = os.environ
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    where: dict[str, str] = {}
    if endpoint:
        url = urlsplit(endpoint)
        where = {"scheme": url.scheme, "endpoint_override": url.netloc}
    elif region is None:
        region = pafs.resolve_s3_region(bucket)
    return pafs.S3FileSystem(
        region=region or "us-east-1",
        connect_timeout=_CONNECT_SECONDS,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        allow_delayed_open=True,  # what is short is one request
        **where,
    )


def written_since(folder: Path, pattern: str, seconds: float) -> Iterable[Path]:
    """Give the files in a folder that match, and were written since a time (seconds since the epoch)."""
    if isinstance(folder, ObjectPath):
        objects = folder.objects(pattern)
        return (path for path, info in objects if info.mtime.timestamp() >= seconds)
    return _files_written_since(folder, pattern, seconds)


def _files_written_since(folder: Path, pattern: str, seconds: float) -> Iterator[Path]:
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):  # just gone
            if path.stat().st_mtime >= seconds:
                yield path

"""What a store says when it fails, in one line that names the object."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow.fs as pafs

if TYPE_CHECKING:
    from crawler.storing.object_store import ObjectPath

_AWS_ERROR = re.compile(
    r"AWS Error (?P<word>\w+) during (?P<operation>\w+) operation: (?P<text>.*?)( \(Request ID: .*)?$",
    re.DOTALL,
)


@contextlib.contextmanager
def named(path: "ObjectPath") -> Iterator[None]:
    """Have an error name the object, and say what the store said."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        number, reason = error.errno or errno.EIO, error.strerror or str(error)
        said = _AWS_ERROR.search(reason)
        if number == errno.ENOENT or (said and said["operation"] == "GetObject" and _is_gone(path)):
            number, reason = errno.ENOENT, os.strerror(errno.ENOENT)
        elif said:
            text = said["text"].removeprefix("No response body.").lstrip(": ")
            reason = ": ".join(filter(None, (said["word"].lower().replace("_", " "), text)))
        raise OSError(number, reason, str(path)) from None


def _is_gone(path: "ObjectPath") -> bool:
    """Tell whether an object has gone while it was read: what is said of that itself is about the reading."""
    with contextlib.suppress(OSError):
        return bool(path.store.get_file_info(path.key).type == pafs.FileType.NotFound)
    return False

"""An object that is read or written from its beginning to its end."""

import io
from typing import TYPE_CHECKING, Any

from crawler.storing.object_errors import named

if TYPE_CHECKING:
    from crawler.storing.object_store import ObjectPath


class ObjectStream(io.RawIOBase):
    """Arrow's stream of an object; its errors name the object."""

    def __init__(self, path: "ObjectPath", octets: Any) -> None:
        self._path = path
        self._octets = octets

    def readable(self) -> bool:
        return bool(self._octets.readable())

    def writable(self) -> bool:
        return bool(self._octets.writable())

    def readinto(self, buffer: Any) -> int:
        with named(self._path):
            return int(self._octets.readinto(buffer))

    def readall(self) -> bytes:
        with named(self._path):
            return bytes(self._octets.readall())

    def write(self, octets: Any) -> int:
        with named(self._path):
            return int(self._octets.write(octets))

    def close(self) -> None:
        try:
            with named(self._path):
                self._octets.close()
        finally:
            super().close()

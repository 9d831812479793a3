"""An object store of the tests' own: moto's S3 server on loopback, in a thread of this process."""

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow.fs as pafs
import pytest
from moto.server import ThreadedMotoServer

from crawler.storing.object_store import ObjectPath, place

KEY, SECRET = "key-of-the-tests", "secret-of-the-tests"

_numbers = itertools.count(1)


@contextmanager
def object_store(address: str = "127.0.0.1:0") -> Iterator[str]:
    """Run a store, which the environment names for the time of the context; return its address.

    At the address of an earlier one it is the same store again, with what was in it.
    """
    at, _, number = address.rpartition(":")
    server = ThreadedMotoServer(at, int(number), verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        yield f"{host}:{port}"
    server.stop()


@pytest.fixture(scope="module", name="address")
def store_address() -> Iterator[str]:
    """Run a store for the tests of a file."""
    with object_store() as address:
        yield address


def new_bucket(address: str) -> ObjectPath:
    """Return a bucket that nobody had before: the file system of each is kept for the process."""
    files = pafs.S3FileSystem(
        scheme="http",
        endpoint_override=address,
        access_key=KEY,
        secret_key=SECRET,
        region="us-east-1",
        allow_bucket_creation=True,
    )
    name = f"runs-{next(_numbers)}"
    files.create_dir(name)
    path = place(f"s3://{name}")
    assert isinstance(path, ObjectPath)
    return path

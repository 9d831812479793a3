"""A lab inside the test process: its event loop runs in a thread, the tests are blocking clients."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from crawler.lab.authority import Authority, Issued, make_authority
from crawler.lab.internet import Internet
from crawler.lab.servers import Ports, serve_internet


@dataclass(frozen=True)
class RunningLab:
    """A lab that answers."""

    ports: Ports
    issued: dict[str, Issued]
    mishaps: list[dict[str, Any]]
    """What reached the event loop's exception handler: nothing may."""


StartLab = Callable[..., RunningLab]


@pytest.fixture(scope="session")
def authority() -> Authority:
    return make_authority(datetime.now(UTC))


@pytest.fixture
def start(authority: Authority) -> Iterator[StartLab]:
    """Serve an Internet until the test ends."""
    with ExitStack() as stack:

        def start_one(internet: Internet, *, idle_seconds: float = 60.0) -> RunningLab:
            return stack.enter_context(_running(internet, authority, idle_seconds))

        yield start_one


@contextmanager
def _running(internet: Internet, authority: Authority, idle_seconds: float) -> Iterator[RunningLab]:
    issued = authority.issue(internet.certificates, datetime.now(UTC))
    mishaps: list[dict[str, Any]] = []
    ready: Future[tuple[Ports, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: mishaps.append(context))
        enough = asyncio.Event()
        try:
            async with serve_internet(internet, authority, issued, idle_seconds=idle_seconds) as ports:
                ready.set_result((ports, loop, enough))
                await enough.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        ports, loop, enough = ready.result(timeout=10)
        yield RunningLab(ports, issued, mishaps)
        loop.call_soon_threadsafe(enough.set)
    finally:
        thread.join(timeout=10)
    assert mishaps == []

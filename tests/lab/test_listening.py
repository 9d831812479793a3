"""Listening on many loopback addresses."""

import asyncio
import errno
import resource
import socket

import pytest

from crawler.lab.listening import ListenError, Listeners, _listen_on, allow_descriptors, listen

ADDRESS = "127.79.1.1"


def test_a_port_that_is_taken_on_one_address_is_given_up_on_all() -> None:
    async def take_twice() -> None:
        first = listen({ADDRESS: "accept"})
        assert _listen_on({"127.79.1.2": "accept", ADDRESS: "accept"}, first.port) is None
        second = _listen_on({"127.79.1.2": "accept"}, first.port)
        assert second is not None
        second.close()
        first.close()

    asyncio.run(take_twice())


def test_an_address_outside_loopback_is_refused() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1 is no loopback address"):
        listen({ADDRESS: "accept", "192.0.2.1": "accept"})


def test_too_low_a_limit_on_open_files_is_a_clear_error() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] == resource.RLIM_INFINITY:
        pytest.skip("no limit on open files")
    with pytest.raises(ListenError, match="open files"):
        allow_descriptors(limits[1])
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits


class Exhausted(socket.socket):
    """A listening socket whose first caller finds no file descriptor left."""

    refusals = 0

    def accept(self) -> tuple[socket.socket, object]:
        if self.refusals == 0:
            self.refusals += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_a_caller_waits_while_no_descriptor_is_left() -> None:
    async def call() -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        listener = Exhausted()
        listener.setblocking(False)
        listener.bind((ADDRESS, 0))
        listener.listen()
        listeners = Listeners({ADDRESS: listener}, listener.getsockname()[1])
        answered: asyncio.Future[str] = loop.create_future()

        def accepted(address: str, connection: socket.socket) -> None:
            connection.close()
            answered.set_result(address)

        listeners.serve(accepted)
        with socket.create_connection((ADDRESS, listeners.port), timeout=5):
            async with asyncio.timeout(5):
                address = await answered
        listeners.close()
        return address, listener.refusals

    assert asyncio.run(call()) == (ADDRESS, 1)


def test_an_address_that_drops_answers_no_connection_however_often_it_is_tried() -> None:
    async def call() -> int:
        listeners = listen({ADDRESS: "drop", "127.79.1.2": "accept"})
        listeners.serve(lambda _address, connection: connection.close())
        timeouts = 0
        for _ in range(3):
            try:
                await asyncio.wait_for(asyncio.to_thread(dial, ADDRESS, listeners.port), 5)
            except TimeoutError:
                timeouts += 1
        await asyncio.to_thread(dial, "127.79.1.2", listeners.port)
        listeners.close()
        return timeouts

    def dial(address: str, port: int) -> None:
        socket.create_connection((address, port), timeout=0.1).close()

    assert asyncio.run(call()) == 3

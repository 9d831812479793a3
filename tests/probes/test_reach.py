"""Which addresses may be contacted, and TCP connections over real sockets."""

import errno
import socket
import struct
from typing import Any

import pytest
import trio

from crawler.outcomes import Failure, SessionStage
from crawler.probes.failures import StageFailed
from crawler.probes.reach import may_contact, open_tcp
from crawler.probes.session import observe_session
from tests.probes.peers import MX_HOST, lab_settings


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.1.1", "::1", "fe80::1", "2002:7f00:1::1"]
)
def test_special_purpose_addresses_are_not_contacted_by_default(address: str) -> None:
    assert not may_contact(address, lab_settings(allowed_ranges=()))


def test_an_allowed_range_opens_itself_and_nothing_else() -> None:
    settings = lab_settings(allowed_ranges=("127.0.0.0/8",))
    assert may_contact("127.3.2.1", settings)
    assert not may_contact("10.0.0.1", settings)
    assert not may_contact("::1", settings)


def test_global_addresses_may_be_contacted() -> None:
    assert may_contact("8.8.8.8", lab_settings(allowed_ranges=()))


async def test_a_connection_is_opened() -> None:
    async with trio.open_nursery() as nursery:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        async with listener:
            stream = await open_tcp("127.0.0.1", listener.socket.getsockname()[1])
            async with stream, await listener.accept() as accepted:
                await accepted.send_all(b"hello")
                assert await stream.receive_some() == b"hello"
        nursery.cancel_scope.cancel()


async def test_a_port_without_listener_refuses() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(StageFailed) as caught:
            await open_tcp("127.0.0.1", port)
        observed = await observe_session(MX_HOST, "127.0.0.1", None, lab_settings(smtp_port=port))
    assert (caught.value.failure, caught.value.detail) == (Failure.REFUSED, "ECONNREFUSED")
    assert (observed.session.stage, observed.session.failure) == (SessionStage.CONNECT, Failure.REFUSED)
    assert observed.session.starttls_offered is None


@pytest.mark.parametrize(
    ("number", "failure"), [(errno.EMFILE, Failure.LOCAL_ERROR), (errno.EAFNOSUPPORT, Failure.LOCAL_ERROR)]
)
async def test_this_machines_own_shortage_is_a_local_error(
    monkeypatch: pytest.MonkeyPatch, number: int, failure: Failure
) -> None:
    def no_socket(*_: Any) -> Any:
        raise OSError(number, "no")

    monkeypatch.setattr(socket, "socket", no_socket)
    observed = await observe_session(MX_HOST, "127.0.0.1", None, lab_settings())
    assert (observed.session.stage, observed.session.failure) == (SessionStage.CONNECT, failure)


async def test_a_network_without_route_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unrouted(socket.socket):
        def connect(self, address: Any) -> None:
            raise OSError(errno.ENETUNREACH, "no")

    monkeypatch.setattr(socket, "socket", Unrouted)
    with pytest.raises(StageFailed) as caught:
        await open_tcp("::1", 25)
    assert caught.value.failure is Failure.UNREACHABLE


async def test_a_real_reset_is_a_reset() -> None:
    async def greet_and_reset(listener: trio.SocketListener) -> None:
        stream = await listener.accept()
        await stream.send_all(b"220 hello\r\n")
        await stream.receive_some()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        async with listener:
            nursery.start_soon(greet_and_reset, listener)
            settings = lab_settings(smtp_port=listener.socket.getsockname()[1])
            observed = await observe_session(MX_HOST, "127.0.0.1", None, settings)
    assert (observed.session.stage, observed.session.failure) == (SessionStage.HELLO, Failure.RESET)
    assert observed.session.failure_detail == "ECONNRESET"

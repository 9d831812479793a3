"""One question over TCP, before servers that do with it what they want."""

import socket
import struct
from collections.abc import Awaitable, Callable

import dns.message
import dns.rcode
import pytest
import trio
from trio.testing import MockClock

from crawler.outcomes import Failure
from crawler.probes.dns_over_tcp import ask_over_tcp

Serve = Callable[[trio.SocketStream], Awaitable[None]]


@pytest.fixture
def jumping_clock() -> MockClock:
    """Return a clock that jumps when nothing has arrived for 10 ms: real octets need a moment."""
    return MockClock(autojump_threshold=0.01)


async def asked(serve: Serve) -> Failure | None:
    """Return what comes of a question to a server."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        port = listener.socket.getsockname()[1]
        failure = await ask_over_tcp("127.0.0.1", port, timeout_seconds=3)
        nursery.cancel_scope.cancel()
    return failure


async def question_from(stream: trio.SocketStream) -> dns.message.Message:
    octets = bytes(await stream.receive_some(4096))
    return dns.message.from_wire(octets[2:])


def framed(octets: bytes) -> bytes:
    return len(octets).to_bytes(2, "big") + octets


@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_any_reply_is_a_reply_octet_by_octet_too(rcode: dns.rcode.Rcode) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        reply = dns.message.make_response(await question_from(stream))
        reply.set_rcode(rcode)
        for octet in framed(reply.to_wire()):
            await stream.send_all(bytes((octet,)))

    assert await asked(serve) is None


async def test_a_connection_that_ends_before_the_reply_is_closed() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        reply = dns.message.make_response(await question_from(stream))
        await stream.send_all(framed(reply.to_wire())[:-1])

    assert await asked(serve) is Failure.CLOSED


async def test_a_connection_that_is_torn_down_is_reset() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await question_from(stream)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert await asked(serve) is Failure.RESET


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 400", bytes(11), b"\xff" * 40])
async def test_octets_that_are_no_reply_are_malformed(octets: bytes) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await question_from(stream)
        await stream.send_all(framed(octets))

    assert await asked(serve) is Failure.MALFORMED_REPLY


async def test_a_reply_to_another_question_is_malformed() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await question_from(stream)
        await stream.send_all(framed(dns.message.make_response(dns.message.make_query("x", "A")).to_wire()))

    assert await asked(serve) is Failure.MALFORMED_REPLY


async def test_silence_is_a_timeout(jumping_clock: MockClock) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await question_from(stream)
        await trio.sleep_forever()

    assert await asked(serve) is Failure.TIMEOUT


async def test_a_port_without_a_listener_refuses() -> None:
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        port = once.getsockname()[1]
        assert await ask_over_tcp("127.0.0.1", port, timeout_seconds=3) is Failure.REFUSED

"""Our TCP stream, over real sockets."""

import errno
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from crawler.probes.tcp_stream import TcpStream, connect_tcp

LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[TcpStream, trio.SocketStream]]:
    """Give both ends of a connection."""
    (listener,) = await trio.open_tcp_listeners(0, host=LOOPBACK)
    async with listener:
        ours = await connect_tcp(socket.AF_INET, LOOPBACK, listener.socket.getsockname()[1])
        async with ours, await listener.accept() as theirs:
            yield ours, theirs


async def test_more_than_the_kernel_takes_at_once_passes_both_ways() -> None:
    sent = bytes(range(256)) * 40_000
    async with connected() as (ours, theirs):
        for sender, receiver in ((ours, theirs), (theirs, ours)):
            received = bytearray()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sender.send_all, sent)
                while len(received) < len(sent):
                    received += await receiver.receive_some()
            assert received == sent


async def test_the_end_of_the_stream_is_no_octets() -> None:
    async with connected() as (ours, theirs):
        await theirs.aclose()
        assert await ours.receive_some() == b""


async def test_no_more_is_read_than_was_asked_for() -> None:
    async with connected() as (ours, theirs):
        await theirs.send_all(b"abc")
        assert [await ours.receive_some(2), await ours.receive_some(2)] == [b"ab", b"c"]


async def test_a_reset_is_a_broken_stream_with_the_systems_reason() -> None:
    async with connected() as (ours, theirs):
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await theirs.aclose()
        with pytest.raises(trio.BrokenResourceError) as caught:
            await ours.receive_some()
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await ours.send_all(b"anybody there?")
        assert isinstance(caught.value.__cause__, BrokenPipeError)


async def test_reading_and_a_full_connection_can_be_cancelled() -> None:
    async with connected() as (ours, _theirs):
        with trio.move_on_after(0.01) as reading:
            await ours.receive_some()
        with trio.move_on_after(0.05) as writing:
            await ours.send_all(bytes(100_000_000))
        assert reading.cancelled_caught
        assert writing.cancelled_caught


async def test_nothing_is_sent_after_the_time_is_over() -> None:
    async with connected() as (ours, theirs):
        with trio.move_on_after(0) as late:
            await ours.send_all(b"too late")
        assert late.cancelled_caught
        await ours.aclose()
        assert await theirs.receive_some() == b""


async def test_a_refused_connection_is_the_systems_error() -> None:
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        with pytest.raises(OSError, match="refused") as caught:
            await connect_tcp(socket.AF_INET, LOOPBACK, unused.getsockname()[1])
    assert caught.value.errno == errno.ECONNREFUSED


async def test_every_read_gives_way_to_other_tasks() -> None:
    async with connected() as (ours, theirs):
        await theirs.send_all(b"waiting already")
        with trio.testing.assert_checkpoints():
            await ours.receive_some()

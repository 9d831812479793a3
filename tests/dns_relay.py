"""A relay before a resolver: stopped and started, the resolver restarts, to who asks through it.

Cut off and mended, the resolver's own network goes away and comes back: it fails every question.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

_PORTS = range(20_000, 32_000)
"""Below those of outgoing connections, one of which might take the port of a stopped relay."""
_FLAGS_OF_FAILURE = b"\x81\x82"
"""QR, RD; RA, SERVFAIL."""


class _Upstream(asyncio.DatagramProtocol):
    """One client's questions, passed on from a port of their own."""

    def __init__(self, downstream: asyncio.DatagramTransport, client: tuple[str, int]) -> None:
        self._downstream = downstream
        self._client = client
        self.transport: asyncio.DatagramTransport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        for octets in self._early:
            transport.sendto(octets)

    def send(self, octets: bytes) -> None:
        if self.transport is None:
            self._early.append(octets)
        else:
            self.transport.sendto(octets)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self._downstream.is_closing():
            self._downstream.sendto(data, self._client)


class _Downstream(asyncio.DatagramProtocol):
    def __init__(self, resolver: tuple[str, int], is_cut_off: threading.Event) -> None:
        self._resolver = resolver
        self._is_cut_off = is_cut_off
        self._clients: dict[tuple[str, int], _Upstream] = {}
        self._opening: set[asyncio.Task[object]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._is_cut_off.is_set():
            assert self._transport is not None
            self._transport.sendto(data[:2] + _FLAGS_OF_FAILURE + data[4:], addr)
            return
        upstream = self._clients.get(addr)
        if upstream is None:
            assert self._transport is not None
            upstream = self._clients[addr] = _Upstream(self._transport, addr)
            made = upstream
            opening = asyncio.get_running_loop().create_datagram_endpoint(
                lambda: made, remote_addr=self._resolver
            )
            task: asyncio.Task[object] = asyncio.ensure_future(opening)
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        upstream.send(data)

    def connection_lost(self, exc: Exception | None) -> None:
        for upstream in self._clients.values():
            if upstream.transport is not None:
                upstream.transport.close()


class DnsRelay:
    """Passes on UDP and TCP; its port stays the same."""

    def __init__(self, resolver: tuple[str, int]) -> None:
        self.is_cut_off = threading.Event()
        """Set: every question over UDP ends in SERVFAIL."""
        self._resolver = resolver
        self._loop = asyncio.new_event_loop()
        self._transport: asyncio.BaseTransport | None = None
        self._server: asyncio.Server | None = None
        self.port = 0

    def start(self) -> None:
        """Listen, at the first free port of some if it is the first time, later at the same."""
        for port in [self.port] if self.port else random.sample(_PORTS, 20):
            with contextlib.suppress(OSError):
                self._call(self._start(port))
                return
        raise OSError("the relay finds no port to listen at")

    def stop(self) -> None:
        self._call(self._stop())

    def run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def end(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _call(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self, port: int) -> None:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", port)
        try:
            self._transport, _ = await self._loop.create_datagram_endpoint(
                lambda: _Downstream(self._resolver, self.is_cut_off), local_addr=("127.0.0.1", port)
            )
        except OSError:
            server.close()
            raise
        self._server, self.port = server, port

    async def _stop(self) -> None:
        if self._transport is not None and self._server is not None:
            self._transport.close()
            self._server.close()
            self._transport = self._server = None
        await asyncio.sleep(0.05)  # connections that are closed are closed in the next turns of the loop

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._resolver)
            await asyncio.gather(_pump(reader, upstream_writer), _pump(upstream_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def dns_relay(resolver: tuple[str, int]) -> Iterator[DnsRelay]:
    """Run a relay before a resolver, in a thread of its own."""
    relay = DnsRelay(resolver)
    thread = threading.Thread(target=relay.run, daemon=True)
    thread.start()
    relay.start()
    try:
        yield relay
    finally:
        relay.end()
        thread.join(10)

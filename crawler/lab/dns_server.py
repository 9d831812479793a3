"""The lab's resolver on the network: UDP and TCP, one loopback address, one port (RFC 1035 s4.2)."""

import asyncio
import errno
import socket
from contextlib import suppress

from crawler.lab.resolver import LabResolver

_DATAGRAMS_PER_TURN = 64
"""Then other sockets have their turn."""
_RECEIVE_BUFFER_OCTETS = 4 << 20
_LARGEST_DATAGRAM = 4096
_TCP_LIFE_SECONDS = 30.0
_PORT_ATTEMPTS = 20


class DnsServer:
    """A resolver listening on 127.0.0.1."""

    def __init__(self, resolver: LabResolver, udp: socket.socket, tcp: asyncio.Server) -> None:
        """Serve on sockets already bound; `start_dns_server` makes them."""
        self._resolver = resolver
        self._udp = udp
        self._tcp = tcp
        self.port: int = udp.getsockname()[1]
        asyncio.get_running_loop().add_reader(udp, self._answer_waiting)

    def close(self) -> None:
        """Stop answering."""
        asyncio.get_running_loop().remove_reader(self._udp)
        self._udp.close()
        self._tcp.close()

    def _answer_waiting(self) -> None:
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                message, client = self._udp.recvfrom(_LARGEST_DATAGRAM)
            except OSError:  # nothing waits, or an ICMP error of an earlier reply
                return
            reply = self._resolver.reply(message, over_udp=True)
            if reply is not None:
                with suppress(OSError):  # lost, as datagrams may be
                    self._udp.sendto(reply, client)


async def start_dns_server(resolver: LabResolver) -> DnsServer:
    """Listen on one free port of 127.0.0.1 for both UDP and TCP. Raises OSError when there is none."""
    loop = asyncio.get_running_loop()
    for attempt in range(_PORT_ATTEMPTS):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.setblocking(False)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_OCTETS)
            udp.bind(("127.0.0.1", 0))
            tcp = await loop.create_server(lambda: _DnsOverTcp(resolver), *udp.getsockname())
        except OSError as error:
            udp.close()
            if error.errno != errno.EADDRINUSE or attempt == _PORT_ATTEMPTS - 1:
                raise
        else:
            return DnsServer(resolver, udp, tcp)
    raise AssertionError


class _DnsOverTcp(asyncio.Protocol):
    """One TCP connection: messages, each after its length in two octets."""

    def __init__(self, resolver: LabResolver) -> None:
        self._resolver = resolver
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._limit = asyncio.get_running_loop().call_later(_TCP_LIFE_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self._limit.cancel()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        unread = self._unread + data
        while len(unread) >= 2 and len(unread) >= (end := 2 + int.from_bytes(unread[:2], "big")):
            reply = self._resolver.reply(unread[2:end], over_udp=False)
            if reply is not None:
                self._transport.write(len(reply).to_bytes(2, "big") + reply)
            unread = unread[end:]
        self._unread = unread

"""A TCP connection as a trio stream, at the price of its system calls.

trio's own gives way to every other task at each write, and tries each read before it waits for what cannot be
there yet: in a session of short commands and replies that is a third of all CPU.
"""

import os
import socket

import trio


class TcpStream(trio.abc.Stream):
    """A connected TCP socket that one task uses. Raises BrokenResourceError for any error of the system.

    Only what may have to wait gives way to other tasks: every read, and a write to a peer that does not read.
    """

    __slots__ = ("_socket",)

    def __init__(self, connected: socket.socket) -> None:
        """Take over a socket that does not block."""
        self._socket = connected

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send octets."""
        await trio.lowlevel.checkpoint_if_cancelled()
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await self.wait_send_all_might_not_block()
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the socket takes octets."""
        await trio.lowlevel.wait_writable(self._socket)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return octets; nothing at the end of the stream."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(max_bytes or _READ_SIZE)
            except BlockingIOError:
                continue  # the kernel took back what it had announced
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def aclose(self) -> None:
        """Close at once."""
        self._socket.close()


_READ_SIZE = 16 * 1024


async def connect_tcp(family: socket.AddressFamily, address: str, port: int) -> TcpStream:
    """Return a connection to an address in text form. Raises OSError; the caller limits the time."""
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        # Each of our writes is a whole message that the peer waits for.
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connecting.connect((address, port))
        except BlockingIOError:
            await trio.lowlevel.wait_writable(connecting)
            number = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, os.strerror(number)) from None
        return TcpStream(connecting)
    except BaseException:
        connecting.close()
        raise

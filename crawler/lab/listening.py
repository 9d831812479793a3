"""Listening sockets: many loopback addresses, one port number."""

import asyncio
import errno
import ipaddress
import resource
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Literal

Connect = Literal["accept", "refuse", "drop"]

_PORT_ATTEMPTS = 20
_BACKLOG = 1024
_PAUSE_SECONDS = 0.1
_FILL_SECONDS = 5.0
_SPARE_DESCRIPTORS = 2000
"""For the connections themselves, and what the interpreter has open."""


class ListenError(Exception):
    """The addresses cannot be listened on; the message says what to change."""


class Listeners:
    """Listening sockets on one port."""

    def __init__(
        self, sockets: Mapping[str, socket.socket], port: int, silent: Sequence[socket.socket] = ()
    ) -> None:
        """Take over sockets by address, and those that keep silent addresses silent; `listen` makes them."""
        self._sockets = sockets
        self._silent = silent
        self.port = port

    def serve(self, accepted: Callable[[str, socket.socket], None]) -> None:
        """Call `accepted` with the address dialled and the new socket, on the running event loop."""
        loop = asyncio.get_running_loop()
        for address, listener in self._sockets.items():
            loop.add_reader(listener, self._accept, address, listener, accepted)

    def _accept(
        self, address: str, listener: socket.socket, accepted: Callable[[str, socket.socket], None]
    ) -> None:
        try:
            connection, _peer = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                # The listener stays readable, and would be tried again at once and for ever.
                loop = asyncio.get_running_loop()
                loop.remove_reader(listener)
                loop.call_later(_PAUSE_SECONDS, self._resume, address, listener, accepted)
            return
        accepted(address, connection)

    def _resume(
        self, address: str, listener: socket.socket, accepted: Callable[[str, socket.socket], None]
    ) -> None:
        if listener.fileno() >= 0:
            asyncio.get_running_loop().add_reader(listener, self._accept, address, listener, accepted)

    def close(self) -> None:
        """Stop listening."""
        loop = asyncio.get_running_loop()
        for listener in self._sockets.values():
            loop.remove_reader(listener)
            listener.close()
        for kept in self._silent:
            kept.close()


def allow_descriptors(sockets: int) -> None:
    """Raise the limit on open files to the hard limit. Raises ListenError when it does not suffice."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = sockets + _SPARE_DESCRIPTORS
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ListenError(f"the lab needs {needed} open files and may have {hard}: raise `ulimit -Hn`")
    with suppress(ValueError, OSError):  # some systems refuse 'infinity'; the soft limit may suffice
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def has_ipv6() -> bool:
    """Return whether this machine has the loopback address ::1."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def listen(addresses: Mapping[str, Connect]) -> Listeners:
    """Listen on each address that does not refuse, all on one free port. Raises ListenError."""
    for address in addresses:
        if not ipaddress.ip_address(address).is_loopback:
            raise ListenError(f"{address} is no loopback address")
    for _ in range(_PORT_ATTEMPTS):
        listeners = _listen_on(addresses, _free_port())
        if listeners is not None:
            return listeners
    raise ListenError(f"no port was free on all of {len(addresses)} addresses, {_PORT_ATTEMPTS} times")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listen_on(addresses: Mapping[str, Connect], port: int) -> Listeners | None:
    """Return None when the port, free on one address, is taken on another."""
    sockets: dict[str, socket.socket] = {}
    silent: list[socket.socket] = []
    try:
        for address, connect in addresses.items():
            if connect == "drop":
                silent += _keep_silent(address, port)
            elif connect == "accept":
                sockets[address] = _listen(address, port, _BACKLOG)
    except OSError as error:
        for opened in (*sockets.values(), *silent):
            opened.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise ListenError(f"cannot listen on {address} port {port}: {error.strerror}") from None
    return Listeners(sockets, port, silent)


def _listen(address: str, port: int, backlog: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def _keep_silent(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Return the two sockets that make the kernel drop every SYN to an address.

    A queue of one connection, full for ever. A packet filter would do it too, but not every kernel lets an
    ordinary user attach one.
    """
    listener = _listen(address, port, 0)
    try:
        return listener, socket.create_connection((address, port), timeout=_FILL_SECONDS)
    except OSError:
        listener.close()
        raise

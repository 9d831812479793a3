"""A plain client that notes what a server says to the commands of a survey's session.

It shares nothing with the client under test: sockets and the ssl module, one command at a time.
"""

import io
import socket
import ssl
import time
from contextlib import suppress

from tests.servers.mail_servers import ADDRESSES, PORT

HELLO_NAME = "scan.test"

_SOURCE = "127.0.0.2"
"""Servers that count or remember clients have not met this one."""
_BROKEN = (ConnectionError, ssl.SSLEOFError)
_TIMEOUT_SECONDS = 20.0
_PAUSE_SECONDS = 0.5
"""Within one reply: what is shorter is the machine's, not the server's, doing."""


class _Conversation:
    """A connection, and what was said on it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream: io.RawIOBase = connection.makefile("rb", buffering=0)
        self.events: list[str] = []

    def ask(self, command: str) -> list[str]:
        """Send a command; return the lines of the reply, none if the server closed the connection."""
        self.events.append(f"C {command}")
        with suppress(*_BROKEN):  # the reply tells: it may have come before the end
            self._connection.sendall(f"{command}\r\n".encode())
        return self.listen()

    def listen(self) -> list[str]:
        """Return the lines of a reply."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            start = time.monotonic()
            octets = b""
            with suppress(*_BROKEN):
                octets = self._stream.readline()
            waited = time.monotonic() - start
            if not octets:
                self.events.append("CLOSED")
                return []
            assert octets.endswith(b"\r\n"), octets
            if lines and waited > _PAUSE_SECONDS:
                self.events.append(f"PAUSE {round(waited)}")
            lines.append(octets[:-2].decode("ascii"))
            self.events.append(f"S {lines[-1]}")
        return lines

    def start_tls(self) -> bool:
        """Shake hands; return whether that succeeded."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            self._connection = context.wrap_socket(self._connection)
        except ssl.SSLError as error:
            # Such as TLSV1_ALERT_INTERNAL_ERROR.
            self.events.append(f"TLS {error.reason.rpartition('ALERT_')[2].lower()}")
            return False
        self.events.append("TLS")
        self._stream = self._connection.makefile("rb", buffering=0)
        return True


def transcribe(name: str, *, visits: int = 1) -> list[str]:
    """Visit a server so many times; return the events of the last visit."""
    for _ in range(visits):
        address = (ADDRESSES[name], PORT)
        with socket.create_connection(address, _TIMEOUT_SECONDS, source_address=(_SOURCE, 0)) as connection:
            conversation = _Conversation(connection)
            _converse(conversation)
    return conversation.events


def _converse(conversation: _Conversation) -> None:
    if _code(conversation.listen()) == 220:
        reply = conversation.ask(f"EHLO {HELLO_NAME}")
        if _code(reply) // 100 == 5:
            conversation.ask(f"HELO {HELLO_NAME}")
        if {"250-STARTTLS", "250 STARTTLS"}.intersection(reply[1:]):
            accepted = _code(conversation.ask("STARTTLS")) == 220
            if accepted and not conversation.start_tls():
                return
            if accepted:
                conversation.ask(f"EHLO {HELLO_NAME}")
    conversation.ask("QUIT")


def _code(lines: list[str]) -> int:
    return int(lines[-1][:3]) if lines else 0

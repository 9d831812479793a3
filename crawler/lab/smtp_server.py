"""The lab's SMTP servers: each address behaves as its model says (RFC 5321, RFC 3207)."""

from collections.abc import Mapping
from functools import partial
from socket import socket

from OpenSSL import SSL

from crawler.lab.admission import Admission
from crawler.lab.connections import Connection, ConnectionPool, Dialogue
from crawler.lab.internet import (
    REFUSED_GREETINGS,
    REFUSED_STARTTLS,
    STARTTLS_READY,
    MailServer,
    ehlo_keywords,
    greeting_line,
)
from crawler.lab.listening import Listeners
from crawler.lab.scripted_server import ScriptedDialogue
from crawler.lab.tls import (
    HANDSHAKE_FAILURE,
    UNRECOGNIZED_NAME,
    HandshakeRefusedError,
    TlsServers,
    TlsVariant,
    alert_record,
    is_whole_record,
)
from crawler.lab.visits import Visits

_LONGEST_INPUT_OCTETS = 4096
"""Of one unfinished line; RFC 5321 s4.5.3.1.4 asks for 512."""
_LARGEST_CLIENT_HELLO_OCTETS = 1 << 14
_ENDLESS_PAUSE_SECONDS = 0.01
_RESET_PAUSE_SECONDS = 0.25
"""A reset that overtook the client's look at its new connection would be a failure to connect."""
_NOT_TLS = b"\x00garbage, and no TLS record of any kind\r\n"


class SmtpServers:
    """All mail servers behind one port number, told apart by the address dialled."""

    def __init__(
        self, servers: Mapping[str, MailServer], tls: TlsServers, pool: ConnectionPool, visits: Visits
    ) -> None:
        """Take the servers; `serve` begins."""
        self._servers = {server.address: server for server in servers.values()}
        self._tls = tls
        self._pool = pool
        self._admission = Admission(pool.loop.time, visits)

    def serve(self, listeners: Listeners) -> None:
        """Answer on sockets made for these servers' addresses."""
        listeners.serve(self._accepted)

    def _accepted(self, address: str, accepted: socket) -> None:
        server = self._admission.admit(self._servers[address])
        self._pool.accept(accepted, partial(self._dialogue, server))

    def _dialogue(self, server: MailServer, connection: Connection) -> Dialogue:
        if server.script is None:
            return SmtpDialogue(server, self._tls, self._pool, connection)
        return ScriptedDialogue(
            server.script, lambda _: accept_tls(self._tls, server), self._pool, connection
        )


def accept_tls(tls: TlsServers, server: MailServer) -> SSL.Connection:
    """Return the server's side of a new TLS connection."""

    def order_for(server_name: str) -> str:
        order_id = server.certificates.get(server_name, server.default_certificate)
        if order_id is None:
            raise HandshakeRefusedError(UNRECOGNIZED_NAME)
        return order_id

    return tls.accept(TlsVariant(server.tls_min, server.tls_max, server.post_quantum), order_for)


class SmtpDialogue:
    """One SMTP session, seen from the server."""

    def __init__(
        self, server: MailServer, tls: TlsServers, pool: ConnectionPool, connection: Connection
    ) -> None:
        """Be the server on one connection."""
        self._server = server
        self._tls = tls
        self._pool = pool
        self._connection = connection
        self._unread = b""
        self._listen = self._wait
        self._inside_tls = False

    def begin(self) -> None:
        """Greet, or do what this server does in place of that."""
        behaviour = self._server.greeting
        if behaviour == "reset":
            self._pool.loop.call_later(_RESET_PAUSE_SECONDS, self._connection.reset)
        elif behaviour == "endless":
            self._greet_without_end()
        elif not self._is_gone(behaviour):
            if self._server.greeting_delay_seconds:
                self._pool.loop.call_later(self._server.greeting_delay_seconds, self._greet)
            else:
                self._greet()

    def receive(self, octets: bytes) -> None:
        """Take what the client says."""
        self._unread += octets
        self._listen()

    def _greet(self) -> None:
        self._say(greeting_line(self._server))
        if self._server.greeting in ("421", "not_smtp"):
            self._connection.finish()
        else:
            self._listen = self._read_commands
            self._read_commands()

    def _greet_without_end(self) -> None:
        self._listen = self._ignore
        if self._connection.is_open:
            if not self._connection.is_clogged:
                self._say(*[f"220-{self._server.server_name} and there is more"] * 100)
            self._pool.loop.call_later(_ENDLESS_PAUSE_SECONDS, self._greet_without_end)

    def _is_gone(self, behaviour: str) -> bool:
        """Close, reset or fall silent if that is the behaviour."""
        if behaviour == "close":
            self._connection.finish()
        elif behaviour == "reset":
            self._connection.reset()
        elif behaviour == "silent":
            self._listen = self._ignore
        else:
            return False
        return True

    def _say(self, *lines: str) -> None:
        self._connection.send("".join(f"{line}\r\n" for line in lines).encode("ascii"))

    # --- ways to listen --------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Before the greeting: what is said too early is read after it."""
        self._unread = self._unread[:_LONGEST_INPUT_OCTETS]

    def _ignore(self) -> None:
        self._unread = b""

    def _read_commands(self) -> None:
        while self._listen == self._read_commands and self._connection.is_open:
            line, newline, rest = self._unread.partition(b"\n")
            if not newline:
                if len(line) > _LONGEST_INPUT_OCTETS:
                    self._say("421 4.5.2 line too long")
                    self._connection.finish()
                return
            self._unread = rest
            self._obey(line)

    def _await_client_hello(self) -> None:
        """After 220, for servers that have no TLS: what they do must not race with the ClientHello."""
        if len(self._unread) > _LARGEST_CLIENT_HELLO_OCTETS or is_whole_record(self._unread):
            if self._is_gone(self._server.handshake):
                return
            answer = _NOT_TLS if self._server.handshake == "garbage" else alert_record(HANDSHAKE_FAILURE)
            self._connection.send(answer)
            self._connection.finish()

    # --- commands --------------------------------------------------------------------------------------

    def _obey(self, line: bytes) -> None:
        verb = line.strip().partition(b" ")[0].upper()
        if verb == b"QUIT":
            self._say("221 2.0.0 bye")
            self._connection.finish()
        elif self._server.greeting in REFUSED_GREETINGS:
            self._say("503 5.5.1 only QUIT is welcome")  # RFC 5321 s3.1
        elif verb == b"EHLO":
            self._ehlo()
        elif verb == b"HELO" and self._server.hello != "502":
            self._say(f"250 {self._server.server_name}")
        elif verb == b"STARTTLS" and self._server.starttls not in ("absent", "stripped"):
            self._starttls(line)
        else:
            self._say("502 5.5.1 command not implemented")

    def _ehlo(self) -> None:
        behaviour = self._server.hello_tls if self._inside_tls else self._server.hello
        if self._is_gone(behaviour):
            return
        if behaviour == "normal":
            texts = (self._server.server_name, *ehlo_keywords(self._server, inside_tls=self._inside_tls))
            self._say(*(f"250-{text}" for text in texts[:-1]), f"250 {texts[-1]}")
        elif behaviour in REFUSED_GREETINGS:
            self._say(f"{behaviour} {REFUSED_GREETINGS[behaviour]}")
            if behaviour == "421":
                self._connection.finish()
        else:
            self._say("502 5.5.1 command not implemented")

    def _starttls(self, line: bytes) -> None:
        behaviour = self._server.starttls
        if self._inside_tls:
            self._say("503 5.5.1 TLS stands already")
        elif line.strip().upper() != b"STARTTLS":
            self._say("501 5.5.4 no parameters allowed")  # RFC 3207 s4
        elif behaviour in REFUSED_STARTTLS:
            self._say(f"{behaviour} {REFUSED_STARTTLS[behaviour]}")
            if behaviour == "421":
                self._connection.finish()
        elif not self._is_gone(behaviour):
            self._begin_tls()

    def _begin_tls(self) -> None:
        ready = f"220 {STARTTLS_READY}\r\n".encode("ascii")
        self._connection.send(ready + self._server.plaintext_after_220)
        self._unread = b""  # what came in the clear after the command is not part of the TLS session
        if self._server.handshake == "silent":
            self._listen = self._ignore
        elif self._server.handshake != "normal":
            self._listen = self._await_client_hello
        else:
            self._inside_tls = True
            self._connection.start_tls(accept_tls(self._tls, self._server))

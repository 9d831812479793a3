"""What a server says and does on one connection, as data: octets and actions, in their order.

`script_player` turns a script into steps that any kind of connection can take.
"""

from dataclasses import dataclass
from typing import TypeAlias

from OpenSSL import SSL


@dataclass(frozen=True, slots=True)
class Line:
    """Read one line from the client."""


@dataclass(frozen=True, slots=True)
class Octets:
    """Read what comes."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Say nothing more, and keep the connection."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Trickle:
    """Send octet by octet."""

    octets: bytes
    seconds_each: float


@dataclass(frozen=True, slots=True)
class Endless:
    """Send the same again and again, until the client leaves."""

    octets: bytes
    seconds_each: float = 0.0


@dataclass(frozen=True, slots=True)
class Tls:
    """Take a TLS handshake; what follows in the script is said inside."""

    context: SSL.Context | None = None
    """None: the server's own, whatever it is."""
    asks_client: bool = False
    """Insists on a certificate of the client."""


@dataclass(frozen=True, slots=True)
class PartialHandshake:
    """Send so many flights of a handshake, then a part of the next; what follows is said in the clear."""

    flights: int
    part: float = 0.0


@dataclass(frozen=True, slots=True)
class SlowHandshake:
    """Take a handshake, and send octet by octet."""

    seconds_each: float


@dataclass(frozen=True, slots=True)
class InTheClear:
    """Send octets outside of the TLS that stands."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class AskToRenegotiate:
    """Send a HelloRequest inside the TLS that stands (RFC 5246 s7.4.1.1)."""


Step: TypeAlias = bytes | Octets | Pause | Close | Reset
"""What a connection can do by itself: the actions that need to know neither lines nor TLS."""

TlsAction: TypeAlias = Tls | PartialHandshake | SlowHandshake | InTheClear | AskToRenegotiate
Action: TypeAlias = Step | Line | Silence | Trickle | Endless | TlsAction
Script: TypeAlias = tuple[Action, ...]

GREETING = b"220 mx.peer.test ESMTP\r\n"
EHLO_REPLY = b"250-mx.peer.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
EHLO_TLS_REPLY = b"250-mx.peer.test\r\n250-PIPELINING\r\n250 REQUIRETLS\r\n"
GO_AHEAD = b"220 2.0.0 Ready to start TLS\r\n"
BYE = b"221 2.0.0 Bye\r\n"

HELLO: Script = (GREETING, Line(), EHLO_REPLY)
TO_TLS: Script = (*HELLO, Line(), GO_AHEAD)
IN_TLS: Script = (Line(), EHLO_TLS_REPLY, Line(), BYE)
WITHOUT_FAULT: Script = (*TO_TLS, Tls(), *IN_TLS)

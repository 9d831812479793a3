"""Mail servers that are hostile before TLS: what each does, and how a session with it must end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crawler.outcomes import Failure, Outcome, SessionStage
from tests.probes import tls_flights as flights
from tests.probes.peers import (
    BYE,
    EHLO_REPLY,
    GO_AHEAD,
    GREETING,
    HELLO,
    Action,
    Close,
    Endless,
    Line,
    Reset,
    Silence,
    Trickle,
)

TICK_SECONDS = 0.1
"""Between the octets of those that send one at a time: the limits are as much shorter than real ones."""


@dataclass(frozen=True)
class HostileServer:
    """One server, and what the row of a session with it must say."""

    name: str
    script: tuple[Action, ...]
    stage: SessionStage
    failure: Failure | None
    outcome: Outcome
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Other columns: of the session, or of its handshake (`column` says which)."""
    leaf: Mapping[str, Any] = field(default_factory=dict)
    """Columns of the server's certificate."""
    octets: int = 2 * 65536
    """At most so many are read."""


def _greeting(
    name: str, failure: Failure, outcome: Outcome, *script: Action, **columns: Any
) -> HostileServer:
    return HostileServer(name, script, SessionStage.GREETING, failure, outcome, {"tls": None} | columns)


def _unreachable(name: str, failure: Failure, *script: Action) -> HostileServer:
    return _greeting(name, failure, Outcome.UNREACHABLE, *script, greeting=None, hello_command=None)


def _not_smtp(name: str, octets: bytes, failure: Failure = Failure.MALFORMED_REPLY) -> HostileServer:
    return _greeting(name, failure, Outcome.NOT_SMTP, octets, Silence(), greeting=None, quit_code=None)


def _hello(name: str, failure: Failure, *script: Action, **columns: Any) -> HostileServer:
    expected = {"starttls_offered": None, "ehlo_keywords": None} | columns
    return HostileServer(name, script, SessionStage.HELLO, failure, Outcome.HELLO_FAILED, expected)


def _no_starttls(name: str, reply: bytes, **columns: Any) -> HostileServer:
    script = (GREETING, Line(), reply, Line(), BYE)
    expected = {"starttls_offered": False, "quit_code": 221} | columns
    return HostileServer(name, script, SessionStage.HELLO, None, Outcome.NO_STARTTLS, expected)


def _starttls(name: str, failure: Failure, *script: Action, **columns: Any) -> HostileServer:
    expected = {"starttls_offered": True, "tls": None} | columns
    return HostileServer(
        name, (*HELLO, *script), SessionStage.STARTTLS, failure, Outcome.STARTTLS_REFUSED, expected
    )


BEFORE_HELLO = [
    _unreachable("says nothing", Failure.TIMEOUT, Silence()),
    _unreachable("greets by one octet at a time", Failure.TIMEOUT, Trickle(GREETING * 9, TICK_SECONDS)),
    _unreachable("greets by half", Failure.TIMEOUT, b"220 mx.peer", Silence()),
    _unreachable("ends its greeting with CR alone", Failure.TIMEOUT, b"220 mx\r220 mx\r", Silence()),
    _unreachable("greets line by line without end", Failure.TIMEOUT, Endless(b"220-more\r\n", TICK_SECONDS)),
    _unreachable("closes before the greeting", Failure.CLOSED, Close()),
    _unreachable("resets before the greeting", Failure.RESET, Reset()),
    _unreachable("closes in the greeting", Failure.CLOSED, b"220-mx\r\n220", Close()),
    _greeting(
        "floods with a greeting of lines",
        Failure.REPLY_TOO_LONG,
        Outcome.NOT_SMTP,
        Endless(b"220-x\r\n" * 500),
    ),
    _greeting(
        "floods with one line", Failure.REPLY_TOO_LONG, Outcome.NOT_SMTP, b"220 ", Endless(b"x" * 4096)
    ),
    _greeting("floods with zeros", Failure.MALFORMED_REPLY, Outcome.NOT_SMTP, Endless(bytes(4096))),
    _not_smtp("is SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    _not_smtp("is HTTP", b"HTTP/1.0 400 Bad Request\r\nContent-Length: 4\r\n\r\n220 "),
    _not_smtp("speaks TLS at once", flights.server_hello()),
    _not_smtp("speaks SSL 2 at once", flights.SSLV2_SERVER_HELLO),
    _not_smtp("is POP3", b"+OK ready\r\n"),
    _not_smtp("is IMAP", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
    _not_smtp("begins with an empty line", b"\r\n" + GREETING),
    _not_smtp("begins with NUL", b"\0" + GREETING),
    _not_smtp("begins with a byte order mark", b"\xef\xbb\xbf" + GREETING),
    _not_smtp("has a code of letters", b"2x0 mx\r\n"),
    _not_smtp("has a code of four digits", b"2200 mx\r\n"),
    _not_smtp("has a code out of range", b"999 mx\r\n"),
    _not_smtp("has a code in digits of another script", "２２０ mx\r\n".encode()),
    _not_smtp("changes to another code that is no refusal", b"220-mx\r\n250 mx\r\n"),
    _greeting("greets with 250", Failure.UNEXPECTED_REPLY, Outcome.NOT_SMTP, b"250 mx\r\n", Line(), BYE),
    _greeting(
        "names 220 in a 554",
        Failure.PERMANENT_REPLY,
        Outcome.REFUSED_GREETING,
        b"554-220 STARTTLS\r\n554 220 mx ESMTP\r\n",
        Line(),
        BYE,
        hello_command=None,
        quit_code=221,
    ),
    _greeting(
        "begins to greet, then drops the client",
        Failure.PERMANENT_REPLY,
        Outcome.REFUSED_GREETING,
        b"220-mx.peer.test\r\n521 5.3.2 Service currently unavailable\r\n",
        Close(),
    ),
    _greeting(
        "begins to greet, then has no time",
        Failure.SERVICE_CLOSING,
        Outcome.REFUSED_GREETING,
        b"220-mx.peer.test\r\n",
        b"421 4.3.2 All server ports are busy\r\n",
        Close(),
    ),
]

HELLO_AND_STARTTLS = [
    _hello("falls silent after EHLO", Failure.TIMEOUT, GREETING, Line(), Silence()),
    _hello("answers EHLO by one octet at a time", Failure.TIMEOUT, GREETING, Line(),
           Trickle(EHLO_REPLY * 9, TICK_SECONDS)),
    _hello("closes after EHLO", Failure.CLOSED, GREETING, Line(), Close(), hello_command="EHLO"),
    _hello("resets after EHLO", Failure.RESET, GREETING, Line(), Reset(), hello_command="EHLO"),
    _hello("floods the reply to EHLO", Failure.REPLY_TOO_LONG, GREETING, Line(),
           Endless(b"250-STARTTLS\r\n" * 300)),
    _hello("has no separator before STARTTLS", Failure.MALFORMED_REPLY, GREETING, Line(),
           b"250-mx\r\n250STARTTLS\r\n", Silence()),
    _hello("changes codes within the reply to EHLO", Failure.MALFORMED_REPLY, GREETING, Line(),
           b"250-mx\r\n220 STARTTLS\r\n", Silence()),
    _hello("closes down within the reply to EHLO", Failure.SERVICE_CLOSING, GREETING, Line(),
           b"250-mx\r\n250-STARTTLS\r\n421 shutting down\r\n", Close(), hello_code=421),
    _hello("greets twice at once", Failure.UNEXPECTED_REPLY, GREETING + GREETING, Line(), BYE,
           hello_command=None, hello_code=None, quit_code=221),
    _hello("answers before it is asked", Failure.UNEXPECTED_REPLY, GREETING + b"250 mx\r\n", Line(),
           EHLO_REPLY, hello_command=None, hello_code=None),
    _hello("greets and closes down at once", Failure.SERVICE_CLOSING,
           GREETING + b"421 too many connections\r\n", Close()),
    _hello("refuses EHLO and HELO", Failure.PERMANENT_REPLY, GREETING, Line(), b"502 STARTTLS\r\n", Line(),
           b"502 250 STARTTLS\r\n", Line(), BYE, hello_command="HELO", hello_code=502, quit_code=221),
    _no_starttls("names STARTTLS on its first line alone", b"250 STARTTLS\r\n", ehlo_keywords=()),
    _no_starttls("names STARTTLS after NUL", b"250-mx\r\n250 \0STARTTLS\r\n",
                 ehlo_keywords=("\\x00STARTTLS",)),
    _no_starttls("names STARTTLS with NUL inside", b"250-mx\r\n250 START\0TLS\r\n"),
    _no_starttls("names STARTTLS as a parameter", b"250-mx\r\n250 AUTH STARTTLS\r\n"),
    _no_starttls("overwrites STARTTLS", b"250-mx\r\n250 XXXXXXXA\r\n", ehlo_keywords=("XXXXXXXA",),
                 starttls_overwritten=True),
    _starttls("answers STARTTLS with 454", Failure.TEMPORARY_REPLY, Line(),
              b"454 4.7.0 220 TLS not available\r\n", Line(), BYE, quit_code=221),
    _starttls("names 220 in a 554 to STARTTLS", Failure.PERMANENT_REPLY, Line(), b"554 220 ready\r\n",
              Line(), BYE, quit_code=221),
    _starttls("answers STARTTLS with another 22z", Failure.UNEXPECTED_REPLY, Line(), b"221 ready\r\n",
              Line(), BYE),
    _starttls("answers STARTTLS by half", Failure.TIMEOUT, Line(), b"220", Silence(), starttls_reply=None),
    _starttls("closes after STARTTLS", Failure.CLOSED, Line(), Close()),
    _starttls("resets after STARTTLS", Failure.RESET, Line(), Reset()),
    _starttls("sends TLS in place of a reply", Failure.MALFORMED_REPLY, Line(), flights.server_hello(),
              Silence()),
    HostileServer(
        "gives two replies to EHLO at once", (GREETING, Line(), EHLO_REPLY + b"250 mx\r\n", Line(), BYE),
        SessionStage.STARTTLS, Failure.UNEXPECTED_REPLY, Outcome.STARTTLS_REFUSED,
        {"starttls_offered": True, "starttls_reply": None, "tls": None},
    ),
    HostileServer(
        "accepts STARTTLS before it is asked", (GREETING, Line(), EHLO_REPLY + GO_AHEAD, Line(), BYE),
        SessionStage.STARTTLS, Failure.UNEXPECTED_REPLY, Outcome.STARTTLS_REFUSED,
        {"starttls_offered": True, "starttls_reply": None, "tls": None},
    ),
    HostileServer(
        "closes down behind the reply to EHLO",
        (GREETING, Line(), EHLO_REPLY + b"421 idle for too long\r\n", Close()),
        SessionStage.STARTTLS, Failure.SERVICE_CLOSING, Outcome.STARTTLS_REFUSED,
        {"starttls_offered": True, "tls": None},
    ),
]  # fmt: skip

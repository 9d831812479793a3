"""Mail servers that are hostile before TLS: what each says and does, and what a session with it must come to.

What takes a server minutes takes it longer here than the lab's limits, and little more.
"""

from typing import Any

from crawler.lab import tls_flights as flights
from crawler.lab.lookups import Row
from crawler.lab.script import (
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
from crawler.lab.session_scenario import SmtpScenario

OCTET_SECONDS = 0.1
"""Between the octets of those that send one at a time."""
_LINE_SECONDS = 0.25
"""Between lines without end: a hundred of them last longer than any session."""
_LONG_TEXT = b"x" * 300
"""Lasts longer than any session, octet by octet."""

_BEFORE_TLS: Row = {"tls": None, "hello_tls_code": None, "ehlo_keywords_tls": None}
_BEFORE_STARTTLS: Row = _BEFORE_TLS | {"starttls_reply": None, "plaintext_after_220": None}
_BEFORE_HELLO: Row = _BEFORE_STARTTLS | {
    "hello_command": None,
    "hello_code": None,
    "ehlo_keywords": None,
    "starttls_offered": None,
    "starttls_overwritten": None,
}
_UNGREETED: Row = _BEFORE_HELLO | {"greeting": None, "greeting_masked": None, "quit_code": None}
GREETED: Row = {"greeting": {"code": 220, "lines": ["mx.peer.test ESMTP"]}, "greeting_masked": False}
"""By GREETING."""
OFFERED: Row = GREETED | {
    "hello_command": "EHLO",
    "hello_code": 250,
    "ehlo_keywords": ["PIPELINING", "STARTTLS"],
    "starttls_offered": True,
    "starttls_overwritten": False,
}
"""By HELLO."""


def _scripted(
    stage: str, failure: str | None, outcome: str, script: tuple[Action, ...], columns: Row
) -> SmtpScenario:
    return SmtpScenario(
        server={"script": script},
        stage=stage,
        failure=failure,
        outcome=outcome,
        handshake=None,
        is_slow=failure == "timeout",
        columns=columns,
    )


def _unreachable(failure: str, *script: Action) -> SmtpScenario:
    return _scripted("greeting", failure, "unreachable", script, _UNGREETED)


def _not_smtp(octets: bytes | Endless, failure: str = "malformed_reply", *more: Action) -> SmtpScenario:
    return _scripted("greeting", failure, "not_smtp", (octets, *(more or (Silence(),))), _UNGREETED)


def _refused(failure: str, outcome: str, *script: Action, **columns: Any) -> SmtpScenario:
    return _scripted("greeting", failure, outcome, script, _BEFORE_HELLO | columns)


def _hello(failure: str, *script: Action, at_once: bytes = b"", **columns: Any) -> SmtpScenario:
    """Return a server whose greeting is good; at_once: comes in the same segment."""
    unread: Row = {"ehlo_keywords": None, "starttls_offered": None, "starttls_overwritten": None}
    expected = _BEFORE_STARTTLS | GREETED | unread | columns
    return _scripted("hello", failure, "hello_failed", (GREETING + at_once, *script), expected)


def _no_starttls(reply: bytes, *keywords: str, **columns: Any) -> SmtpScenario:
    expected: Row = {"hello_code": 250, "ehlo_keywords": list(keywords), "starttls_offered": False}
    expected |= {"hello_command": "EHLO", "starttls_overwritten": False, "quit_code": 221} | columns
    script = (GREETING, Line(), reply, Line(), BYE)
    return _scripted("hello", None, "no_starttls", script, _BEFORE_STARTTLS | GREETED | expected)


def _starttls(failure: str, *script: Action, **columns: Any) -> SmtpScenario:
    expected = _BEFORE_TLS | OFFERED | {"plaintext_after_220": None} | columns
    return _scripted("starttls", failure, "starttls_refused", (*HELLO, *script), expected)


def _reply(code: int, *lines: str) -> Row:
    return {"code": code, "lines": list(lines)}


HOSTILE_GREETINGS: dict[str, SmtpScenario] = {
    "greets_octet_by_octet": _unreachable("timeout", Trickle(b"220 " + _LONG_TEXT, OCTET_SECONDS)),
    "greets_by_half": _unreachable("timeout", b"220 mx.peer", Silence()),
    "greets_with_cr_alone": _unreachable("timeout", b"220 mx\r220 mx\r", Silence()),
    "greets_line_by_line": _unreachable("timeout", Endless(b"220-more\r\n", _LINE_SECONDS)),
    "closes_in_the_greeting": _unreachable("closed", b"220-mx\r\n220", Close()),
    "floods_with_lines": _not_smtp(Endless(b"220-x\r\n" * 500), "reply_too_long"),
    "floods_with_one_line": _not_smtp(b"220 ", "reply_too_long", Endless(b"x" * 4096)),
    "floods_with_zeros": _not_smtp(Endless(bytes(4096))),
    "is_http": _not_smtp(b"HTTP/1.0 400 Bad Request\r\nContent-Length: 4\r\n\r\n220 "),
    "is_ssh": _not_smtp(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "speaks_tls_at_once": _not_smtp(flights.server_hello()),
    "speaks_ssl2_at_once": _not_smtp(flights.SSLV2_SERVER_HELLO),
    "is_pop3": _not_smtp(b"+OK ready\r\n"),
    "is_imap": _not_smtp(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
    "begins_with_empty_line": _not_smtp(b"\r\n" + GREETING),
    "begins_with_nul": _not_smtp(b"\0" + GREETING),
    "begins_with_byte_order_mark": _not_smtp(b"\xef\xbb\xbf" + GREETING),
    "code_of_letters": _not_smtp(b"2x0 mx\r\n"),
    "code_of_four_digits": _not_smtp(b"2200 mx\r\n"),
    "code_out_of_range": _not_smtp(b"999 mx\r\n"),
    "code_of_other_script": _not_smtp("２２０ mx\r\n".encode()),
    "greets_with_two_codes": _not_smtp(b"220-mx\r\n250 mx\r\n"),
    "greets_with_250": _refused(
        "unexpected_reply", "not_smtp", b"250 mx\r\n", Line(), BYE, greeting=_reply(250, "mx"), quit_code=221
    ),
    "names_220_in_554": _refused(
        "permanent_reply", "refused_greeting", b"554-220 STARTTLS\r\n554 220 mx ESMTP\r\n", Line(), BYE,
        greeting=_reply(554, "220 STARTTLS", "220 mx ESMTP"), quit_code=221,
    ),
    "greets_then_drops": _refused(
        "permanent_reply", "refused_greeting",
        b"220-mx.peer.test\r\n521 5.3.2 Service currently unavailable\r\n", Close(),
        greeting=_reply(521, "mx.peer.test", "5.3.2 Service currently unavailable"),
    ),
    "greets_then_is_busy": _refused(
        "service_closing", "refused_greeting",
        b"220-mx.peer.test\r\n", b"421 4.3.2 All server ports are busy\r\n", Close(),
        greeting=_reply(421, "mx.peer.test", "4.3.2 All server ports are busy"),
    ),
}  # fmt: skip

HOSTILE_REPLIES: dict[str, SmtpScenario] = {
    "answers_ehlo_octet_by_octet": _hello("timeout", Line(), Trickle(b"250 " + _LONG_TEXT, OCTET_SECONDS)),
    "floods_ehlo_reply": _hello("reply_too_long", Line(), Endless(b"250-STARTTLS\r\n" * 300)),
    "no_separator_before_starttls": _hello(
        "malformed_reply", Line(), b"250-mx\r\n250STARTTLS\r\n", Silence(), quit_code=None
    ),
    "ehlo_with_two_codes": _hello(
        "malformed_reply", Line(), b"250-mx\r\n220 STARTTLS\r\n", Silence(), quit_code=None
    ),
    "closes_down_in_ehlo_reply": _hello(
        "service_closing", Line(), b"250-mx\r\n250-STARTTLS\r\n421 shutting down\r\n", Close(), hello_code=421
    ),
    "greets_twice_at_once": _hello(
        "unexpected_reply", Line(), BYE,
        at_once=GREETING, hello_command=None, hello_code=None, quit_code=221,
    ),
    "answers_before_it_is_asked": _hello(
        "unexpected_reply", Line(), EHLO_REPLY,
        at_once=b"250 mx\r\n", hello_command=None, hello_code=None,
    ),
    "greets_and_closes_down": _hello(
        "service_closing", Close(),
        at_once=b"421 too many connections\r\n", hello_command=None, hello_code=None,
    ),
    "refuses_hello_naming_starttls": _hello(
        "permanent_reply", Line(), b"502 STARTTLS\r\n", Line(), b"502 250 STARTTLS\r\n", Line(), BYE,
        hello_command="HELO", hello_code=502, quit_code=221,
    ),
    "starttls_on_first_line": _no_starttls(b"250 STARTTLS\r\n"),
    "starttls_after_nul": _no_starttls(b"250-mx\r\n250 \0STARTTLS\r\n", "\\x00STARTTLS"),
    "starttls_with_nul_inside": _no_starttls(b"250-mx\r\n250 START\0TLS\r\n", "START\\x00TLS"),
    "starttls_as_parameter": _no_starttls(b"250-mx\r\n250 AUTH STARTTLS\r\n", "AUTH STARTTLS"),
    "names_220_in_454_to_starttls": _starttls(
        "temporary_reply", Line(), b"454 4.7.0 220 TLS not available\r\n", Line(), BYE,
        starttls_reply=_reply(454, "4.7.0 220 TLS not available"), quit_code=221,
    ),
    "names_220_in_554_to_starttls": _starttls(
        "permanent_reply", Line(), b"554 220 ready\r\n", Line(), BYE,
        starttls_reply=_reply(554, "220 ready"), quit_code=221,
    ),
    "answers_starttls_with_221": _starttls(
        "unexpected_reply", Line(), b"221 ready\r\n", Line(), BYE, starttls_reply=_reply(221, "ready")
    ),
    "answers_starttls_by_half": _starttls(
        "timeout", Line(), b"220", Silence(), starttls_reply=None, quit_code=None
    ),
    "resets_after_starttls": _starttls("reset", Line(), Reset(), starttls_reply=None, quit_code=None),
    "sends_tls_for_a_reply": _starttls(
        "malformed_reply", Line(), flights.server_hello(), Silence(), starttls_reply=None, quit_code=None
    ),
    "gives_two_replies_at_once": _scripted(
        "starttls", "unexpected_reply", "starttls_refused",
        (GREETING, Line(), EHLO_REPLY + b"250 mx\r\n", Line(), BYE), _BEFORE_STARTTLS | OFFERED,
    ),
    "accepts_starttls_unasked": _scripted(
        "starttls", "unexpected_reply", "starttls_refused",
        (GREETING, Line(), EHLO_REPLY + GO_AHEAD, Line(), BYE), _BEFORE_STARTTLS | OFFERED,
    ),
    "closes_down_behind_ehlo_reply": _scripted(
        "starttls", "service_closing", "starttls_refused",
        (GREETING, Line(), EHLO_REPLY + b"421 idle for too long\r\n", Close()), _BEFORE_STARTTLS | OFFERED,
    ),
}  # fmt: skip

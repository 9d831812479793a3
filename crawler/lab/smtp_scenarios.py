"""What mail servers do in a session: each scenario configures a server and declares what must be recorded."""

from dataclasses import dataclass, field
from typing import Any

from crawler.lab.internet import (
    REFUSED_STARTTLS,
    STARTTLS_READY,
    MailServer,
    ehlo_keywords,
    greeting_line,
)
from crawler.lab.lookups import Row

INJECTED = b"250 2.0.0 injected\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpScenario:
    """One behaviour of a mail server. What is not said goes as in a session without trouble."""

    server: dict[str, Any] = field(default_factory=dict)
    """Fields of MailServer."""
    stage: str = "hello_tls"
    failure: str | None = None
    outcome: str = "tls_ok"
    greeting: bool = True
    """A greeting is read."""
    hello: tuple[str | None, int | None] = ("EHLO", 250)
    """Command and reply code."""
    keywords: bool = True
    """An EHLO reply is read."""
    offered: bool | None = True
    starttls_code: int | None = 220
    handshake: bool | None = True
    """False: begun and failed. None: not begun."""
    alert: Row | None = field(default_factory=dict)
    """The alert of a failed handshake; an empty row: not declared."""
    hello_tls: bool = True
    """The EHLO reply inside TLS is read."""
    quit_code: int | None = 221
    is_slow: bool = False
    """A session takes seconds, so that few host names may share the address."""


def _unreachable(failure: str, *, is_slow: bool = False, **server: Any) -> SmtpScenario:
    stage = "connect" if "connect" in server else "greeting"
    outcome = "not_smtp" if failure in ("malformed_reply", "reply_too_long") else "unreachable"
    return SmtpScenario(
        server=server, stage=stage, failure=failure, outcome=outcome, greeting=False, hello=(None, None),
        keywords=False, offered=None, starttls_code=None, handshake=None, quit_code=None, is_slow=is_slow,
    )  # fmt: skip


def _greeting_refused(code: str, failure: str, quit_code: int | None) -> SmtpScenario:
    return SmtpScenario(
        server={"greeting": code}, stage="greeting", failure=failure, outcome="refused_greeting",
        hello=(None, None), keywords=False, offered=None, starttls_code=None, handshake=None,
        quit_code=quit_code,
    )  # fmt: skip


def _hello_failed(
    kind: str, failure: str, command: str, code: int | None, quit_code: int | None, *, is_slow: bool = False
) -> SmtpScenario:
    return SmtpScenario(
        server={"hello": kind}, stage="hello", failure=failure, outcome="hello_failed",
        hello=(command, code), keywords=False, offered=None, starttls_code=None, handshake=None,
        quit_code=quit_code, is_slow=is_slow,
    )  # fmt: skip


def _no_starttls(*, hello_command: str = "EHLO", keywords: bool = True, **server: Any) -> SmtpScenario:
    return SmtpScenario(
        server=server, stage="hello", outcome="no_starttls", hello=(hello_command, 250), keywords=keywords,
        offered=False, starttls_code=None, handshake=None,
    )  # fmt: skip


def _starttls_refused(
    kind: str, failure: str, code: int | None, quit_code: int | None, *, is_slow: bool = False
) -> SmtpScenario:
    return SmtpScenario(
        server={"starttls": kind}, stage="starttls", failure=failure, outcome="starttls_refused",
        starttls_code=code, handshake=None, quit_code=quit_code, is_slow=is_slow,
    )  # fmt: skip


def _tls_failed(kind: str, failure: str, alert: Row | None, *, is_slow: bool = False) -> SmtpScenario:
    return SmtpScenario(
        server={"handshake": kind}, stage="handshake", failure=failure, outcome="tls_failed",
        handshake=False, alert=alert, quit_code=None, is_slow=is_slow,
    )  # fmt: skip


_HANDSHAKE_FAILURE = {"side": "server", "code": 40, "name": "handshake_failure"}

SMTP_SCENARIOS: dict[str, SmtpScenario] = {
    "good": SmtpScenario(),
    "require_tls": SmtpScenario(server={"require_tls": True}),
    "slow_greeting": SmtpScenario(server={"greeting_delay_seconds": 4.0}, is_slow=True),
    "plaintext_after_220": SmtpScenario(server={"plaintext_after_220": INJECTED}),
    "hello_tls_closed": SmtpScenario(
        server={"hello_tls": "close"}, failure="closed", hello_tls=False, quit_code=None
    ),
    "connect_refused": _unreachable("refused", connect="refuse"),
    "connect_dropped": _unreachable("timeout", connect="drop", is_slow=True),
    "greeting_silent": _unreachable("timeout", greeting="silent", is_slow=True),
    "greeting_closed": _unreachable("closed", greeting="close"),
    "greeting_reset": _unreachable("reset", greeting="reset"),
    "greeting_endless": _unreachable("reply_too_long", greeting="endless"),
    "not_smtp": _unreachable("malformed_reply", greeting="not_smtp"),
    "greeting_421": _greeting_refused("421", "service_closing", None),
    "greeting_450": _greeting_refused("450", "temporary_reply", 221),
    "greeting_554": _greeting_refused("554", "permanent_reply", 221),
    "hello_421": _hello_failed("421", "service_closing", "EHLO", 421, None),
    "hello_450": _hello_failed("450", "temporary_reply", "EHLO", 450, 221),
    "hello_502": _hello_failed("502", "permanent_reply", "HELO", 502, 221),
    "hello_closed": _hello_failed("close", "closed", "EHLO", None, None),
    "hello_reset": _hello_failed("reset", "reset", "EHLO", None, None),
    "hello_silent": _hello_failed("silent", "timeout", "EHLO", None, None, is_slow=True),
    "helo_only": _no_starttls(hello_command="HELO", keywords=False, hello="helo_only"),
    "no_starttls": _no_starttls(starttls="absent", server_name="starttls.lab.test"),
    "stripped": _no_starttls(starttls="stripped"),
    "masked_greeting": _no_starttls(greeting="masked", starttls="absent"),
    "starttls_454": _starttls_refused("454", "temporary_reply", 454, 221),
    "starttls_502": _starttls_refused("502", "permanent_reply", 502, 221),
    "starttls_554": _starttls_refused("554", "permanent_reply", 554, 221),
    "starttls_421": _starttls_refused("421", "service_closing", 421, None),
    "starttls_250": _starttls_refused("250", "unexpected_reply", 250, 221),
    "starttls_closed": _starttls_refused("close", "closed", None, None),
    "starttls_reset": _starttls_refused("reset", "reset", None, None),
    "starttls_silent": _starttls_refused("silent", "timeout", None, None, is_slow=True),
    "handshake_garbage": _tls_failed("garbage", "tls_error", {}),
    "handshake_closed": _tls_failed("close", "closed", None),
    "handshake_reset": _tls_failed("reset", "reset", None),
    "handshake_silent": _tls_failed("silent", "timeout", None, is_slow=True),
    "handshake_alert": _tls_failed("alert", "tls_alert", _HANDSHAKE_FAILURE),
}


CIPHER_SUITES = {
    "TLSv1": "ECDHE-{}-AES256-SHA",
    "TLSv1.1": "ECDHE-{}-AES256-SHA",
    "TLSv1.2": "ECDHE-{}-AES256-GCM-SHA384",
    "TLSv1.3": "TLS_AES_256_GCM_SHA384",
}
"""What OpenSSL's own order of preference comes to, by version; {}: by the key of the certificate."""


@dataclass(frozen=True, slots=True)
class TlsScenario:
    """What versions and groups a server takes, and what comes of it with a client that takes all."""

    tls_min: str
    version: str
    """The highest it takes, so the one negotiated."""
    post_quantum: bool
    group: str = "secp256r1"

    def handshake_truth(self, order_id: str, key: str) -> Row:
        """Return the truth of a handshake that succeeds with this certificate; key: ecdsa or rsa."""
        return {
            "version": self.version,
            "cipher_suite": CIPHER_SUITES[self.version].format(key.upper()),
            "group": self.group,
            "chain": (order_id,),
            "alert": None,
            "error": None,
        }


TLS_SCENARIOS: dict[str, TlsScenario] = {
    "classic": TlsScenario("TLSv1.2", "TLSv1.3", post_quantum=False),
    "modern": TlsScenario("TLSv1.2", "TLSv1.3", post_quantum=True, group="X25519MLKEM768"),
    "all_versions": TlsScenario("TLSv1", "TLSv1.3", post_quantum=False),
    "tls13_only": TlsScenario("TLSv1.3", "TLSv1.3", post_quantum=True, group="X25519MLKEM768"),
    "tls12_only": TlsScenario("TLSv1.2", "TLSv1.2", post_quantum=False),
    "tls12_only_x25519": TlsScenario("TLSv1.2", "TLSv1.2", post_quantum=True, group="x25519"),
    "tls11_only": TlsScenario("TLSv1.1", "TLSv1.1", post_quantum=False),
    "tls10_only": TlsScenario("TLSv1", "TLSv1", post_quantum=False),
}
"""A server with post_quantum takes every group of its TLS library; below TLS 1.3 that comes to x25519."""


def session_truth(
    scenario: SmtpScenario, tls: TlsScenario, server: MailServer, certificate: tuple[str, str] | None
) -> Row:
    """Return the columns of a session that host names at one server share.

    certificate: order id and key (ecdsa or rsa); None if the server never shows one.
    """
    hello_command, hello_code = scenario.hello
    handshake: Row | None = None
    if scenario.handshake and certificate:
        handshake = tls.handshake_truth(*certificate)
    elif scenario.handshake is False:
        handshake = {"version": None, "cipher_suite": None, "group": None, "chain": ()}
        if scenario.alert != {}:
            handshake["alert"] = scenario.alert
    return {
        "address": server.address,
        "family": 6 if ":" in server.address else 4,
        "attempt": 1,
        "stage": scenario.stage,
        "failure": scenario.failure,
        "greeting": _reply_of_line(greeting_line(server)) if scenario.greeting else None,
        "greeting_masked": server.greeting == "masked" if scenario.greeting else None,
        "hello_command": hello_command,
        "hello_code": hello_code,
        "ehlo_keywords": list(ehlo_keywords(server, inside_tls=False)) if scenario.keywords else None,
        "starttls_offered": scenario.offered,
        "starttls_overwritten": server.starttls == "stripped" if scenario.keywords else None,
        "starttls_reply": _starttls_reply(scenario.starttls_code),
        "plaintext_after_220": len(server.plaintext_after_220) if scenario.starttls_code == 220 else None,
        "tls": handshake,
        "hello_tls_code": 250 if scenario.handshake and scenario.hello_tls else None,
        "ehlo_keywords_tls": list(ehlo_keywords(server, inside_tls=True))
        if scenario.handshake and scenario.hello_tls
        else None,
        "quit_code": scenario.quit_code,
    }


def _reply_of_line(line: str) -> Row:
    return {"code": int(line[:3]), "lines": [line[4:]]}


def _starttls_reply(code: int | None) -> Row | None:
    if code is None:
        return None
    return {"code": code, "lines": [STARTTLS_READY if code == 220 else REFUSED_STARTTLS[str(code)]]}

"""What mail servers do in a session: each scenario configures a server and declares what must be recorded."""

from dataclasses import dataclass
from typing import Any

from crawler.lab.hostile import HOSTILE_GREETINGS, HOSTILE_REPLIES
from crawler.lab.hostile_tls import HOSTILE_HANDSHAKES, HOSTILE_INSIDE_TLS, ODD_BUT_WHOLE
from crawler.lab.internet import (
    REFUSED_STARTTLS,
    STARTTLS_READY,
    KeyKind,
    MailServer,
    ehlo_keywords,
    greeting_line,
)
from crawler.lab.lookups import Row
from crawler.lab.session_scenario import SmtpScenario

INJECTED = b"250 2.0.0 injected\r\n"


def _unreachable(failure: str, *, is_slow: bool = False, **server: Any) -> SmtpScenario:
    stage = "connect" if "connect" in server else "greeting"
    outcome = "not_smtp" if failure in ("malformed_reply", "reply_too_long") else "unreachable"
    return SmtpScenario(
        server=server, stage=stage, failure=failure, outcome=outcome, greeting=False, hello=(None, None),
        keywords=False, offered=None, starttls_code=None, handshake=None, quit_code=None, is_slow=is_slow,
    )  # fmt: skip


def _greeting_refused(
    code: str, failure: str, quit_code: int | None, *, names_blocklist: bool = False
) -> SmtpScenario:
    return SmtpScenario(
        server={"greeting": code}, stage="greeting", failure=failure, outcome="refused_greeting",
        hello=(None, None), keywords=False, offered=None, starttls_code=None, handshake=None,
        quit_code=quit_code, names_blocklist=names_blocklist,
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

HOSTILE_SCENARIOS: dict[str, SmtpScenario] = {
    **HOSTILE_GREETINGS,
    **HOSTILE_REPLIES,
    **HOSTILE_HANDSHAKES,
    **ODD_BUT_WHOLE,
    **HOSTILE_INSIDE_TLS,
}

PASSING_SCENARIOS: dict[str, SmtpScenario] = {
    "passing_421": SmtpScenario(first="greeting_421"),
    "passing_450": SmtpScenario(first="greeting_450"),
    "passing_silence": SmtpScenario(first="greeting_silent"),
    "passing_reset": SmtpScenario(first="greeting_reset"),
    "passing_454": SmtpScenario(first="starttls_454"),
    "passing_patience": SmtpScenario(
        server={"greeting_delay_seconds": 5.0}, first="greeting_silent", is_counted=False, is_slow=True
    ),
}
"""Well at the second session. The last greets later than a survey's first attempt waits, and earlier than its
second one does."""

SMTP_SCENARIOS: dict[str, SmtpScenario] = {
    "good": SmtpScenario(),
    "require_tls": SmtpScenario(server={"require_tls": True}),
    "slow_greeting": SmtpScenario(server={"greeting_delay_seconds": 1.5}, is_slow=True),
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
    "greeting_blocklist": _greeting_refused("550", "permanent_reply", 221, names_blocklist=True),
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
    "pushes_back": SmtpScenario(server={"sessions_per_second": 5}, attempts_declared=False),
    **PASSING_SCENARIOS,
    **HOSTILE_SCENARIOS,
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

    def handshake_truth(self, order_id: str, key: KeyKind) -> Row:
        """Return the truth of a handshake that succeeds with this certificate."""
        return {
            "version": self.version,
            "cipher_suite": CIPHER_SUITES[self.version].format("RSA" if key.startswith("rsa") else "ECDSA"),
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
    scenario: SmtpScenario, tls: TlsScenario, server: MailServer, certificate: tuple[str, KeyKind] | None
) -> Row:
    """Return the columns of a session that host names at one server share, the number of the attempt apart.

    certificate: order id and key; None if the server never shows one.
    """
    row: Row = {
        "address": server.address,
        "family": 6 if ":" in server.address else 4,
        "stage": scenario.stage,
        "failure": scenario.failure,
    }
    if scenario.handshake is not None:
        row["tls"] = _handshake_truth(scenario, tls, certificate)
    if scenario.columns is not None:
        return row | scenario.columns
    return {"tls": None} | row | _dialogue_truth(scenario, server)


def _handshake_truth(
    scenario: SmtpScenario, tls: TlsScenario, certificate: tuple[str, KeyKind] | None
) -> Row:
    if scenario.handshake and certificate:
        return tls.handshake_truth(*certificate)
    handshake: Row = {"version": None, "cipher_suite": None, "group": None}
    if scenario.columns is None or scenario.chain_is_whole is False:
        handshake["chain"] = ()
    elif scenario.chain_is_whole and certificate:
        handshake["chain"] = (certificate[0],)
    if scenario.alert != {}:
        handshake["alert"] = scenario.alert
    return handshake


def _dialogue_truth(scenario: SmtpScenario, server: MailServer) -> Row:
    hello_command, hello_code = scenario.hello
    is_heard_inside = scenario.handshake and scenario.hello_tls
    return {
        "greeting": _reply_of_line(greeting_line(server)) if scenario.greeting else None,
        "greeting_masked": server.greeting == "masked" if scenario.greeting else None,
        "hello_command": hello_command,
        "hello_code": hello_code,
        "ehlo_keywords": list(ehlo_keywords(server, inside_tls=False)) if scenario.keywords else None,
        "starttls_offered": scenario.offered,
        "starttls_overwritten": server.starttls == "stripped" if scenario.keywords else None,
        "starttls_reply": _starttls_reply(scenario.starttls_code),
        "plaintext_after_220": len(server.plaintext_after_220) if scenario.starttls_code == 220 else None,
        "hello_tls_code": 250 if is_heard_inside else None,
        "ehlo_keywords_tls": list(ehlo_keywords(server, inside_tls=True)) if is_heard_inside else None,
        "quit_code": scenario.quit_code,
    }


def _reply_of_line(line: str) -> Row:
    return {"code": int(line[:3]), "lines": [line[4:]]}


def _starttls_reply(code: int | None) -> Row | None:
    if code is None:
        return None
    return {"code": code, "lines": [STARTTLS_READY if code == 220 else REFUSED_STARTTLS[str(code)]]}

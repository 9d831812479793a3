"""What a session with each known mail server must read, wherever its words come from."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from crawler.outcomes import Failure, SessionStage
from crawler.records import Reply, Session
from tests.probes.transcript import without_variables

_READY = Reply(code=220, lines=("2.0.0 Ready to start TLS",))


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The columns of a session that come from what the server says."""

    stage: SessionStage = SessionStage.HELLO_TLS
    failure: Failure | None = None
    failure_detail: str | None = None
    greeting: Reply
    greeting_masked: bool = False
    hello_command: str | None = "EHLO"
    hello_code: int | None = 250
    ehlo_keywords: tuple[str, ...] | None
    starttls_offered: bool | None = True
    starttls_overwritten: bool | None = False
    starttls_reply: Reply | None = _READY
    plaintext_after_220: int | None = 0
    hello_tls_code: int | None = 250
    ehlo_keywords_tls: tuple[str, ...] | None
    quit_code: int | None = 221
    pushed_back: bool = False


def reading_of(session: Session) -> Reading:
    """Return what a session read, without what differs from run to run."""
    columns = {field.name: getattr(session, field.name) for field in fields(Reading)}
    for name in ("greeting", "starttls_reply"):
        columns[name] = _constant(columns[name])
    return Reading(**columns)


def _constant(reply: Reply | None) -> Reply | None:
    return reply and Reply(code=reply.code, lines=tuple(map(without_variables, reply.lines)))


def _keywords(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


def _greeting(code: int, *lines: str) -> Reply:
    return Reply(code=code, lines=lines)


def _without_tls(reading: Reading, keywords: tuple[str, ...]) -> Reading:
    """Return what is read where STARTTLS is not offered."""
    return replace(
        reading,
        stage=SessionStage.HELLO,
        ehlo_keywords=keywords,
        starttls_offered=False,
        starttls_reply=None,
        plaintext_after_220=None,
        hello_tls_code=None,
        ehlo_keywords_tls=None,
    )


def _refused_greeting(failure: Failure, greeting: Reply, *, quit_code: int | None = None) -> Reading:
    return Reading(
        stage=SessionStage.GREETING,
        failure=failure,
        greeting=greeting,
        hello_command=None,
        hello_code=None,
        ehlo_keywords=None,
        starttls_offered=None,
        starttls_overwritten=None,
        starttls_reply=None,
        plaintext_after_220=None,
        hello_tls_code=None,
        ehlo_keywords_tls=None,
        quit_code=quit_code,
        pushed_back=True,
    )


def _refused_hello(failure: Failure, command: str, code: int) -> Reading:
    return replace(
        _without_tls(POSTFIX, ()),
        failure=failure,
        hello_command=command,
        hello_code=code,
        ehlo_keywords=None,
        starttls_offered=None,
        starttls_overwritten=None,
        pushed_back=True,
    )


def _failed_handshake(reading: Reading, alert: str) -> Reading:
    return replace(
        reading,
        stage=SessionStage.HANDSHAKE,
        failure=Failure.TLS_ALERT,
        failure_detail=alert,
        hello_tls_code=None,
        ehlo_keywords_tls=None,
        quit_code=None,
    )


_POSTFIX_LINE = "mx.mail.test ESMTP Postfix"
_POSTFIX_KEYWORDS = _keywords(
    "PIPELINING, SIZE 10240000, VRFY, ETRN, ENHANCEDSTATUSCODES, 8BITMIME, DSN, SMTPUTF8, CHUNKING"
)

POSTFIX = Reading(
    greeting=_greeting(220, _POSTFIX_LINE),
    ehlo_keywords=(*_POSTFIX_KEYWORDS[:4], "STARTTLS", *_POSTFIX_KEYWORDS[4:]),
    ehlo_keywords_tls=_POSTFIX_KEYWORDS,
)
POSTSCREEN = replace(POSTFIX, greeting=_greeting(220, _POSTFIX_LINE, _POSTFIX_LINE))
assert POSTSCREEN.ehlo_keywords is not None

OPENSMTPD_WITH_TLS = Reading(
    greeting=_greeting(220, "mx.mail.test ESMTP OpenSMTPD"),
    ehlo_keywords=_keywords("8BITMIME, ENHANCEDSTATUSCODES, SIZE 36700160, DSN, STARTTLS, HELP"),
    ehlo_keywords_tls=_keywords("8BITMIME, ENHANCEDSTATUSCODES, SIZE 36700160, DSN, HELP"),
)

_REFUSED_CLIENT = "<unknown[<client>]>: Client host rejected:"

READINGS: Mapping[str, Reading] = {
    **dict.fromkeys(
        (
            "plain",
            "ipv6",
            "rsa",
            "rsa-1024",
            "sha-1",
            "ed25519",
            "expired",
            "self-signed",
            "tls-1.0",
            "tls-1.1",
            "tls-1.2",
            "tls-1.3",
            "static-rsa",
            "greeting-late",
        ),
        POSTFIX,
    ),
    "no-common-cipher": _failed_handshake(POSTFIX, "handshake_failure (40)"),
    "anonymous": _failed_handshake(POSTFIX, "handshake_failure (40)"),
    "no-starttls": _without_tls(POSTFIX, _POSTFIX_KEYWORDS),
    "starttls-hidden": _without_tls(POSTFIX, _POSTFIX_KEYWORDS),
    "greeting-421": _refused_greeting(
        Failure.SERVICE_CLOSING, _greeting(421, f"4.7.0 {_REFUSED_CLIENT} Try again later")
    ),
    "greeting-521": _refused_greeting(
        Failure.PERMANENT_REPLY, _greeting(521, f"5.7.1 {_REFUSED_CLIENT} Go away")
    ),
    "greeting-554": _refused_greeting(
        Failure.PERMANENT_REPLY, _greeting(554, f"5.7.1 {_REFUSED_CLIENT} Access denied"), quit_code=221
    ),
    "hello-450": _refused_hello(Failure.TEMPORARY_REPLY, "EHLO", 450),
    "hello-550": _refused_hello(Failure.PERMANENT_REPLY, "HELO", 550),
    "connection-count": _refused_greeting(
        Failure.SERVICE_CLOSING,
        _greeting(421, "4.7.0 mx.mail.test Error: too many connections from <client>"),
    ),
    "connection-rate": _refused_greeting(
        Failure.SERVICE_CLOSING,
        _greeting(421, "4.7.0 mx.mail.test Error: too many connections from <client>"),
    ),
    "tls-rate": replace(
        _failed_handshake(POSTFIX, ""),
        stage=SessionStage.STARTTLS,
        failure=Failure.TEMPORARY_REPLY,
        failure_detail=None,
        starttls_reply=Reply(
            code=454, lines=("4.7.0 Error: too many new TLS sessions from unknown[<client>]",)
        ),
        plaintext_after_220=None,
        quit_code=221,
        pushed_back=True,
    ),
    "postscreen": POSTSCREEN,
    "postscreen-deep": replace(
        POSTSCREEN,
        ehlo_keywords=POSTSCREEN.ehlo_keywords[1:],
        ehlo_keywords_tls=_POSTFIX_KEYWORDS[1:],
    ),
    "nginx": Reading(
        greeting=_greeting(220, "mx.mail.test ESMTP ready"),
        ehlo_keywords=("STARTTLS",),
        starttls_reply=Reply(code=220, lines=("2.0.0 Start TLS",)),
        ehlo_keywords_tls=(),
    ),
    "exim": Reading(
        greeting=_greeting(220, "mx.mail.test ESMTP Exim <version> <date>"),
        ehlo_keywords=_keywords(
            "SIZE 52428800, 8BITMIME, PIPELINING, PIPECONNECT, CHUNKING, STARTTLS, SMTPUTF8, HELP"
        ),
        starttls_reply=Reply(code=220, lines=("TLS go ahead",)),
        ehlo_keywords_tls=_keywords(
            "SIZE 52428800, 8BITMIME, PIPELINING, PIPECONNECT, CHUNKING, SMTPUTF8, HELP"
        ),
    ),
    # Debian 12 has a release whose every handshake fails, for want of a key of OpenSSL 3.
    "opensmtpd": _failed_handshake(OPENSMTPD_WITH_TLS, "internal_error (80)"),
    "courier": Reading(
        greeting=_greeting(220, "mx.mail.test ESMTP"),
        ehlo_keywords=_keywords(
            "STARTTLS, XVERP=Courier, XEXDATA, XSECURITY=NONE,STARTTLS, PIPELINING, 8BITMIME, SMTPUTF8, "
            "SIZE, DSN"
        ),
        starttls_reply=Reply(code=220, lines=("Ok",)),
        ehlo_keywords_tls=_keywords(
            "XVERP=Courier, XEXDATA, XSECURITY=NONE,STARTTLS, PIPELINING, 8BITMIME, SMTPUTF8, SIZE, DSN"
        ),
    ),
    "sendmail": Reading(
        greeting=_greeting(
            220,
            "mx.mail.test ESMTP Sendmail <version>; <date>; (No UCE/UBE) logging access from: "
            "<client>(OK)-<client> [<client>]",
        ),
        ehlo_keywords=_keywords(
            "ENHANCEDSTATUSCODES, PIPELINING, EXPN, VERB, 8BITMIME, SIZE, DSN, ETRN, "
            "AUTH DIGEST-MD5 CRAM-MD5, STARTTLS, DELIVERBY, HELP"
        ),
        ehlo_keywords_tls=_keywords(
            "ENHANCEDSTATUSCODES, PIPELINING, EXPN, VERB, 8BITMIME, SIZE, DSN, ETRN, "
            "AUTH DIGEST-MD5 CRAM-MD5, DELIVERBY, HELP"
        ),
    ),
}
"""By name of the case in `tests.servers.mail_servers.ADDRESSES`."""

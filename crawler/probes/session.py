"""One SMTP session with one address of one MX host, as far as it goes (RFC 5321, RFC 3207)."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import trio

from crawler.outcomes import Failure, SessionStage
from crawler.probes.dialogue import Dialogue, require_code
from crawler.probes.failures import PEER_ERRORS, name_failure
from crawler.probes.limit import Limit
from crawler.probes.reach import Connect, family_of, may_contact, open_tcp
from crawler.probes.tls import TlsStream
from crawler.protocol.smtp import (
    ehlo_keywords,
    has_stripped_keyword,
    is_masked_greeting,
    offers_starttls,
)
from crawler.records import Reply, Session, TlsaLookup, TlsHandshake
from crawler.settings import Settings

_QUIT_LIMIT_SECONDS = 5.0
"""Waiting for the reply to QUIT: a courtesy, no measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedSession:
    """What a session showed: its row, and the certificates that its chain names, as DER."""

    session: Session
    certificates: tuple[bytes, ...]


async def observe_session(
    mx_host: str,
    address: str,
    tlsa: TlsaLookup | None,
    settings: Settings,
    *,
    tlsa_expanded: TlsaLookup | None = None,
    attempt: int = 1,
    connect: Connect = open_tcp,
) -> ObservedSession:
    """Hold one session and return what it showed; whatever the peer does is in the record, never raised.

    Greeting, EHLO (HELO if that is refused with 5yz), STARTTLS if offered, TLS, EHLO again, QUIT. An address
    that may not be contacted is not: its session ends in stage not_attempted.
    """
    if not may_contact(address, settings):
        reason = Failure.SPECIAL_PURPOSE_ADDRESS
        return unattempted_session(
            mx_host, address, tlsa, settings, reason, tlsa_expanded=tlsa_expanded, attempt=attempt
        )
    progress = _Progress()
    await _visit(progress, mx_host, address, settings, connect)
    session = _record(progress, mx_host, address, tlsa, tlsa_expanded, settings, attempt)
    return ObservedSession(session=session, certificates=progress.certificates)


def unattempted_session(
    mx_host: str,
    address: str,
    tlsa: TlsaLookup | None,
    settings: Settings,
    reason: Failure,
    *,
    tlsa_expanded: TlsaLookup | None = None,
    attempt: int = 1,
) -> ObservedSession:
    """Return the row of an endpoint that is not asked, with the reason why."""
    progress = _Progress(failure=reason)
    session = _record(progress, mx_host, address, tlsa, tlsa_expanded, settings, attempt)
    return ObservedSession(session=session, certificates=())


def _record(
    progress: "_Progress",
    mx_host: str,
    address: str,
    tlsa: TlsaLookup | None,
    tlsa_expanded: TlsaLookup | None,
    settings: Settings,
    attempt: int,
) -> Session:
    seconds, keywords = progress.seconds, progress.ehlo_keywords
    return Session(
        mx_host=mx_host,
        address=address,
        family=family_of(address),
        port=settings.smtp_port,
        attempt=attempt,
        stage=progress.stage,
        failure=progress.failure,
        failure_detail=progress.failure_detail,
        greeting=progress.greeting,
        greeting_masked=None if progress.greeting is None else is_masked_greeting(progress.greeting),
        hello_command=progress.hello_command,
        hello_code=progress.hello_code,
        ehlo_keywords=keywords,
        starttls_offered=progress.starttls_offered,
        starttls_overwritten=None if keywords is None else has_stripped_keyword(keywords),
        starttls_reply=progress.starttls_reply,
        plaintext_after_220=progress.plaintext_after_220,
        tls=progress.tls,
        hello_tls_code=progress.hello_tls_code,
        ehlo_keywords_tls=progress.ehlo_keywords_tls,
        quit_code=progress.quit_code,
        pushed_back=None
        if progress.greeting is None
        else any(dialogue.was_pushed_back for dialogue in progress.dialogues),
        tlsa=tlsa,
        tlsa_expanded=tlsa_expanded,
        started_at=progress.started_at,
        connect_seconds=seconds.get(SessionStage.CONNECT),
        greeting_seconds=seconds.get(SessionStage.GREETING),
        hello_seconds=seconds.get(SessionStage.HELLO),
        starttls_seconds=seconds.get(SessionStage.STARTTLS),
        handshake_seconds=seconds.get(SessionStage.HANDSHAKE),
        total_seconds=trio.current_time() - progress.start,
    )


@dataclass(slots=True)
class _Progress:
    """What is known so far. Whatever ends the session, the record is made of this."""

    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    start: float = field(default_factory=trio.current_time)
    stage: SessionStage = SessionStage.NOT_ATTEMPTED
    failure: Failure | None = None
    failure_detail: str | None = None
    greeting: Reply | None = None
    hello_command: str | None = None
    hello_code: int | None = None
    ehlo_keywords: tuple[str, ...] | None = None
    starttls_offered: bool | None = None
    starttls_reply: Reply | None = None
    plaintext_after_220: int | None = None
    tls: TlsHandshake | None = None
    certificates: tuple[bytes, ...] = ()
    hello_tls_code: int | None = None
    ehlo_keywords_tls: tuple[str, ...] | None = None
    quit_code: int | None = None
    seconds: dict[SessionStage, float] = field(default_factory=dict)
    """How long the stages took that were not left by an error."""
    stage_start: float = 0.0
    dialogue: Dialogue | None = None
    """The dialogue in which QUIT can be said; none before the connection and during the handshake."""
    dialogues: list[Dialogue] = field(default_factory=list)
    """All that there were: in the clear, and inside TLS."""
    is_concluded: bool = False
    """Whether the last stage is over; QUIT is none."""

    def begin(self, stage: SessionStage) -> None:
        self.stage = stage
        self.stage_start = trio.current_time()

    def end(self) -> None:
        self.seconds[self.stage] = trio.current_time() - self.stage_start

    def open_dialogue(self, stream: trio.abc.Stream, limit: Limit) -> Dialogue:
        self.dialogue = Dialogue(stream, limit)
        self.dialogues.append(self.dialogue)
        return self.dialogue


async def _visit(
    progress: _Progress, mx_host: str, address: str, settings: Settings, connect: Connect
) -> None:
    """Connect, converse, quit and close, within the limit of the whole session."""
    transport: trio.abc.Stream | None = None
    try:
        with trio.CancelScope() as scope:
            limit = Limit(scope, settings.session_timeout_seconds)
            try:
                limit.allow(settings.connect_timeout_seconds)
                progress.begin(SessionStage.CONNECT)
                transport = await connect(address, settings.smtp_port)
                progress.end()
                await _converse(progress, transport, mx_host, settings, limit)
            except PEER_ERRORS as error:
                progress.failure, progress.failure_detail = name_failure(error)
                if progress.stage is SessionStage.CONNECT and progress.failure is Failure.RESET:
                    # A peer that answers the first SYN with RST refuses; one that resets had accepted, and
                    # went away before this process looked.
                    progress.stage = SessionStage.GREETING
            progress.is_concluded = True
            await _quit(progress, settings)
        if not progress.is_concluded:
            progress.failure = Failure.TIMEOUT
    finally:
        if transport is not None:
            await transport.aclose()


async def _converse(
    progress: _Progress, transport: trio.abc.Stream, mx_host: str, settings: Settings, limit: Limit
) -> None:
    """Go through the stages after the connection. Raises one of PEER_ERRORS in the stage that fails."""
    dialogue = progress.open_dialogue(transport, limit)
    await _await_greeting(progress, dialogue, settings)
    await _say_hello(progress, dialogue, settings)
    if not progress.starttls_offered:
        return
    await _start_tls(progress, dialogue, settings)
    progress.dialogue = None
    limit.allow(settings.handshake_timeout_seconds)
    secure = await _shake_hands(progress, transport, mx_host)
    await _say_hello_again(progress, progress.open_dialogue(secure, limit), settings)


async def _await_greeting(progress: _Progress, dialogue: Dialogue, settings: Settings) -> None:
    progress.begin(SessionStage.GREETING)
    progress.greeting = await dialogue.greeting(settings.greeting_timeout_seconds)
    progress.end()
    require_code(progress.greeting, 220)


async def _say_hello(progress: _Progress, dialogue: Dialogue, settings: Settings) -> None:
    """EHLO, whatever the greeting says; HELO only if that is refused for good (RFC 5321 s3.2)."""
    progress.begin(SessionStage.HELLO)
    reply = await _hello(progress, dialogue, "EHLO", settings)
    if reply.code // 100 == 5:
        reply = await _hello(progress, dialogue, "HELO", settings)
    progress.end()
    progress.hello_code = reply.code
    require_code(reply, 250)
    if progress.hello_command == "HELO":
        progress.starttls_offered = False
        return
    progress.ehlo_keywords = ehlo_keywords(reply)
    progress.starttls_offered = offers_starttls(progress.ehlo_keywords)


async def _hello(progress: _Progress, dialogue: Dialogue, verb: str, settings: Settings) -> Reply:
    await dialogue.take_turn(settings.reply_timeout_seconds)
    progress.hello_command = verb
    return await dialogue.command(f"{verb} {settings.hello_name}", settings.reply_timeout_seconds)


async def _start_tls(progress: _Progress, dialogue: Dialogue, settings: Settings) -> None:
    progress.begin(SessionStage.STARTTLS)
    await dialogue.take_turn(settings.reply_timeout_seconds)
    progress.starttls_reply = await dialogue.command("STARTTLS", settings.reply_timeout_seconds)
    progress.end()
    require_code(progress.starttls_reply, 220)
    # Discarded with the dialogue: nothing said in the clear may reach the TLS session (RFC 3207 s4.2).
    progress.plaintext_after_220 = len(dialogue.unread)


async def _shake_hands(progress: _Progress, transport: trio.abc.Stream, mx_host: str) -> TlsStream:
    progress.begin(SessionStage.HANDSHAKE)
    secure = TlsStream(transport, mx_host)
    try:
        await secure.handshake()
        progress.end()
    finally:
        progress.certificates = secure.chain()
        progress.tls = secure.facts(progress.certificates)
    return secure


async def _say_hello_again(progress: _Progress, dialogue: Dialogue, settings: Settings) -> None:
    """EHLO inside TLS: what was said before counts no more, and no greeting comes first (RFC 3207 s4.2)."""
    progress.begin(SessionStage.HELLO_TLS)
    reply = await dialogue.command(f"EHLO {settings.hello_name}", settings.reply_timeout_seconds)
    progress.end()
    progress.hello_tls_code = reply.code
    require_code(reply, 250)
    progress.ehlo_keywords_tls = ehlo_keywords(reply)


async def _quit(progress: _Progress, settings: Settings) -> None:
    """Say QUIT and close in order, where a command is in order; its failure is no outcome."""
    dialogue = progress.dialogue
    if dialogue is None or not dialogue.is_in_step:
        return
    is_answered_already = bool(dialogue.unread)
    with suppress(*PEER_ERRORS):
        reply = await dialogue.command("QUIT", min(_QUIT_LIMIT_SECONDS, settings.reply_timeout_seconds))
        progress.quit_code = None if is_answered_already else reply.code
        await dialogue.stream.aclose()

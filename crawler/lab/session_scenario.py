"""One behaviour of a mail server, and what a session with it must come to."""

from dataclasses import dataclass, field
from typing import Any

from crawler.lab.lookups import Row

FAILURES_FOR_NOW = frozenset(
    {"timeout", "reset", "closed", "service_closing", "temporary_reply", "local_error"}
)
"""May be gone later, at whatever stage. Inside TLS there is nothing more to learn: it is not tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpScenario:
    """One behaviour of a mail server. What is not said goes as in a session without trouble."""

    server: dict[str, Any] = field(default_factory=dict)
    """Fields of MailServer."""
    tls: str | None = None
    """Word of TLS_SCENARIOS, where the behaviour needs that one."""
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
    columns: Row | None = None
    """Of a scripted server: what is certain of its sessions, in place of what greeting, hello, keywords,
    offered, starttls_code, alert, hello_tls and quit_code say."""
    chain_is_whole: bool | None = None
    """Of a scripted server whose handshake fails: whether its whole chain arrives, or (False) nothing of it;
    None: it shows no certificate of its own."""
    names_blocklist: bool = False
    """The refusal names a blocklist: it is about the scanner, and may be gone later."""
    first: str | None = None
    """Another word of SMTP_SCENARIOS: what the first session with the address comes to. The address has one
    host name then, and the second session is as declared here."""
    is_counted: bool = True
    """Whether the server itself tells the first session from the second; else the scanner's patience does."""
    attempts_declared: bool = True
    """False: how many attempts it takes hangs on timing; only the last one's verdict is certain."""

    @property
    def needs_certificate(self) -> bool:
        """Whether the server has a certificate to show, be it in part."""
        return bool(self.handshake) or self.chain_is_whole is not None

    @property
    def is_for_now(self) -> bool:
        """Whether a survey must try again, and so finds the same twice."""
        if self.stage == "hello_tls":
            return False
        return self.failure in FAILURES_FOR_NOW or self.names_blocklist

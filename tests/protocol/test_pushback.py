"""Which refusals are about the client."""

import pytest

from crawler.protocol.pushback import is_pushback
from crawler.records import Reply

SENT_AWAY = (
    (421, "4.3.2 service shutting down"),
    (421, ""),
    (450, "4.7.1 Error: too much mail from 192.0.2.1"),
    (450, "4.7.1 Client host rejected: connection rate limit exceeded"),
    (451, "4.7.500 Server busy. Throttling in effect"),
    (452, "Too many connections from your host"),
    (454, "4.7.0 Error: too many new TLS sessions from unknown[127.0.0.1]"),
    (550, "5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org"),
    (554, "5.7.1 Your address is on our blocklist"),
    (554, "rejected by DNSBL policy"),
    (554, "192.0.2.1 listed at an RBL"),
    (554, "Bad sender reputation"),
    (550, "concurrency limit reached"),
    (521, "5.7.1 <unknown[192.0.2.1]>: Client host rejected: Go away"),
    (450, "4.7.1 <scan.example>: Helo command rejected: Host not found"),
    (550, "5.7.1 Access denied, please ask for help"),
)
NOT_SENT_AWAY = (
    (220, "mx.example ESMTP, too many features"),
    (250, "blocklist.example greets you"),
    (450, "4.3.2 mailbox server busy"),
    (451, "4.3.0 try again later"),
    (454, "4.7.0 TLS not available due to temporary reason"),
    (502, "5.5.1 command not implemented"),
    (554, "5.7.1 no SMTP service here for you"),
    (554, "no reason"),
)


@pytest.mark.parametrize(("code", "text"), SENT_AWAY)
def test_a_refusal_about_the_client_is_pushback(code: int, text: str) -> None:
    assert is_pushback(Reply(code=code, lines=(text,)))


@pytest.mark.parametrize(("code", "text"), NOT_SENT_AWAY)
def test_other_replies_are_not(code: int, text: str) -> None:
    assert not is_pushback(Reply(code=code, lines=(text,)))


def test_any_line_of_a_refusal_may_say_it() -> None:
    assert is_pushback(Reply(code=550, lines=("refused", "see https://www.spamhaus.org/query")))

"""Mail servers that are hostile in the TLS handshake and behind it, and others that are odd but work."""

from typing import Any

from crawler.lab import tls_flights as flights
from crawler.lab.hostile import OCTET_SECONDS, OFFERED
from crawler.lab.lookups import Row
from crawler.lab.script import (
    EHLO_TLS_REPLY,
    GO_AHEAD,
    GREETING,
    HELLO,
    IN_TLS,
    TO_TLS,
    Action,
    AskToRenegotiate,
    Close,
    Endless,
    InTheClear,
    Line,
    Octets,
    PartialHandshake,
    Reset,
    Silence,
    SlowHandshake,
    Tls,
)
from crawler.lab.session_scenario import SmtpScenario

_ACCEPTED: Row = OFFERED | {
    "starttls_reply": {"code": 220, "lines": ["2.0.0 Ready to start TLS"]},
    "plaintext_after_220": 0,
}
"""By TO_TLS."""
_IN_TLS: Row = {"hello_tls_code": 250, "ehlo_keywords_tls": ["PIPELINING", "REQUIRETLS"], "quit_code": 221}
_CLIENT: Row = {"side": "client"}
_UNDECLARED: Row = {}


def _handshake(
    failure: str,
    *script: Action,
    tls: str | None = None,
    alert: Row | None = _UNDECLARED,
    chain_is_whole: bool | None = None,
) -> SmtpScenario:
    return SmtpScenario(
        server={"script": (*TO_TLS, *script)},
        tls=tls,
        stage="handshake",
        failure=failure,
        outcome="tls_failed",
        handshake=False,
        alert=alert,
        chain_is_whole=chain_is_whole,
        is_slow=failure == "timeout",
        columns=_ACCEPTED | {"hello_tls_code": None, "ehlo_keywords_tls": None, "quit_code": None},
    )


def _stalls(part_sent: PartialHandshake, *, tls: str, chain_is_whole: bool = False) -> SmtpScenario:
    return _handshake("timeout", part_sent, Silence(), tls=tls, chain_is_whole=chain_is_whole)


def _not_tls(
    *script: Action, alert: Row | None = _UNDECLARED, chain_is_whole: bool | None = None
) -> SmtpScenario:
    spoken = (Octets(), *script, Silence())
    return _handshake("tls_error", *spoken, alert=alert, chain_is_whole=chain_is_whole)


def _whole(*before: Action, **columns: Any) -> SmtpScenario:
    script = (*before, Tls(), *IN_TLS)
    return SmtpScenario(server={"script": script}, columns=_ACCEPTED | _IN_TLS | columns)


def _inside(
    failure: str | None, *script: Action, tls: str = "tls13_only", asks_client: bool = False, **columns: Any
) -> SmtpScenario:
    expected: Row = {"hello_tls_code": None, "ehlo_keywords_tls": None, "quit_code": None}
    return SmtpScenario(
        server={"script": (*TO_TLS, Tls(asks_client=asks_client), *script)},
        tls=tls,
        failure=failure,
        is_slow=failure == "timeout",
        columns=_ACCEPTED | expected | columns,
    )


HOSTILE_HANDSHAKES: dict[str, SmtpScenario] = {
    "stalls_in_first_flight": _stalls(PartialHandshake(0, 0.5), tls="tls12_only"),
    "stalls_behind_first_flight": _stalls(PartialHandshake(1), tls="tls12_only", chain_is_whole=True),
    "stalls_in_last_flight": _stalls(PartialHandshake(1, 0.5), tls="tls12_only", chain_is_whole=True),
    "closes_behind_first_flight": _handshake(
        "closed", PartialHandshake(1), Octets(), Close(), tls="tls12_only", chain_is_whole=True
    ),
    "resets_behind_first_flight": _handshake(
        "reset", PartialHandshake(1), Octets(), Reset(), tls="tls12_only", chain_is_whole=True
    ),
    "stalls_in_flight_of_tls13": _stalls(PartialHandshake(0, 0.6), tls="tls13_only"),
    "stalls_behind_hello_retry": _stalls(PartialHandshake(1), tls="classic"),
    "shakes_hands_octet_by_octet": _handshake(
        "timeout", SlowHandshake(OCTET_SECONDS), tls="tls12_only", chain_is_whole=False
    ),
    "answers_client_hello_in_smtp": _not_tls(b"454 4.3.0 TLS not available\r\n", alert=None),
    "answers_client_hello_in_http": _not_tls(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "answers_client_hello_in_ssh": _not_tls(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "speaks_ssl2": _not_tls(flights.SSLV2_SERVER_HELLO),
    "speaks_ssl3": _not_tls(flights.SSLV3_SERVER_HELLO, alert=_CLIENT | {"name": "protocol_version"}),
    "sends_zeros_for_tls": _not_tls(bytes(100_000)),
    "sends_oversized_record": _not_tls(flights.OVERSIZED_RECORD),
    "sends_empty_records": _not_tls(flights.EMPTY_RECORD * 1000),
    "warns_without_end": _not_tls(Endless(flights.WARNING * 100)),
    "asks_for_hello_without_end": _not_tls(Endless(flights.HELLO_REQUEST * 100), alert=None),
    "takes_anonymous_suite": _not_tls(
        flights.ANONYMOUS_SERVER_HELLO, alert=_CLIENT | {"name": "illegal_parameter"}
    ),
    "takes_suite_without_encryption": _not_tls(flights.NULL_SERVER_HELLO, alert=_CLIENT),
    "no_certificate": _not_tls(
        flights.server_hello() + flights.SERVER_HELLO_DONE, alert=_CLIENT, chain_is_whole=False
    ),
    "empty_chain": _not_tls(flights.server_hello() + flights.certificate_message(), alert=_CLIENT),
    "certificate_of_no_octets": _not_tls(flights.server_hello() + flights.certificate_message(b"")),
    "certificate_that_is_none": _not_tls(
        flights.server_hello() + flights.certificate_message(b"hello"), alert=_CLIENT, chain_is_whole=False
    ),
    "certificate_of_1_mb": _not_tls(
        flights.server_hello() + flights.certificate_message(bytes(1_000_000)), alert=_CLIENT
    ),
    "insists_on_client_certificate": _handshake(
        "tls_alert", Tls(asks_client=True), tls="tls12_only", alert={"side": "server"}, chain_is_whole=True
    ),
}

ODD_BUT_WHOLE: dict[str, SmtpScenario] = {
    "starttls_in_lower_case": _whole(
        *(GREETING, Line(), b"250-mx\r\n250 starttls\r\n", Line(), GO_AHEAD), ehlo_keywords=["starttls"]
    ),
    "lines_end_with_lf_alone": _whole(
        *(b"220 mx\n", Line(), b"250-mx\n250-SIZE\n250 STARTTLS\n", Line(), b"220 go\n"),
        greeting={"code": 220, "lines": ["mx"]},
        ehlo_keywords=["SIZE", "STARTTLS"],
        starttls_reply={"code": 220, "lines": ["go"]},
    ),
    "nul_and_8_bit_in_replies": _whole(
        b"220 m\0x caf\xe9\r\n", Line(),
        b"250-m\0x\r\n250-\xff\xfe\r\n250 STARTTLS\r\n", Line(), b"220 \0\r\n",
        greeting={"code": 220, "lines": ["m\\x00x caf\\xE9"]},
        ehlo_keywords=["\\xFF\\xFE", "STARTTLS"],
        starttls_reply={"code": 220, "lines": ["\\x00"]},
    ),
    "masks_greeting_alone": _whole(
        b"220 ****0****2***\r\n", *TO_TLS[1:],
        greeting={"code": 220, "lines": ["****0****2***"]}, greeting_masked=True,
    ),
    "injects_behind_220": _whole(
        *HELLO, Line(), GO_AHEAD + b"250-mx\r\n250 AUTH PLAIN\r\n", plaintext_after_220=24
    ),
}  # fmt: skip

HOSTILE_INSIDE_TLS: dict[str, SmtpScenario] = {
    "falls_silent_inside_tls": _inside("timeout", Line(), Silence()),
    "resets_inside_tls": _inside("reset", Line(), Reset()),
    "floods_inside_tls": _inside("reply_too_long", Endless(b"250-STARTTLS\r\n" * 300)),
    "floods_with_zeros_inside_tls": _inside("malformed_reply", Endless(bytes(16384)), tls="tls12_only"),
    "greets_again_inside_tls": _inside(
        "unexpected_reply", GREETING, Line(), EHLO_TLS_REPLY, hello_tls_code=220, quit_code=250
    ),
    "goes_on_in_the_clear": _inside("tls_error", Line(), InTheClear(EHLO_TLS_REPLY), Silence()),
    "goes_on_in_the_clear_of_tls12": _inside(
        "tls_error", Line(), InTheClear(flights.HELLO_REQUEST), Silence(), tls="tls12_only"
    ),
    "insists_on_client_certificate_late": _inside("tls_alert", asks_client=True),
    "asks_to_renegotiate": _inside(
        None, Line(), AskToRenegotiate(), EHLO_TLS_REPLY, Line(), tls="tls12_only",
        hello_tls_code=250, ehlo_keywords_tls=["PIPELINING", "REQUIRETLS"],
    ),
    "asks_to_renegotiate_and_waits": _inside(
        "timeout", Line(), AskToRenegotiate(), Silence(), tls="tls12_only"
    ),
}  # fmt: skip

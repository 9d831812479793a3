"""SMTP sessions through the TLS handshake: what is recorded of it, and every way to fail there."""

import hashlib

import pytest
from OpenSSL import SSL
from trio.testing import MockClock

from crawler.lab.script import (
    BYE,
    EHLO_TLS_REPLY,
    GO_AHEAD,
    HELLO,
    TO_TLS,
    Action,
    Close,
    Line,
    Octets,
    Pause,
    Reset,
    Silence,
    Tls,
)
from crawler.outcomes import AlertSide, Failure, SessionStage
from crawler.records import Alert, TlsHandshake
from tests.probes.peers import MX_HOST, issued, server_context
from tests.probes.test_session import visit

IN_TLS: tuple[Action, ...] = (Line(), EHLO_TLS_REPLY, Line(), BYE)


def digests(key_type: str = "ec") -> tuple[str, ...]:
    return tuple(hashlib.sha256(der).hexdigest() for der in issued(key_type).der)


async def test_a_whole_session_records_every_stage(autojump_clock: MockClock) -> None:
    seen = await visit(*TO_TLS, Tls(server_context()), *IN_TLS)
    session = seen.session
    assert seen.ended == (SessionStage.HELLO_TLS, None)
    assert session.starttls_reply is not None
    assert session.starttls_reply.code == 220
    assert session.plaintext_after_220 == 0
    assert session.tls == TlsHandshake(
        version="TLSv1.3",
        cipher_suite="TLS_AES_256_GCM_SHA384",
        group="X25519MLKEM768",
        chain=digests(),
    )
    assert seen.observed.certificates == issued("ec").der
    assert (session.hello_tls_code, session.ehlo_keywords_tls) == (250, ("PIPELINING", "REQUIRETLS"))
    assert session.ehlo_keywords == ("PIPELINING", "STARTTLS")
    assert session.quit_code == 221
    assert seen.peer.lines == [b"EHLO scan.test", b"STARTTLS", b"EHLO scan.test", b"QUIT"]
    seconds = (
        session.connect_seconds,
        session.greeting_seconds,
        session.hello_seconds,
        session.starttls_seconds,
        session.handshake_seconds,
    )
    assert None not in seconds


async def test_the_server_name_is_the_mx_host(autojump_clock: MockClock) -> None:
    seen = await visit(*TO_TLS, Tls(server_context()), *IN_TLS)
    assert seen.peer.server_names == [MX_HOST.encode()]


@pytest.mark.parametrize("key_type", ["ec", "rsa"])
@pytest.mark.parametrize(
    ("version", "name"),
    [
        (SSL.TLS1_VERSION, "TLSv1"),
        (SSL.TLS1_1_VERSION, "TLSv1.1"),
        (SSL.TLS1_2_VERSION, "TLSv1.2"),
        (SSL.TLS1_3_VERSION, "TLSv1.3"),
    ],
)
async def test_every_version_from_tls_1_0_on_is_spoken_with_every_key(
    autojump_clock: MockClock, version: int, name: str, key_type: str
) -> None:
    seen = await visit(*TO_TLS, Tls(server_context(key_type, version=version)), *IN_TLS)
    assert seen.ended == (SessionStage.HELLO_TLS, None)
    assert seen.session.tls is not None
    assert (seen.session.tls.version, seen.session.tls.chain) == (name, digests(key_type))


@pytest.mark.parametrize(("groups", "name"), [(b"X25519", "x25519"), (b"P-256", "secp256r1")])
async def test_the_group_is_the_one_that_the_server_took(
    autojump_clock: MockClock, groups: bytes, name: str
) -> None:
    seen = await visit(*TO_TLS, Tls(server_context(groups=groups)), *IN_TLS)
    assert seen.session.tls is not None
    assert seen.session.tls.group == name


async def test_static_rsa_has_no_group(autojump_clock: MockClock) -> None:
    context = server_context("rsa", version=SSL.TLS1_2_VERSION, ciphers=b"kRSA:@SECLEVEL=0")
    seen = await visit(*TO_TLS, Tls(context), *IN_TLS)
    assert seen.session.tls is not None
    assert (seen.session.tls.version, seen.session.tls.group) == ("TLSv1.2", None)


async def test_plaintext_behind_the_220_is_counted_and_discarded(autojump_clock: MockClock) -> None:
    script = (*HELLO, Line(), GO_AHEAD + b"250 injected\r\n", Tls(server_context()), *IN_TLS)
    seen = await visit(*script)
    assert seen.ended == (SessionStage.HELLO_TLS, None)
    assert seen.session.plaintext_after_220 == len(b"250 injected\r\n")
    assert seen.session.hello_tls_code == 250
    assert seen.session.ehlo_keywords_tls == ("PIPELINING", "REQUIRETLS")


@pytest.mark.parametrize(
    ("action", "failure"),
    [
        (Close(), Failure.CLOSED),
        (Reset(), Failure.RESET),
        (Silence(), Failure.TIMEOUT),
        (Pause(21), Failure.TIMEOUT),
    ],
)
async def test_a_handshake_that_is_cut_off_is_named_by_how(
    autojump_clock: MockClock, action: Action, failure: Failure
) -> None:
    seen = await visit(*TO_TLS, Octets(), action)
    assert seen.ended == (SessionStage.HANDSHAKE, failure)
    assert seen.session.tls == TlsHandshake()
    assert seen.session.handshake_seconds is None
    assert (seen.session.hello_tls_code, seen.session.quit_code) == (None, None)


async def test_octets_that_are_no_tls_are_our_own_alert_and_a_tls_error(autojump_clock: MockClock) -> None:
    seen = await visit(*TO_TLS, b"454 4.3.0 TLS not available\r\n", Silence())
    assert seen.ended == (SessionStage.HANDSHAKE, Failure.TLS_ERROR)
    tls = seen.session.tls
    assert tls is not None
    assert (tls.version, tls.cipher_suite, tls.group, tls.chain) == (None, None, None, ())
    assert tls.error is not None
    assert tls.alert is None or tls.alert.side is AlertSide.CLIENT
    assert seen.session.failure_detail == tls.error


@pytest.mark.parametrize(
    ("record", "code", "name"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x28", 40, "handshake_failure"),
        (b"\x15\x03\x03\x00\x02\x02\x46", 70, "protocol_version"),
        (b"\x15\x03\x03\x00\x02\x02\x70", 112, "unrecognized_name"),
        (b"\x15\x03\x03\x00\x02\x02\xfa", 250, "unknown"),
    ],
)
async def test_an_alert_of_the_server_is_recorded_with_its_name(
    autojump_clock: MockClock, record: bytes, code: int, name: str
) -> None:
    seen = await visit(*TO_TLS, record, Silence())
    assert seen.ended == (SessionStage.HANDSHAKE, Failure.TLS_ALERT)
    assert seen.session.failure_detail == f"{name} ({code})"
    assert seen.session.tls is not None
    assert seen.session.tls.alert == Alert(side=AlertSide.SERVER, code=code, name=name)


async def test_a_warning_does_not_end_a_handshake_and_is_no_alert(autojump_clock: MockClock) -> None:
    """Servers that do not know the name may say so by a warning and go on (RFC 6066 s3)."""
    context = server_context(version=SSL.TLS1_2_VERSION)
    seen = await visit(*TO_TLS, b"\x15\x03\x03\x00\x02\x01\x70", Tls(context), *IN_TLS)
    assert seen.ended == (SessionStage.HELLO_TLS, None)
    assert seen.session.tls is not None
    assert seen.session.tls.alert is None


async def test_a_warning_is_not_what_ended_a_handshake_that_is_cut_off(autojump_clock: MockClock) -> None:
    seen = await visit(*TO_TLS, Octets(), b"\x15\x03\x03\x00\x02\x01\x70", Close())
    assert seen.ended == (SessionStage.HANDSHAKE, Failure.CLOSED)
    assert seen.session.tls == TlsHandshake()


async def test_close_notify_in_place_of_a_handshake_is_a_closed_connection(autojump_clock: MockClock) -> None:
    seen = await visit(*TO_TLS, b"\x15\x03\x03\x00\x02\x01\x00", Silence())
    assert seen.ended == (SessionStage.HANDSHAKE, Failure.CLOSED)


async def test_a_server_without_a_common_cipher_sends_its_alert(autojump_clock: MockClock) -> None:
    context = server_context("rsa", version=SSL.TLS1_2_VERSION, ciphers=b"aNULL:@SECLEVEL=0")
    seen = await visit(*TO_TLS, Tls(context))
    assert seen.ended == (SessionStage.HANDSHAKE, Failure.TLS_ALERT)
    assert seen.session.tls is not None
    assert seen.session.tls.alert == Alert(side=AlertSide.SERVER, code=40, name="handshake_failure")


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (b"421 bye\r\n", Failure.SERVICE_CLOSING),
        (b"451 later\r\n", Failure.TEMPORARY_REPLY),
        (b"500 what?\r\n", Failure.PERMANENT_REPLY),
    ],
)
async def test_ehlo_refused_inside_tls_leaves_the_handshake_standing(
    autojump_clock: MockClock, reply: bytes, failure: Failure
) -> None:
    seen = await visit(*TO_TLS, Tls(server_context()), Line(), reply, Line(), BYE)
    assert seen.ended == (SessionStage.HELLO_TLS, failure)
    assert seen.session.tls is not None
    assert seen.session.tls.version == "TLSv1.3"
    assert (seen.session.hello_tls_code, seen.session.ehlo_keywords_tls) == (int(reply[:3]), None)
    assert seen.session.handshake_seconds is not None
    assert (seen.peer.lines[-1], seen.session.quit_code) == (b"QUIT", 221)


@pytest.mark.parametrize(
    ("action", "failure"),
    [
        (Close(), Failure.CLOSED),
        (Reset(), Failure.RESET),
        (Silence(), Failure.TIMEOUT),
        (b"garbage\r\n", Failure.MALFORMED_REPLY),
    ],
)
async def test_a_session_cut_off_inside_tls_keeps_the_handshake(
    autojump_clock: MockClock, action: Action, failure: Failure
) -> None:
    seen = await visit(*TO_TLS, Tls(server_context()), Line(), action)
    assert seen.ended == (SessionStage.HELLO_TLS, failure)
    assert seen.session.tls is not None
    assert seen.session.tls.chain == digests()
    assert seen.observed.certificates == issued("ec").der

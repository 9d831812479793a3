"""Mail servers that are hostile in the TLS handshake and behind it: what each does, and how that must end."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from OpenSSL import SSL

from crawler.outcomes import Failure, Outcome, SessionStage
from tests.probes import odd_certificates as odd
from tests.probes import tls_flights as flights
from tests.probes.hostile import TICK_SECONDS, HostileServer
from tests.probes.peers import (
    BYE,
    EHLO_TLS_REPLY,
    GO_AHEAD,
    GREETING,
    HELLO,
    MX_HOST,
    TO_TLS,
    Action,
    Close,
    Endless,
    Line,
    Octets,
    Reset,
    Silence,
    Tls,
    server_context,
)


def _handshake(name: str, failure: Failure, *script: Action, **columns: Any) -> HostileServer:
    expected = {"starttls_offered": True, "version": None, "hello_tls_code": None, "quit_code": None}
    return HostileServer(
        name,
        (*TO_TLS, *script),
        SessionStage.HANDSHAKE,
        failure,
        Outcome.TLS_FAILED,
        expected | columns,
    )


def _not_tls(name: str, *script: Action, **columns: Any) -> HostileServer:
    return _handshake(name, Failure.TLS_ERROR, Octets(), *script, Silence(), **columns)


def _whole(
    name: str,
    context: SSL.Context,
    *before: Action,
    leaf: Mapping[str, Any] | None = None,
    **columns: Any,
) -> HostileServer:
    script = (*(before or TO_TLS), Tls(context), Line(), EHLO_TLS_REPLY, Line(), BYE)
    expected = {"hello_tls_code": 250, "quit_code": 221} | columns
    return HostileServer(name, script, SessionStage.HELLO_TLS, None, Outcome.TLS_OK, expected, leaf or {})


def _inside(
    name: str, failure: Failure, *script: Action, context: SSL.Context, **columns: Any
) -> HostileServer:
    expected = {"alert_side": None, "quit_code": None} | columns
    return HostileServer(
        name, (*TO_TLS, Tls(context), *script), SessionStage.HELLO_TLS, failure, Outcome.TLS_OK, expected
    )


_TLS12, _TLS13 = server_context(version=SSL.TLS1_2_VERSION), server_context(version=SSL.TLS1_3_VERSION)

HANDSHAKE = [
    _handshake("never answers the ClientHello", Failure.TIMEOUT, Octets(), Silence()),
    _handshake("closes at the ClientHello", Failure.CLOSED, Octets(), Close()),
    _handshake("resets at the ClientHello", Failure.RESET, Octets(), Reset()),
    _handshake("stalls within its first flight", Failure.TIMEOUT,
               flights.partial_handshake(_TLS12, flights=0, part=0.5), Silence()),
    _handshake("stalls behind its first flight", Failure.TIMEOUT,
               flights.partial_handshake(_TLS12, flights=1), Silence(), chain_length=2),
    _handshake("stalls within its last flight", Failure.TIMEOUT,
               flights.partial_handshake(_TLS12, flights=1, part=0.5), Silence()),
    _handshake("closes behind its first flight", Failure.CLOSED,
               flights.partial_handshake(_TLS12, flights=1), Octets(), Close()),
    _handshake("resets behind its first flight", Failure.RESET,
               flights.partial_handshake(_TLS12, flights=1), Reset()),
    _handshake("stalls within the flight of TLS 1.3", Failure.TIMEOUT,
               flights.partial_handshake(_TLS13, flights=0, part=0.6), Silence()),
    _handshake("stalls behind a HelloRetryRequest", Failure.TIMEOUT,
               flights.partial_handshake(
                   server_context(version=SSL.TLS1_3_VERSION, groups=b"P-384"), flights=1), Silence()),
    _handshake("shakes hands by one octet at a time", Failure.TIMEOUT,
               flights.slow_handshake(_TLS12, TICK_SECONDS)),
    _not_tls("answers the ClientHello in SMTP", b"454 4.3.0 TLS not available\r\n", alert_side=None),
    _not_tls("answers the ClientHello in HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    _not_tls("answers the ClientHello in SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    _not_tls("speaks SSL 2", flights.SSLV2_SERVER_HELLO),
    _not_tls("speaks SSL 3", flights.SSLV3_SERVER_HELLO, alert_side="client", alert_name="protocol_version"),
    _not_tls("sends zeros", bytes(100_000)),
    _not_tls("sends a record that is too long", flights.OVERSIZED_RECORD),
    _not_tls("sends empty records", flights.EMPTY_RECORD * 1000),
    _not_tls("warns without end", Endless(flights.WARNING * 100)),
    replace(
        _not_tls("asks for a hello without end", Endless(flights.HELLO_REQUEST * 100), alert_side=None),
        octets=600_000,
    ),
    _not_tls("takes an anonymous suite that nobody offered", flights.ANONYMOUS_SERVER_HELLO,
             alert_side="client", alert_name="illegal_parameter"),
    _not_tls("takes a suite without encryption", flights.NULL_SERVER_HELLO, alert_side="client"),
    _not_tls("has no certificate", flights.server_hello() + flights.SERVER_HELLO_DONE,
             alert_side="client", chain_length=0),
    _not_tls("has an empty chain", flights.server_hello() + flights.certificate_message(),
             alert_side="client"),
    _not_tls("has a certificate of no octets", flights.server_hello() + flights.certificate_message(b"")),
    _not_tls("has a certificate that is none", flights.server_hello() + flights.certificate_message(b"hello"),
             alert_side="client", chain_length=0),
    _not_tls("has a certificate of 1 MB",
             flights.server_hello() + flights.certificate_message(bytes(1_000_000)), alert_side="client"),
    _handshake("has a well-formed certificate over the limit", Failure.TLS_ERROR,
               Tls(odd.with_unused(200_000)), alert_side="client"),
    _handshake("has anonymous suites alone", Failure.TLS_ALERT,
               Tls(server_context("rsa", version=SSL.TLS1_2_VERSION, ciphers=b"aNULL:@SECLEVEL=0")),
               alert_side="server", alert_name="handshake_failure", chain_length=0),
    _handshake("insists on a certificate of the client", Failure.TLS_ALERT,
               Tls(odd.asking_the_client(SSL.TLS1_2_VERSION)), alert_side="server"),
]  # fmt: skip

_TEN_THOUSAND = tuple(f"{n:04}.a" for n in range(10_000))

ODD_BUT_WHOLE = [
    _whole("writes starttls in lower case", server_context(), GREETING, Line(),
           b"250-mx\r\n250 starttls\r\n", Line(), GO_AHEAD, starttls_offered=True),
    _whole("ends its lines with LF alone", server_context(), b"220 mx\n", Line(),
           b"250-mx\n250-SIZE\n250 STARTTLS\n", Line(), b"220 go\n", ehlo_keywords=("SIZE", "STARTTLS")),
    _whole("has NUL and 8-bit text in its replies", server_context(), b"220 m\0x caf\xe9\r\n", Line(),
           b"250-m\0x\r\n250-\xff\xfe\r\n250 STARTTLS\r\n", Line(), b"220 \0\r\n",
           ehlo_keywords=("\\xFF\\xFE", "STARTTLS")),
    _whole("overwrites its greeting", server_context(), b"220 ****0****2***\r\n", *TO_TLS[1:],
           greeting_masked=True, starttls_overwritten=False),
    _whole("injects a reply behind the 220", server_context(), *HELLO, Line(),
           GO_AHEAD + b"250-mx\r\n250 AUTH PLAIN\r\n", plaintext_after_220=24,
           ehlo_keywords_tls=("PIPELINING", "REQUIRETLS")),
    _whole("sends a chain of 100 certificates", odd.chain_of(100), chain_length=100),
    _whole("has 10,000 names", odd.with_names(*(odd.dns_name(n.encode()) for n in _TEN_THOUSAND)),
           leaf={"dns_names": _TEN_THOUSAND, "parse_failure": None}),
    _whole("has a name with NUL",
           odd.with_names(odd.dns_name(MX_HOST.encode() + b"\0.evil.test"), odd.dns_name(b"mx2.peer.test")),
           leaf={"dns_names": (f"{MX_HOST}\\x00.evil.test", "mx2.peer.test"), "parse_failure": None}),
    _whole("has odd URIs among its names",
           odd.with_names(odd.uri(b"http://[::g]:port/ \xff"), odd.dns_name(MX_HOST.encode()), odd.uri(b"")),
           leaf={"dns_names": (MX_HOST,), "parse_failure": None}),
    _whole("has a name longer than all of them", odd.with_names(odd.dns_name(b"a.test"), b"\x82\x7fb.test"),
           leaf={"dns_names": ("a.test",)}),
    _whole("has an RSA key of 1024 bits", odd.with_rsa(1024), leaf={"key_type": "rsa", "key_bits": 1024}),
    _whole("has a signature with SHA-1", odd.with_sha1(SSL.TLS1_3_VERSION),
           leaf={"signature_algorithm": "sha1WithRSAEncryption", "self_signed": True}),
    _whole("has a signature with SHA-1, and TLS 1.2", odd.with_sha1(SSL.TLS1_2_VERSION),
           leaf={"signature_algorithm": "sha1WithRSAEncryption"}),
    _whole("has an Ed25519 key", odd.with_ed25519(), leaf={"key_type": "ed25519"}),
]  # fmt: skip

INSIDE_TLS = [
    _inside("falls silent inside TLS", Failure.TIMEOUT, Line(), Silence(), context=_TLS13),
    _inside("closes inside TLS", Failure.CLOSED, Line(), Close(), context=_TLS13),
    _inside("resets inside TLS", Failure.RESET, Line(), Reset(), context=_TLS13),
    _inside("floods inside TLS", Failure.REPLY_TOO_LONG, Endless(b"250-STARTTLS\r\n" * 300), context=_TLS13),
    _inside("floods with zeros inside TLS", Failure.MALFORMED_REPLY, Endless(bytes(16384)), context=_TLS12),
    _inside("greets again inside TLS", Failure.UNEXPECTED_REPLY, GREETING, Line(), EHLO_TLS_REPLY,
            context=_TLS13, hello_tls_code=220, quit_code=250),
    _inside("goes on in the clear after the handshake", Failure.TLS_ERROR, Line(),
            flights.raw(EHLO_TLS_REPLY), Silence(), context=_TLS13, hello_tls_code=None),
    _inside("goes on in the clear after the handshake of TLS 1.2", Failure.TLS_ERROR, Line(),
            flights.raw(flights.HELLO_REQUEST), Silence(), context=_TLS12),
    _inside("insists on a certificate of the client, late", Failure.TLS_ALERT,
            context=odd.asking_the_client(SSL.TLS1_3_VERSION)),
    HostileServer(
        "asks to renegotiate",
        (*TO_TLS, Tls(_TLS12), Line(), flights.of_tls(lambda tls: tls.ask_for_renegotiation()),
         EHLO_TLS_REPLY, Line()),
        SessionStage.HELLO_TLS, None, Outcome.TLS_OK, {"hello_tls_code": 250, "quit_code": None},
    ),
    HostileServer(
        "asks to renegotiate, and falls silent",
        (*TO_TLS, Tls(_TLS12), Line(), flights.of_tls(lambda tls: tls.ask_for_renegotiation()), Silence()),
        SessionStage.HELLO_TLS, Failure.TIMEOUT, Outcome.TLS_OK, {"hello_tls_code": None},
    ),
]  # fmt: skip

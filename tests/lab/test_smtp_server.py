"""The lab's mail servers, talked to by blocking sockets and an independent TLS client."""

import hashlib
import socket
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from crawler.lab.internet import (
    MASKED_GREETING,
    REFUSED_GREETINGS,
    REFUSED_STARTTLS,
    CertificateOrder,
    Internet,
    MailServer,
    ehlo_keywords,
)

if TYPE_CHECKING:
    from tests.lab.conftest import RunningLab, StartLab

ADDRESS = "127.77.1.2"
NAME = "mx.example.test"
ORDERS = {
    "ec": CertificateOrder(common_name=NAME, dns_names=(NAME,)),
    "rsa": CertificateOrder(
        common_name=NAME, dns_names=(NAME,), key="rsa", chain_sent="leaf_intermediate_root"
    ),
    "self": CertificateOrder(common_name="other", dns_names=(), issuer="self", chain_sent="leaf"),
}


class Client:
    """A blocking SMTP client; any wait ends after five seconds."""

    def __init__(self, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(5)
        self.unread = b""
        try:
            self.socket.connect((address, port))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def reply(self) -> list[str]:
        """Return the lines of one reply; empty at the end of the connection."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            line, newline, rest = self.unread.partition(b"\r\n")
            if newline:
                lines.append(line.decode("ascii"))
                self.unread = rest
                continue
            received = self.socket.recv(4096)
            if not received:
                assert lines == []
                assert self.unread == b""
                break
            self.unread += received
        return lines

    def ask(self, command: str) -> list[str]:
        self.socket.sendall(command.encode("ascii") + b"\r\n")
        return self.reply()

    def handshake(self, server_name: str, **limits: int) -> SSL.Connection:
        """Complete STARTTLS and return the TLS connection."""
        assert self.ask("EHLO me.test")[-1] == "250 STARTTLS"
        assert self.ask("STARTTLS")[0].startswith("220 ")
        return tls_client(self.socket, server_name, **limits)


def tls_client(connected: socket.socket, server_name: str, **limits: int) -> SSL.Connection:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    context.set_min_proto_version(limits.get("minimum", SSL.TLS1_VERSION))
    context.set_max_proto_version(limits.get("maximum", SSL.TLS1_3_VERSION))
    connected.settimeout(None)  # pyOpenSSL takes a socket with a timeout for a non-blocking one
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 5, 0))
    tls = SSL.Connection(context, connected)
    tls.set_connect_state()
    if server_name:
        tls.set_tlsext_host_name(server_name.encode("ascii"))
    tls.do_handshake()
    return tls


def chain(tls: SSL.Connection) -> tuple[str, ...]:
    certificates = tls.get_peer_cert_chain(as_cryptography=True) or []
    return tuple(hashlib.sha256(each.public_bytes(Encoding.DER)).hexdigest() for each in certificates)


def one_server(
    start: "StartLab",
    named: Mapping[str, Any] = MappingProxyType({}),
    *,
    idle_seconds: float = 60.0,
    **behaviour: Any,
) -> "RunningLab":
    values = {"address": ADDRESS, "default_certificate": "ec", "server_name": NAME, **named, **behaviour}
    internet = Internet(mail_servers={"one": MailServer(**values)}, certificates=ORDERS)
    return start(internet, idle_seconds=idle_seconds)


def greeted(lab: "RunningLab") -> Client:
    client = Client(ADDRESS, lab.ports.smtp)
    assert client.reply() == [f"220 {NAME} ESMTP"]
    return client


def test_a_whole_session_goes_from_greeting_to_quit_inside_tls(start: "StartLab") -> None:
    lab = one_server(start, require_tls=True)
    with greeted(lab) as client:
        assert client.ask("EHLO me.test") == [
            f"250-{NAME}", "250-SIZE 36700160", "250-8BITMIME", "250-ENHANCEDSTATUSCODES", "250 STARTTLS",
        ]  # fmt: skip
        tls = client.handshake(NAME)
        assert tls.get_protocol_version_name() == "TLSv1.3"
        assert tls.get_group_name() == "X25519MLKEM768"
        assert chain(tls) == lab.issued["ec"].digests
        tls.sendall(b"EHLO me.test\r\n")
        assert tls.recv(4096).decode().splitlines()[-1] == "250 REQUIRETLS"
        tls.sendall(b"QUIT\r\n")
        assert tls.recv(4096) == b"221 2.0.0 bye\r\n"
        with pytest.raises(SSL.ZeroReturnError):
            tls.recv(1)


def test_the_server_answers_on_ipv6(start: "StartLab") -> None:
    lab = one_server(start, address="::1")
    with Client("::1", lab.ports.smtp) as client:
        assert client.reply() == [f"220 {NAME} ESMTP"]


def test_commands_may_come_one_octet_at_a_time_and_in_any_case(start: "StartLab") -> None:
    with greeted(one_server(start)) as client:
        for octet in b"eHLo me.test\r":
            client.socket.sendall(bytes((octet,)))
        client.socket.sendall(b"\n")
        assert client.reply()[0] == f"250-{NAME}"


@pytest.mark.parametrize("code", ["450", "550", "554"])
def test_after_a_refused_greeting_only_quit_is_welcome(start: "StartLab", code: str) -> None:
    lab = one_server(start, greeting=code)
    with Client(ADDRESS, lab.ports.smtp) as client:
        assert client.reply() == [f"{code} {REFUSED_GREETINGS[code]}"]
        assert client.ask("EHLO me.test")[0].startswith("503 ")
        assert client.ask("QUIT")[0].startswith("221 ")
        assert client.reply() == []


def test_after_421_the_connection_ends_and_quit_is_not_answered(start: "StartLab") -> None:
    lab = one_server(start, greeting="421")
    with Client(ADDRESS, lab.ports.smtp) as client:
        assert client.reply() == [f"421 {REFUSED_GREETINGS['421']}"]
        assert client.ask("QUIT") == []


def test_a_masked_greeting_is_stars(start: "StartLab") -> None:
    lab = one_server(start, greeting="masked", starttls="stripped")
    with Client(ADDRESS, lab.ports.smtp) as client:
        assert client.reply() == [f"220 {MASKED_GREETING}"]
        assert client.ask("EHLO me.test")[-1] == "250 XXXXXXXA"
        assert client.ask("STARTTLS")[0].startswith("502 ")


def test_another_protocol_is_said_once_and_the_connection_ends(start: "StartLab") -> None:
    lab = one_server(start, greeting="not_smtp")
    with Client(ADDRESS, lab.ports.smtp) as client:
        assert client.socket.recv(100).startswith(b"SSH-2.0-")
        assert client.socket.recv(100) == b""


def test_a_greeting_without_end_goes_on(start: "StartLab") -> None:
    lab = one_server(start, greeting="endless")
    with Client(ADDRESS, lab.ports.smtp) as client:
        received = b""
        while len(received) < 100_000:
            received += client.socket.recv(65536)
    assert {line[:4] for line in received.split(b"\r\n")[:-1]} == {b"220-"}


def test_a_greeting_may_be_closed_or_reset_before_it_is_said(start: "StartLab") -> None:
    with Client(ADDRESS, one_server(start, greeting="close").ports.smtp) as client:
        assert client.reply() == []
    with (
        Client(ADDRESS, one_server(start, greeting="reset").ports.smtp) as client,
        pytest.raises(ConnectionResetError),
    ):
        client.reply()


def test_a_delayed_greeting_comes_and_what_was_said_early_is_answered_after_it(start: "StartLab") -> None:
    lab = one_server(start, greeting_delay_seconds=0.05)
    with Client(ADDRESS, lab.ports.smtp) as client:
        client.socket.sendall(b"NOOP\r\n")
        assert client.reply()[0].startswith("220 ")
        assert client.reply()[0].startswith("502 ")


@pytest.mark.parametrize(
    ("hello", "ehlo", "helo"),
    [("helo_only", "502 ", "250 "), ("502", "502 ", "502 "), ("450", "450 ", "250 ")],
)
def test_ehlo_may_be_refused(start: "StartLab", hello: str, ehlo: str, helo: str) -> None:
    with greeted(one_server(start, hello=hello)) as client:
        assert client.ask("EHLO me.test")[0].startswith(ehlo)
        assert client.ask("HELO me.test")[0].startswith(helo)
        assert client.ask("QUIT")[0].startswith("221 ")


@pytest.mark.parametrize("code", sorted(REFUSED_STARTTLS))
def test_starttls_may_be_answered_with_another_code(start: "StartLab", code: str) -> None:
    with greeted(one_server(start, starttls=code)) as client:
        assert client.ask("EHLO me.test")[-1] == "250 STARTTLS"
        assert client.ask("STARTTLS") == [f"{code} {REFUSED_STARTTLS[code]}"]
        assert client.ask("QUIT") == ([] if code == "421" else ["221 2.0.0 bye"])


@pytest.mark.parametrize("command", ["hello", "starttls"])
def test_the_connection_may_end_in_answer_to_a_command(start: "StartLab", command: str) -> None:
    word = {"hello": "EHLO me.test", "starttls": "STARTTLS"}[command]
    closes, resets, is_silent = ({command: behaviour} for behaviour in ("close", "reset", "silent"))
    with greeted(one_server(start, closes)) as client:
        assert client.ask(word) == []
    with greeted(one_server(start, resets)) as client, pytest.raises(ConnectionResetError):
        client.ask(word)
    with greeted(one_server(start, is_silent)) as client:
        client.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.ask(word)


def test_plaintext_comes_in_the_segment_of_the_220_and_tls_goes_on(start: "StartLab") -> None:
    with greeted(one_server(start, plaintext_after_220=b"250 injected\r\n")) as client:
        client.ask("EHLO me.test")
        client.socket.sendall(b"STARTTLS\r\n")
        assert client.socket.recv(4096).endswith(b"\r\n250 injected\r\n")
        assert tls_client(client.socket, NAME).get_protocol_version_name() == "TLSv1.3"


def test_what_a_client_sends_in_the_clear_after_starttls_is_thrown_away(start: "StartLab") -> None:
    with greeted(one_server(start)) as client:
        client.ask("EHLO me.test")
        client.socket.sendall(b"STARTTLS\r\nNOOP\r\n")
        assert len(client.reply()) == 1
        tls = tls_client(client.socket, NAME)
        tls.sendall(b"QUIT\r\n")
        assert tls.recv(4096).startswith(b"221 ")


def test_starttls_takes_no_parameter_and_is_not_known_where_it_is_not_offered(start: "StartLab") -> None:
    with greeted(one_server(start)) as client:
        assert client.ask("STARTTLS now")[0].startswith("501 ")
        assert client.ask("MAIL FROM:<>")[0].startswith("502 ")
    with greeted(one_server(start, starttls="absent")) as client:
        assert client.ask("EHLO me.test")[-1] == "250 ENHANCEDSTATUSCODES"
        assert client.ask("STARTTLS")[0].startswith("502 ")


@pytest.mark.parametrize(
    ("handshake", "word"),
    [("alert", "handshake failure"), ("garbage", "wrong version number"), ("close", "")],
)
def test_a_handshake_may_fail(start: "StartLab", handshake: str, word: str) -> None:
    with greeted(one_server(start, handshake=handshake)) as client:
        with pytest.raises(SSL.Error) as caught:
            client.handshake(NAME)
        assert word in repr(caught.value)


def test_a_handshake_may_be_reset(start: "StartLab") -> None:
    with greeted(one_server(start, handshake="reset")) as client, pytest.raises(SSL.SysCallError) as caught:
        client.handshake(NAME)
    assert "ECONNRESET" in repr(caught.value)


def test_the_connection_may_end_in_answer_to_ehlo_inside_tls(start: "StartLab") -> None:
    with greeted(one_server(start, hello_tls="close")) as client:
        tls = client.handshake(NAME)
        tls.sendall(b"EHLO me.test\r\n")
        with pytest.raises(SSL.ZeroReturnError):
            tls.recv(4096)


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("certificate", ["ec", "rsa"])
def test_each_version_works_with_each_key_and_with_no_other_version(
    start: "StartLab", version: str, certificate: str
) -> None:
    lab = one_server(
        start, tls_min=version, tls_max=version, post_quantum=False, default_certificate=certificate
    )
    with greeted(lab) as client:
        tls = client.handshake(NAME)
        assert tls.get_protocol_version_name() == version
        assert tls.get_group_name() == "secp256r1"
        assert chain(tls) == lab.issued[certificate].digests
    if version != "TLSv1.2":
        with greeted(lab) as client, pytest.raises(SSL.Error):
            client.handshake(NAME, minimum=SSL.TLS1_2_VERSION, maximum=SSL.TLS1_2_VERSION)


def test_the_certificate_follows_the_server_name(start: "StartLab") -> None:
    lab = one_server(start, certificates={"one.test": "rsa", "two.test": "self"})
    for server_name, order in (("one.test", "rsa"), ("TWO.test", "self"), ("three.test", "ec"), ("", "ec")):
        with greeted(lab) as client:
            assert chain(client.handshake(server_name)) == lab.issued[order].digests


def test_a_server_name_without_certificate_gets_the_alert_for_it(start: "StartLab") -> None:
    lab = one_server(start, default_certificate=None, certificates={"one.test": "ec"})
    with greeted(lab) as client, pytest.raises(SSL.Error, match="unrecognized name"):
        client.handshake("two.test")


def test_a_self_signed_certificate_is_sent_alone(start: "StartLab") -> None:
    lab = one_server(start, default_certificate="self")
    with greeted(lab) as client:
        certificates = client.handshake(NAME).get_peer_cert_chain(as_cryptography=True)
    assert certificates is not None
    (certificate,) = certificates
    assert certificate.subject == certificate.issuer
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "other"
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_an_address_that_refuses_and_one_that_drops_are_told_apart(start: "StartLab") -> None:
    servers = {
        "refuse": MailServer(address="127.77.2.1", connect="refuse"),
        "drop": MailServer(address="127.77.2.2", connect="drop"),
        "silent": MailServer(address="127.77.2.3", greeting="silent"),
    }
    port = start(Internet(mail_servers=servers)).ports.smtp
    with pytest.raises(ConnectionRefusedError):
        Client("127.77.2.1", port)
    with socket.socket() as dropped:
        dropped.settimeout(0.1)
        with pytest.raises(TimeoutError):
            dropped.connect(("127.77.2.2", port))
    with Client("127.77.2.3", port) as client:
        client.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.reply()


def test_an_idle_session_is_closed(start: "StartLab") -> None:
    with greeted(one_server(start, idle_seconds=0.05)) as client:
        assert client.reply() == []


@pytest.mark.parametrize(
    "octets",
    [
        b"\n" * 5000,
        b"\0\xff\r\n\x80" * 3000,
        b"A" * 100_000,
        b"EHLO x\r\nSTARTTLS\r\n" + b"\x16\x03\x01\xff\xff" * 9,
    ],
)
def test_no_octets_from_a_client_do_harm(start: "StartLab", octets: bytes) -> None:
    lab = one_server(start)
    with greeted(lab) as client:
        client.socket.sendall(octets)
        client.socket.shutdown(socket.SHUT_WR)
        while client.socket.recv(65536):
            pass
    with greeted(lab) as client:
        assert client.ask("QUIT")[0].startswith("221 ")


def test_a_client_that_never_reads_does_not_stop_the_others(start: "StartLab") -> None:
    lab = one_server(start)
    with greeted(lab) as deaf:
        deaf.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            deaf.socket.sendall(b"EHLO me.test\r\n" * 1_000_000)
        with greeted(lab) as client:
            assert client.ask("QUIT")[0].startswith("221 ")


def test_a_client_that_goes_away_in_the_handshake_does_no_harm(start: "StartLab") -> None:
    lab = one_server(start)
    with greeted(lab) as client:
        client.ask("EHLO me.test")
        client.ask("STARTTLS")
    with greeted(lab) as client:
        assert len(client.ask("EHLO me.test")) == 1 + len(
            ehlo_keywords(MailServer(address="x"), inside_tls=False)
        )

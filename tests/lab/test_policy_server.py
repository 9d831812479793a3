"""The lab's policy hosts, fetched from with the standard library's HTTP and an independent TLS client."""

import hashlib
import socket
import ssl
from http.client import BadStatusLine, HTTPResponse, IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crawler.lab.internet import CertificateOrder, Internet, PolicyServer
from crawler.lab.listening import ListenError
from crawler.lab.policy_server import connects

if TYPE_CHECKING:
    from crawler.lab.authority import Authority
    from tests.lab.conftest import RunningLab, StartLab

ADDRESS = "127.78.1.1"
HOST = "mta-sts.one.test"
PATH = "/.well-known/mta-sts.txt"
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.one.test\r\nmax_age: 604800\r\n"


def one_host(start: "StartLab", **behaviour: Any) -> "RunningLab":
    values = {"host": HOST, "address": ADDRESS, "certificate": "one", "body": POLICY} | behaviour
    return start(
        Internet(
            policy_servers={HOST: PolicyServer(**values)},
            certificates={"one": CertificateOrder(common_name=HOST, dns_names=(HOST,))},
        )
    )


def connect(
    lab: "RunningLab", server_name: str | None = HOST, root_store: Path | None = None
) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=root_store)
    if root_store is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connected = socket.create_connection((ADDRESS, lab.ports.https), timeout=5)
    try:
        return context.wrap_socket(connected, server_hostname=server_name)
    except OSError:
        connected.close()
        raise


def fetch(connected: ssl.SSLSocket, path: str = PATH, method: str = "GET") -> HTTPResponse:
    connected.sendall(f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept: */*\r\n\r\n".encode("ascii"))
    response = HTTPResponse(connected, method=method)
    response.begin()
    return response


def test_a_policy_is_served_with_a_certificate_that_validates(
    start: "StartLab", authority: "Authority", tmp_path: Path
) -> None:
    lab = one_host(start)
    authority.write_root_store(tmp_path / "roots.pem")
    with connect(lab, root_store=tmp_path / "roots.pem") as connected:
        leaf = connected.getpeercert(binary_form=True)
        assert leaf is not None
        assert hashlib.sha256(leaf).hexdigest() == lab.issued["one"].digests[0]
        response = fetch(connected)
        assert (response.status, response.reason) == (200, "OK")
        assert response.getheader("Content-Type") == "text/plain"
        assert response.getheader("Connection") == "close"
        assert response.read() == POLICY
        assert connected.recv(1) == b""


def test_status_and_header_fields_are_as_modelled(start: "StartLab") -> None:
    lab = one_host(start, status=301, headers=(("Location", "https://elsewhere.test/"),), body=b"")
    with connect(lab) as connected:
        response = fetch(connected)
        assert response.status == 301
        assert response.getheader("Location") == "https://elsewhere.test/"
        assert response.getheader("Content-Type") is None


def test_a_large_body_comes_whole(start: "StartLab") -> None:
    with connect(one_host(start, body=b"x" * 3_000_000)) as connected:
        assert len(fetch(connected).read()) == 3_000_000


def test_other_paths_and_methods_get_no_policy(start: "StartLab") -> None:
    lab = one_host(start)
    for path, method, status in (("/", "GET", 404), (PATH, "POST", 405)):
        with connect(lab) as connected:
            assert fetch(connected, path, method).status == status


def test_a_request_may_come_one_octet_at_a_time(start: "StartLab") -> None:
    with connect(one_host(start)) as connected:
        for octet in f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r".encode("ascii"):
            connected.sendall(bytes((octet,)))
        connected.sendall(b"\n")
        response = HTTPResponse(connected)
        response.begin()
        assert response.read() == POLICY


def test_a_body_may_be_cut_short(start: "StartLab") -> None:
    for body in (POLICY, b""):
        lab = one_host(start, response="cut_short", body=body)
        with connect(lab) as connected, pytest.raises(IncompleteRead) as caught:
            fetch(connected).read()
        assert caught.value.partial == body


def test_a_request_may_be_answered_by_closing_or_by_garbage_or_not_at_all(start: "StartLab") -> None:
    with connect(one_host(start, response="close")) as connected, pytest.raises(RemoteDisconnected):
        fetch(connected)
    with connect(one_host(start, response="garbage")) as connected, pytest.raises(BadStatusLine):
        fetch(connected)
    with connect(one_host(start, response="silent")) as connected:
        connected.settimeout(0.05)
        with pytest.raises(TimeoutError):
            fetch(connected)


@pytest.mark.parametrize("server_name", [HOST, "mta-sts.unknown.test", None])
def test_a_server_name_may_get_the_alert_unrecognized_name(
    start: "StartLab", server_name: str | None
) -> None:
    lab = one_host(start, handshake="alert")
    with pytest.raises(ssl.SSLError) as caught:
        connect(lab, server_name)
    assert caught.value.reason == "TLSV1_UNRECOGNIZED_NAME"


def test_a_handshake_may_be_closed(start: "StartLab") -> None:
    with pytest.raises((ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        connect(one_host(start, handshake="close"))


def test_hosts_at_one_address_are_told_apart_by_server_name(start: "StartLab") -> None:
    names = ("mta-sts.one.test", "mta-sts.two.test")
    lab = start(
        Internet(
            policy_servers={
                name: PolicyServer(host=name, address=ADDRESS, certificate=name, body=name.encode())
                for name in names
            },
            certificates={name: CertificateOrder(common_name=name, dns_names=(name,)) for name in names},
        )
    )
    for name in names:
        with connect(lab, name) as connected:
            assert fetch(connected).read() == name.encode()


def test_hosts_at_one_address_cannot_take_connections_differently() -> None:
    servers = {
        "one": PolicyServer(host="one", address=ADDRESS),
        "two": PolicyServer(host="two", address=ADDRESS, connect="drop"),
    }
    with pytest.raises(ListenError, match=ADDRESS):
        connects(servers)


@pytest.mark.parametrize("octets", [b"\r\n" * 20_000, b"\0" * 40_000, b"GET\r\n\r\n", b" \r\n\r\n"])
def test_no_octets_from_a_client_do_harm(start: "StartLab", octets: bytes) -> None:
    lab = one_host(start)
    with connect(lab) as connected:
        connected.sendall(octets)
        assert connected.recv(12) in (b"HTTP/1.1 404", b"HTTP/1.1 405")
    with socket.create_connection((ADDRESS, lab.ports.https), timeout=5) as plain:
        plain.sendall(octets)
        while plain.recv(4096):
            pass
    with connect(lab) as connected:
        assert fetch(connected).status == 200

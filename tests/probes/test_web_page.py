"""One page of the web, from servers of loopback that serve it well, badly, slowly or not at all."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives import serialization

from crawler.probes import web_page
from crawler.probes.web_page import PageError, fetch_page
from tests.probes.peers import issued, lab_settings

DATE = "Sun, 22 Nov 2026 12:00:00 GMT"
ANCHORS = lab_settings().root_store


@pytest.fixture(autouse=True)
def _without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


class Pages(BaseHTTPRequestHandler):
    """Serves by path: /STATUS, /empty, /large, /dateless, /moved."""

    def do_GET(self) -> None:
        word = self.path.strip("/")
        body = {"empty": b"", "large": b"x" * 200_000}.get(word, b"Who asks, and why.")
        self.send_response_only(302 if word == "moved" else int(word) if word.isdecimal() else 200)
        if word == "moved":
            self.send_header("Location", "/elsewhere")
        if word != "dateless":
            self.send_header("Date", "soon" if word == "soon" else DATE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on loopback; give the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


async def test_a_page_comes_with_its_size_and_both_clocks() -> None:
    with serving() as port:
        page = await fetch_page(f"http://127.0.0.1:{port}/", ANCHORS)
    assert (page.status, page.octets) == (200, 18)
    assert page.sent_at == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert abs((datetime.now(UTC) - page.came_at).total_seconds()) < 60


@pytest.mark.parametrize(
    ("path", "octets"), [("empty", 0), ("large", 64 * 1024), ("moved", 18), ("dateless", 18), ("soon", 18)]
)
async def test_a_page_is_read_to_a_limit_and_redirects_are_followed(path: str, octets: int) -> None:
    with serving() as port:
        page = await fetch_page(f"http://127.0.0.1:{port}/{path}", ANCHORS)
    assert page.octets == octets
    assert (page.sent_at is None) == (path in ("dateless", "soon"))


@pytest.mark.parametrize("status", [404, 403, 500])
async def test_a_status_that_is_no_page_is_said(status: int) -> None:
    with serving() as port, pytest.raises(PageError, match=f"^status {status}$"):
        await fetch_page(f"http://127.0.0.1:{port}/{status}", ANCHORS)


@pytest.mark.parametrize(
    "url",
    ["", "www.example", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://[::1", "http://a b/"],
)
async def test_what_is_no_url_of_a_page_is_refused_without_asking(url: str) -> None:
    with pytest.raises(PageError):
        await fetch_page(url, ANCHORS)


async def test_a_refused_connection_is_said() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(PageError, match="refused"):
            await fetch_page(f"http://127.0.0.1:{unused.getsockname()[1]}/", ANCHORS)


@pytest.mark.parametrize("said", [b"", b"220 mail.example ESMTP\r\n"])
async def test_a_server_that_speaks_no_http_is_said(said: bytes) -> None:
    async def speak(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(said or b" ")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, speak, [listener])
        with pytest.RaisesGroup(PageError, flatten_subgroups=True, allow_unwrapped=True):
            await fetch_page(f"http://127.0.0.1:{listener.socket.getsockname()[1]}/", ANCHORS)
        nursery.cancel_scope.cancel()


async def test_a_page_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_page, "_WHOLE_SECONDS", 0.05)
    monkeypatch.setattr(web_page, "_STEP_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(PageError, match="took over"):
        await fetch_page(f"http://127.0.0.1:{silent.getsockname()[1]}/", ANCHORS)


async def test_a_certificate_is_verified_by_the_trust_anchors_given(tmp_path: Path) -> None:
    leaf = issued("ec")
    (tmp_path / "chain.pem").write_bytes(
        b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in leaf.chain)
    )
    (tmp_path / "key.pem").write_bytes(
        leaf.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    with serving(context) as port:
        with pytest.raises(PageError, match="certificate verify failed"):
            await fetch_page(f"https://127.0.0.1:{port}/", ANCHORS)
        (tmp_path / "nothing.pem").write_text("nothing\n")
        with pytest.raises(PageError):
            await fetch_page(f"https://127.0.0.1:{port}/", str(tmp_path / "nothing.pem"))

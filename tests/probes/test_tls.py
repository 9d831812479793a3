"""The ClientHello that the survey sends, and alerts."""

import gc
import weakref
from contextlib import suppress

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from trio.testing import MockClock

from crawler.outcomes import AlertSide, Failure
from crawler.probes.alerts import name_alert
from crawler.probes.failures import StageFailed
from crawler.probes.tls import TlsStream
from tests.probes.peers import BreakableStream, ServerTls, server_context, stream_pair


class _Hello:
    """A ClientHello taken apart (RFC 8446 s4.1.2)."""

    def __init__(self, record: bytes) -> None:
        assert record[0] == 22
        self._octets, self._offset = record[9:], 34
        self._vector(1)
        suites = self._vector(2)
        self.cipher_suites = {suites[i : i + 2] for i in range(0, len(suites), 2)}
        self._vector(1)
        self.extensions: dict[int, bytes] = {}
        self._octets, self._offset = self._vector(2), 0
        while self._offset < len(self._octets):
            number = int.from_bytes(self._take(2), "big")
            self.extensions[number] = self._vector(2)

    def _take(self, size: int) -> bytes:
        self._offset += size
        return self._octets[self._offset - size : self._offset]

    def _vector(self, size: int) -> bytes:
        return self._take(int.from_bytes(self._take(size), "big"))


async def _client_hello(server_name: str, protocols: tuple[bytes, ...] = ()) -> _Hello:
    client, server = stream_pair()
    async with trio.open_nursery() as nursery:

        async def shake_hands() -> None:
            with pytest.raises(StageFailed):
                await TlsStream(client, server_name, protocols=protocols).handshake()

        nursery.start_soon(shake_hands)
        record = bytes(await server.receive_some(65536))
        await server.aclose()
    return _Hello(record)


async def test_the_client_hello_names_the_mx_host() -> None:
    hello = await _client_hello("mx.peer.test")
    assert hello.extensions[0][5:] == b"mx.peer.test"


async def test_both_key_shares_are_sent_and_the_post_quantum_one_first() -> None:
    shares = (await _client_hello("mx.peer.test")).extensions[51][2:]
    groups = []
    while shares:
        groups.append(int.from_bytes(shares[:2], "big"))
        shares = shares[4 + int.from_bytes(shares[2:4], "big") :]
    x25519_mlkem768, x25519 = 0x11EC, 0x001D
    assert groups == [x25519_mlkem768, x25519]


async def test_the_client_hello_reaches_from_tls_1_0_to_1_3() -> None:
    versions = (await _client_hello("mx.peer.test")).extensions[43][1:]
    assert versions == bytes.fromhex("0304 0303 0302 0301")


async def test_no_anonymous_and_no_null_suite_is_offered() -> None:
    suites = (await _client_hello("mx.peer.test")).cipher_suites
    null_rsa_sha256, dh_anon_aes128, ecdh_anon_aes128 = b"\x00\x3b", b"\x00\x34", b"\xc0\x18"
    assert not suites & {null_rsa_sha256, dh_anon_aes128, ecdh_anon_aes128}
    rsa_aes128_sha, ecdhe_ecdsa_aes128_sha = b"\x00\x2f", b"\xc0\x09"
    assert suites >= {rsa_aes128_sha, ecdhe_ecdsa_aes128_sha}


async def test_a_protocol_is_named_for_https_alone() -> None:
    assert 16 not in (await _client_hello("mx.peer.test")).extensions
    hello = await _client_hello("mta-sts.peer.test", (b"http/1.1",))
    assert hello.extensions[16] == b"\x00\x09\x08http/1.1"


async def _established() -> tuple[TlsStream, ServerTls, BreakableStream]:
    client, server = stream_pair()
    inner, outer = TlsStream(client, "mx.peer.test"), ServerTls(server, server_context())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outer.handshake)
        await inner.handshake()
    return inner, outer, client


async def test_more_than_a_record_passes_both_ways() -> None:
    inner, outer, _ = await _established()
    sent = bytes(range(256)) * 400
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inner.send_all, sent)
        received = b""
        while len(received) < len(sent):
            received += await outer.receive_some(65536)
    assert received == sent
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outer.send_all, sent)
        received = b""
        while len(received) < len(sent):
            received += await inner.receive_some()
    assert received == sent
    await inner.aclose()


async def test_closing_sends_close_notify() -> None:
    inner, outer, transport = await _established()
    await inner.aclose()
    assert await outer.receive_some() == b""
    assert transport.is_closed


async def test_closing_a_broken_connection_is_no_error() -> None:
    inner, outer, transport = await _established()
    await outer.aclose()
    await inner.aclose()
    assert transport.is_closed


async def test_an_end_without_close_notify_is_an_end() -> None:
    inner, outer, _ = await _established()
    await outer.aclose()
    assert await inner.receive_some() == b""


async def test_octets_that_are_no_record_inside_tls_are_a_tls_error() -> None:
    inner, outer, _ = await _established()
    await outer._stream.send_all(b"220 in the clear\r\n")
    with pytest.raises(StageFailed) as caught:
        await inner.receive_some()
    assert caught.value.failure is Failure.TLS_ERROR


async def test_a_closed_session_leaves_no_garbage_for_the_collector() -> None:
    """Thousands of sessions must free OpenSSL's memory at once, not at the next full collection."""
    gc.collect()
    gc.disable()
    try:
        inner, _, _ = await _established()
        await inner.aclose()
        reference = weakref.ref(inner._tls)
        del inner
        assert reference() is None
    finally:
        gc.enable()


async def test_an_error_without_a_reason_is_a_tls_error_all_the_same() -> None:
    inner, _, _ = await _established()
    for error, detail in [
        (SSL.SysCallError(-1, "Unexpected EOF"), "Unexpected EOF"),
        (SSL.Error([]), "no reason given"),
    ]:

        def fail(error: SSL.Error = error) -> bytes:
            raise error

        with pytest.raises(StageFailed) as caught:
            await inner._run(fail, at_end=bytes)
        assert (caught.value.failure, caught.value.detail) == (Failure.TLS_ERROR, detail)


_CONTEXTS = {
    version: server_context("rsa", version=version) for version in (SSL.TLS1_VERSION, SSL.TLS1_3_VERSION)
}


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(_CONTEXTS)),
    st.integers(0, 4),
    st.floats(0, 1, exclude_max=True),
    st.binary(max_size=4),
    st.integers(0, 8),
)
def test_a_server_may_change_its_flights(
    version: int, flight: int, place: float, inserted: bytes, removed: int
) -> None:
    async def meet() -> None:
        client, server = stream_pair()
        stream = TlsStream(client, "mx.peer.test")
        outer = ServerTls(_Changed(server, flight, place, inserted, removed), _CONTEXTS[version])
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                with suppress(SSL.Error, EOFError, trio.BrokenResourceError):
                    await outer.handshake()
                    await outer.receive_some()
                    await outer.send_all(b"250 mx\r\n")
                    await outer.receive_some()
                await server.aclose()

            nursery.start_soon(serve)
            with suppress(StageFailed, trio.BrokenResourceError), trio.move_on_after(1):
                await stream.handshake()
                await stream.send_all(b"EHLO scan.test\r\n")
                await stream.receive_some()
                await stream.send_all(b"QUIT\r\n")
            await stream.aclose()
        stream.facts(stream.chain())

    trio.run(meet, clock=MockClock(autojump_threshold=0))


class _Changed(BreakableStream):
    """A stream on which one write does not arrive as it was sent."""

    def __init__(
        self, stream: BreakableStream, flight: int, place: float, inserted: bytes, removed: int
    ) -> None:
        super().__init__(stream)
        self._flight = flight
        self._change = place, inserted, removed

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        octets = bytes(data)
        if self._flight == 0:
            place, inserted, removed = self._change
            start = int(place * len(octets))
            octets = octets[:start] + inserted + octets[start + removed :]
        self._flight -= 1
        await self.inner.send_all(octets)


@given(st.integers(0, 255))
def test_every_alert_has_a_name(code: int) -> None:
    alert = name_alert(AlertSide.SERVER, code)
    assert alert.code == code
    assert alert.name


@given(st.binary(max_size=300))
def test_a_server_may_send_anything_in_place_of_tls(octets: bytes) -> None:
    async def meet() -> None:
        client, server = stream_pair()
        stream = TlsStream(client, "mx.peer.test")
        async with trio.open_nursery() as nursery:

            async def lie() -> None:
                await server.receive_some(65536)
                await server.send_all(octets)
                await server.aclose()

            nursery.start_soon(lie)
            with pytest.raises((StageFailed, trio.BrokenResourceError)):
                await stream.handshake()
        facts = stream.facts(stream.chain())
        assert (facts.version, facts.chain) == (None, ())

    trio.run(meet)

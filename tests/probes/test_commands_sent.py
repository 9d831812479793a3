"""Every octet that a session sends, to real servers as they were recorded and to hostile ones.

Nothing but EHLO, HELO, STARTTLS and QUIT: never MAIL, RCPT, AUTH, VRFY or anything else, whatever is offered.
"""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
import trio
from OpenSSL import SSL
from trio.testing import MockClock

from crawler.lab.script import Action, Tls
from crawler.probes.session import observe_session
from crawler.probes.tls import TlsStream
from crawler.settings import Settings
from tests.probes.hostile import HostileServer, accept_for
from tests.probes.peers import (
    ADDRESS,
    MX_HOST,
    BreakableStream,
    ScriptedPeer,
    accept_tls,
    lab_settings,
    stream_pair,
)
from tests.probes.test_hostile_servers import HOSTILE_SERVERS, settings_for
from tests.probes.transcript import load, names, script

COMMAND = re.compile(rb"(?:EHLO scan\.test|HELO scan\.test|STARTTLS|QUIT)\r\n")
TLS_RECORD_TYPES = range(20, 24)
"""change_cipher_spec, alert, handshake, application_data (RFC 8446 s5.1)."""


class Overheard(BreakableStream):
    """A stream that notes what the client sends."""

    def __init__(self, stream: BreakableStream, sent: bytearray) -> None:
        super().__init__(stream.inner)
        self.peer, self.sent = stream.peer, sent

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data
        await super().send_all(data)


def commands(octets: bytes) -> list[bytes]:
    """Return the verbs of command lines, in order; nothing else may be there."""
    lines = octets.splitlines(keepends=True)
    assert all(COMMAND.fullmatch(line) for line in lines), lines
    return [line.split()[0] for line in lines]


def assert_tls(octets: bytes) -> None:
    """Check that octets are whole TLS records and nothing else."""
    while octets:
        kind, major, length = octets[0], octets[1], int.from_bytes(octets[3:5])
        assert (kind in TLS_RECORD_TYPES, major) == (True, 3), octets[:80]
        assert len(octets) >= 5 + length
        octets = octets[5 + length :]


async def overhear(
    actions: tuple[Action, ...],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    accept: Callable[[Tls], SSL.Connection] = accept_tls,
) -> list[bytes]:
    """Hold a session, check every octet sent, and return the commands, those inside TLS in lower case."""
    sent, inside = bytearray(), bytearray()
    send_all = TlsStream.send_all

    async def send_inside(self: TlsStream, data: bytes | bytearray | memoryview) -> None:
        inside.extend(data)
        await send_all(self, data)

    monkeypatch.setattr(TlsStream, "send_all", send_inside)
    async with trio.open_nursery() as nursery:

        async def connect(_address: str, _port: int) -> trio.abc.Stream:
            client, server = stream_pair()
            overheard = Overheard(client, sent)
            server.peer = overheard
            nursery.start_soon(ScriptedPeer(actions, accept).play, server)
            return overheard

        await observe_session(MX_HOST, ADDRESS, None, settings, connect=connect)
        nursery.cancel_scope.cancel()
    in_clear, first_record, _ = bytes(sent).partition(b"\x16\x03")
    assert_tls(bytes(sent)[len(in_clear) :])
    verbs = commands(in_clear)
    assert not first_record or verbs[-1] == b"STARTTLS"
    return verbs + [verb.lower() for verb in commands(bytes(inside))]


def assert_order(verbs: list[bytes]) -> None:
    """Check that each command is in its place: no command twice, none after QUIT."""
    assert set(pairwise([b"", *verbs])) <= {
        (b"", b"EHLO"),
        (b"", b"QUIT"),
        (b"EHLO", b"HELO"),
        (b"EHLO", b"STARTTLS"),
        (b"EHLO", b"QUIT"),
        (b"HELO", b"QUIT"),
        (b"STARTTLS", b"QUIT"),
        (b"STARTTLS", b"ehlo"),
        (b"ehlo", b"quit"),
    }


@pytest.mark.parametrize("name", names())
async def test_a_real_server_gets_four_commands_at_most(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    verbs = await overhear(tuple(script(load(name))), lab_settings(), monkeypatch)
    assert_order(verbs)
    assert verbs


@pytest.mark.parametrize("server", HOSTILE_SERVERS, ids=lambda server: server.name)
async def test_a_hostile_server_gets_no_other_command_out_of_the_client(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, server: HostileServer
) -> None:
    assert_order(await overhear(server.script, settings_for(server), monkeypatch, accept_for(server)))

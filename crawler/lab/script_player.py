"""Plays a script without a connection: steps out, octets of the client in. Whoever has the connection takes
the steps, in whatever way it waits.
"""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from OpenSSL import SSL

from crawler.lab.script import (
    Action,
    AskToRenegotiate,
    Close,
    Endless,
    InTheClear,
    Line,
    Octets,
    PartialHandshake,
    Pause,
    Reset,
    Silence,
    SlowHandshake,
    Step,
    Tls,
    TlsAction,
    Trickle,
)

_OCTETS = Octets()
_PLAINTEXT_OCTETS = 4096
_RECORD_OCTETS = 16384
_MOST_KEPT = 1 << 16

_T = TypeVar("_T")
Steps: TypeAlias = Generator[Step, bytes, _T]
"""An `Octets` wants what the client said, never empty; every other step wants nothing, b''."""


class _CutShort(Exception):  # noqa: N818  it is no error
    """As much of a handshake was sent as should be."""


@dataclass(slots=True)
class ScriptPlayer:
    """One connection, seen from a scripted server."""

    accept: Callable[[Tls], SSL.Connection]
    """Returns the server's side of a new TLS connection, without a socket."""
    lines: list[bytes] = field(default_factory=list)
    """What `Line` read, the line's end left out."""
    server_names: list[bytes | None] = field(default_factory=list)
    """Of the handshakes completed."""
    after_script: bytearray = field(default_factory=bytearray)
    """What the client said after the end of the script, at most 64 KiB."""
    spoken_too_early: bytes = b""
    """What the client said before a handshake that was not its ClientHello."""
    _received: bytearray = field(default_factory=bytearray)
    _tls: SSL.Connection | None = None

    def play(self, script: Sequence[Action]) -> Steps[None]:
        """Play the script, then listen for ever. Raises SSL.Error when TLS ends or fails."""
        for action in script:
            yield from self._act(action)
        while True:
            octets = yield from self._hear()
            self.after_script += octets[: _MOST_KEPT - len(self.after_script)]

    def _act(self, action: Action) -> Steps[None]:
        match action:
            case bytes():
                yield from self._say(action)
            case Line():
                yield from self._read_line()
            case Octets():
                yield from self._hear()
            case Silence():
                yield Pause(math.inf)
            case Trickle():
                for octet in action.octets:
                    yield Pause(action.seconds_each)
                    yield from self._say(bytes((octet,)))
            case Endless():
                while True:
                    yield from self._say(action.octets)
                    yield Pause(action.seconds_each)
            case Pause() | Close() | Reset():
                yield action
            case _:
                yield from self._act_on_tls(action)

    def _act_on_tls(self, action: TlsAction) -> Steps[None]:
        match action:
            case Tls():
                yield from self._begin_tls(action)
            case PartialHandshake():
                with suppress(_CutShort):
                    yield from _shake_hands(self.accept(Tls()), _Cut(action.flights, action.part))
            case SlowHandshake():
                yield from _shake_hands(self.accept(Tls()), _octet_by_octet(action.seconds_each))
            case InTheClear():
                yield action.octets
            case AskToRenegotiate():
                assert self._tls is not None
                assert self._tls.renegotiate()
                self._tls.do_handshake()
                yield from _outgoing(self._tls)

    def _begin_tls(self, action: Tls) -> Steps[None]:
        self.spoken_too_early += bytes(self._received)
        self._received.clear()
        tls = self.accept(action)
        if action.asks_client:
            tls.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        yield from _shake_hands(tls, _whole)
        self.server_names.append(tls.get_servername())
        self._tls = tls

    def _say(self, octets: bytes) -> Steps[None]:
        if self._tls is None:
            yield octets
        else:
            self._tls.sendall(octets)
            yield from _outgoing(self._tls)

    def _hear(self) -> Steps[bytes]:
        """Return what the client says next, in the clear or inside TLS."""
        tls = self._tls
        if tls is None:
            return (yield _OCTETS)
        while True:
            try:
                octets = tls.recv(_PLAINTEXT_OCTETS)
            except SSL.WantReadError:
                yield from _outgoing(tls)
                tls.bio_write((yield _OCTETS))
            except SSL.Error:
                yield from _outgoing(tls)
                raise
            else:
                yield from _outgoing(tls)
                return octets

    def _read_line(self) -> Steps[None]:
        while b"\n" not in self._received:
            self._received += yield from self._hear()
            del self._received[_MOST_KEPT:]
        line, _, rest = bytes(self._received).partition(b"\n")
        self._received[:] = rest
        self.lines.append(line.removesuffix(b"\r"))


_Flight: TypeAlias = Callable[[bytes], Steps[None]]
"""How what TLS wants sent is sent."""


def _shake_hands(tls: SSL.Connection, send: _Flight) -> Steps[None]:
    while True:
        try:
            tls.do_handshake()
        except SSL.WantReadError:
            yield from _outgoing(tls, send)
            tls.bio_write((yield _OCTETS))
        except SSL.Error:
            yield from _outgoing(tls, send)
            raise
        else:
            yield from _outgoing(tls, send)
            return


def _whole(octets: bytes) -> Steps[None]:
    yield octets


def _outgoing(tls: SSL.Connection, send: _Flight = _whole) -> Steps[None]:
    flight = b"".join(_ready(tls))
    if flight:
        yield from send(flight)


def _ready(tls: SSL.Connection) -> Iterator[bytes]:
    with suppress(SSL.WantReadError):  # no more of it
        while True:
            yield tls.bio_read(_RECORD_OCTETS)


def _octet_by_octet(seconds_each: float) -> _Flight:
    def send(octets: bytes) -> Steps[None]:
        for octet in octets:
            yield bytes((octet,))
            yield Pause(seconds_each)

    return send


@dataclass(slots=True)
class _Cut:
    """Sends so many flights whole, and of the next one a part; then raises _CutShort."""

    flights: int
    part: float

    def __call__(self, octets: bytes) -> Steps[None]:
        self.flights -= 1
        yield octets if self.flights >= 0 else octets[: int(len(octets) * self.part)]
        if self.flights < 0 or (self.flights == 0 and not self.part):
            raise _CutShort

"""Scripts played without a connection: which steps come of them, and what they hear."""

import math
from functools import cache

import pytest
from OpenSSL import SSL

from crawler.lab.script import (
    AskToRenegotiate,
    Close,
    Endless,
    InTheClear,
    Line,
    Octets,
    PartialHandshake,
    Pause,
    Reset,
    Script,
    Silence,
    SlowHandshake,
    Step,
    Tls,
    Trickle,
)
from crawler.lab.script_player import ScriptPlayer
from tests.probes.peers import server_context


@cache
def _context() -> SSL.Context:
    return server_context(version=SSL.TLS1_2_VERSION)


def accept(_: Tls) -> SSL.Connection:
    tls = SSL.Connection(_context(), None)
    tls.set_accept_state()
    return tls


class Client:
    """The client's side of TLS, in memory."""

    def __init__(self) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        self.tls = SSL.Connection(context, None)
        self.tls.set_connect_state()
        self.is_done = False

    def answer(self, octets: bytes) -> bytes:
        """Return what the client sends after these octets."""
        if octets:
            self.tls.bio_write(octets)
        try:
            self.tls.do_handshake()
            self.is_done = True
        except SSL.WantReadError:
            pass
        try:
            return self.tls.bio_read(65536)
        except SSL.WantReadError:
            return b""


def play(script: Script, *said: bytes, most: int = 50) -> tuple[list[Step], ScriptPlayer]:
    """Return the steps until the script hears no more, or there are so many, and who played it."""
    player = ScriptPlayer(accept)
    steps, heard = player.play(script), list(said)
    taken = [next(steps)]
    while len(taken) < most:
        if isinstance(taken[-1], Octets) and not heard:
            break
        taken.append(steps.send(heard.pop(0) if isinstance(taken[-1], Octets) else b""))
    return taken, player


def shake_hands(script: Script) -> tuple[Client, list[bytes], ScriptPlayer]:
    """Play with a client that shakes hands; return it, the flights sent, and the player at its end."""
    player, client = ScriptPlayer(accept), Client()
    steps, flights = player.play(script), list[bytes]()
    step, unanswered = next(steps), b""
    for _ in range(5000):
        heard = b""
        if isinstance(step, bytes):
            flights.append(step)
            unanswered += step
        elif isinstance(step, Octets):
            heard, unanswered = client.answer(unanswered), b""
            if not heard:
                break
        elif step == Pause(math.inf):
            break
        step = steps.send(heard)
    client.answer(unanswered)
    return client, flights, player


def test_a_line_may_come_in_any_pieces_and_more_than_one_at_once() -> None:
    steps, player = play((b"hello", Line(), Line(), b"bye"), b"EH", b"LO\r", b"\nQUIT\nrest")
    assert steps == [b"hello", Octets(), Octets(), Octets(), b"bye", Octets()]
    assert player.lines == [b"EHLO", b"QUIT"]


def test_after_its_end_a_script_listens_and_keeps_a_little() -> None:
    _, player = play((), *[b"x" * 30_000] * 10)
    assert len(player.after_script) == 65536


def test_what_takes_time_becomes_pauses() -> None:
    assert play((Trickle(b"ab", 2.0),))[0] == [Pause(2.0), b"a", Pause(2.0), b"b", Octets()]
    assert play((Silence(),), most=1)[0] == [Pause(math.inf)]
    assert play((Endless(b"x", 0.5),), most=6)[0] == [b"x", Pause(0.5)] * 3


@pytest.mark.parametrize("end", [Close(), Reset(), Pause(1.0)])
def test_what_a_connection_does_by_itself_is_a_step(end: Step) -> None:
    assert play((b"x", end), most=2)[0] == [b"x", end]


def test_what_follows_a_handshake_is_said_inside() -> None:
    client, flights, player = shake_hands((Tls(), b"secret", InTheClear(b"plain")))
    assert client.is_done
    assert client.tls.recv(100) == b"secret"
    assert flights[-1] == b"plain"
    assert b"secret" not in b"".join(flights)
    assert player.server_names == [None]


def test_a_server_may_ask_to_renegotiate() -> None:
    client, flights, _ = shake_hands((Tls(), AskToRenegotiate()))
    assert client.is_done
    assert flights[-1][0] == 22  # a handshake record, after the last of the handshake


@pytest.mark.parametrize(("flights", "part", "sent"), [(0, 0.5, 1), (1, 0.0, 1), (1, 0.5, 2)])
def test_a_handshake_may_be_sent_in_part(flights: int, part: float, sent: int) -> None:
    whole = shake_hands((Tls(),))[1]
    client, found, _ = shake_hands((PartialHandshake(flights, part), Silence()))
    assert not client.is_done
    assert len(found) == sent
    if part:
        assert len(found[-1]) == pytest.approx(len(whole[flights]) * part, abs=8)
    else:
        assert len(found[-1]) == pytest.approx(len(whole[0]), abs=8)


def test_a_handshake_may_be_sent_octet_by_octet() -> None:
    client, flights, _ = shake_hands((SlowHandshake(0.1),))
    assert client.is_done
    assert {len(flight) for flight in flights} == {1}


def test_a_client_that_speaks_before_the_handshake_is_noted() -> None:
    steps, player = play((Line(), Tls()), b"STARTTLS\r\nEHLO\r\n")
    assert steps == [Octets(), Octets()]
    assert player.spoken_too_early == b"EHLO\r\n"


def test_a_handshake_that_fails_raises() -> None:
    steps = ScriptPlayer(accept).play((Tls(),))
    assert next(steps) == Octets()
    with pytest.raises(SSL.Error, match="wrong version number"):
        steps.send(b"EHLO\r\n" * 10)


def test_a_handshake_that_needs_a_certificate_of_the_client_ends_in_an_alert() -> None:
    with pytest.raises(SSL.Error, match="peer did not return a certificate"):
        shake_hands((Tls(asks_client=True),))

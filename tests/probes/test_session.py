"""SMTP sessions before TLS: greeting, EHLO, STARTTLS, QUIT, and every way to fail there."""

from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock

from crawler.lab.script import (
    BYE,
    EHLO_REPLY,
    GREETING,
    HELLO,
    Action,
    Close,
    Endless,
    Line,
    Pause,
    Reset,
    Silence,
    Trickle,
)
from crawler.outcomes import Failure, SessionStage
from crawler.probes.failures import StageFailed
from crawler.probes.session import ObservedSession, observe_session
from crawler.records import Reply, Session
from tests.probes.peers import ADDRESS, MX_HOST, Connections, ScriptedPeer, lab_settings


@dataclass
class Visit:
    observed: ObservedSession
    peer: ScriptedPeer
    connections: Connections

    @property
    def session(self) -> Session:
        return self.observed.session

    @property
    def ended(self) -> tuple[SessionStage, Failure | None]:
        return self.session.stage, self.session.failure


async def visit(*script: Action, **changes: object) -> Visit:
    peer = ScriptedPeer(script)
    async with trio.open_nursery() as nursery:
        connections = Connections(nursery, peer)
        observed = await observe_session(
            MX_HOST, ADDRESS, None, lab_settings(**changes), connect=connections.open
        )
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert all(stream.is_closed for stream in connections.streams)
    return Visit(observed, peer, connections)


NO_STARTTLS = (GREETING, Line(), b"250-mx.peer.test\r\n250 SIZE 1000\r\n", Line(), BYE)


async def test_a_host_without_starttls_ends_in_hello_without_failure(autojump_clock: MockClock) -> None:
    seen = await visit(*NO_STARTTLS)
    session = seen.session
    assert seen.ended == (SessionStage.HELLO, None)
    assert session.starttls_offered is False
    assert session.greeting == Reply(code=220, lines=("mx.peer.test ESMTP",))
    assert (session.hello_command, session.hello_code) == ("EHLO", 250)
    assert session.ehlo_keywords == ("SIZE 1000",)
    assert (session.starttls_reply, session.plaintext_after_220, session.tls) == (None, None, None)
    assert session.quit_code == 221
    assert (session.mx_host, session.address, session.family, session.port) == (MX_HOST, ADDRESS, 4, 25)
    assert seen.connections.endpoints == [(ADDRESS, 25)]
    assert seen.peer.is_closed_by_client


async def test_the_scanners_own_name_is_the_ehlo_argument(autojump_clock: MockClock) -> None:
    seen = await visit(*NO_STARTTLS, hello_name="survey.example.net")
    assert seen.peer.lines == [b"EHLO survey.example.net", b"QUIT"]


@pytest.mark.parametrize("greeting", [b"220 mx SMTP\r\n", b"220\r\n", b"220 ******0**2*****\r\n"])
async def test_ehlo_comes_first_whatever_the_greeting_says(
    autojump_clock: MockClock, greeting: bytes
) -> None:
    seen = await visit(greeting, *NO_STARTTLS[1:])
    assert seen.peer.lines[0] == b"EHLO scan.test"
    assert seen.ended == (SessionStage.HELLO, None)


async def test_nothing_is_said_before_the_greeting(autojump_clock: MockClock) -> None:
    seen = await visit(Pause(29), *NO_STARTTLS)
    assert seen.peer.lines == [b"EHLO scan.test", b"QUIT"]
    assert seen.session.greeting_seconds == pytest.approx(29)


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (b"421 too many connections\r\n", Failure.SERVICE_CLOSING),
        (b"450 greylisted\r\n", Failure.TEMPORARY_REPLY),
        (b"554 STARTTLS is no help, you are listed\r\n", Failure.PERMANENT_REPLY),
        (b"554-No\r\n554 220 here\r\n", Failure.PERMANENT_REPLY),
        (b"250 hello\r\n", Failure.UNEXPECTED_REPLY),
        (b"354 go on\r\n", Failure.UNEXPECTED_REPLY),
    ],
)
async def test_another_greeting_than_220_is_a_refusal_with_its_word(
    autojump_clock: MockClock, reply: bytes, failure: Failure
) -> None:
    seen = await visit(reply, Line(), BYE)
    assert seen.ended == (SessionStage.GREETING, failure)
    assert seen.session.greeting is not None
    assert seen.session.starttls_offered is None
    assert (seen.peer.lines, seen.session.quit_code) == ([b"QUIT"], 221)


@pytest.mark.parametrize(
    "octets", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.0 400 Bad\r\n", b"\x16\x03\x01\x02\x00"]
)
async def test_another_protocol_is_a_malformed_greeting_and_gets_no_command(
    autojump_clock: MockClock, octets: bytes
) -> None:
    seen = await visit(octets, Silence())
    assert seen.ended == (SessionStage.GREETING, Failure.MALFORMED_REPLY)
    assert seen.session.failure_detail
    assert (seen.session.greeting, seen.peer.lines, seen.session.quit_code) == (None, [], None)


GOT_THERE: dict[SessionStage, tuple[Action, ...]] = {
    SessionStage.GREETING: (),
    SessionStage.HELLO: (GREETING, Line()),
    SessionStage.STARTTLS: (*HELLO, Line()),
}


@pytest.mark.parametrize("stage", GOT_THERE)
@pytest.mark.parametrize(
    ("action", "failure"),
    [
        (Close(), Failure.CLOSED),
        (Reset(), Failure.RESET),
        (Silence(), Failure.TIMEOUT),
        (Endless(b"220-more\r\n"), Failure.REPLY_TOO_LONG),
        (Endless(b"220-more\r\n", 1.0), Failure.TIMEOUT),
        (b"220 " + b"x" * 70_000, Failure.REPLY_TOO_LONG),
        (b"2x0 no\r\n", Failure.MALFORMED_REPLY),
    ],
)
async def test_each_stage_fails_with_the_word_for_what_the_peer_did(
    autojump_clock: MockClock, stage: SessionStage, action: Action, failure: Failure
) -> None:
    seen = await visit(*GOT_THERE[stage], action)
    assert seen.ended == (stage, failure)
    assert seen.session.quit_code is None


@pytest.mark.parametrize("stage", GOT_THERE)
async def test_what_was_known_before_a_failure_is_kept(
    autojump_clock: MockClock, stage: SessionStage
) -> None:
    session = (await visit(*GOT_THERE[stage], b"25", Close())).session
    past_greeting, past_hello = stage is not SessionStage.GREETING, stage is SessionStage.STARTTLS
    assert (session.greeting is not None) is past_greeting
    assert (session.greeting_seconds is not None) is past_greeting
    assert (session.starttls_offered is True) is past_hello
    assert (session.ehlo_keywords is not None) is past_hello
    assert (session.hello_seconds is not None) is past_hello
    assert session.connect_seconds is not None
    assert (session.starttls_reply, session.starttls_seconds) == (None, None)


@pytest.mark.parametrize("stage", GOT_THERE)
async def test_a_partial_reply_is_never_taken_for_a_whole_one(
    autojump_clock: MockClock, stage: SessionStage
) -> None:
    seen = await visit(*GOT_THERE[stage], b"250-mx.peer.test\r\n250-SIZE\r\n250", Silence())
    assert seen.ended == (stage, Failure.TIMEOUT)


async def test_replies_octet_by_octet_are_read_like_any_other(autojump_clock: MockClock) -> None:
    slow = (Trickle(reply, 0.2) if isinstance(reply, bytes) else reply for reply in NO_STARTTLS)
    seen = await visit(*slow)
    assert seen.ended == (SessionStage.HELLO, None)
    assert seen.session.ehlo_keywords == ("SIZE 1000",)


async def test_a_reply_that_came_before_its_command_is_none_to_it(autojump_clock: MockClock) -> None:
    seen = await visit(GREETING + b"250-mx.peer.test\r\n250 SIZE 1000\r\n" + BYE)
    assert seen.ended == (SessionStage.HELLO, Failure.UNEXPECTED_REPLY)
    assert (seen.session.hello_command, seen.session.starttls_offered) == (None, None)
    assert (seen.peer.after_script, seen.session.quit_code) == (b"QUIT\r\n", None)


async def test_421_before_a_command_is_the_server_closing(autojump_clock: MockClock) -> None:
    seen = await visit(GREETING + b"421 ", b"too many connections\r\n", Close())
    assert seen.ended == (SessionStage.HELLO, Failure.SERVICE_CLOSING)


async def test_an_endless_trickle_ends_with_the_limit_of_the_stage(autojump_clock: MockClock) -> None:
    start = trio.current_time()
    seen = await visit(GREETING, Line(), Trickle(b"250-" + b"x" * 1000, 1.0), reply_timeout_seconds=30.0)
    assert seen.ended == (SessionStage.HELLO, Failure.TIMEOUT)
    assert trio.current_time() - start == pytest.approx(30)


async def test_the_limit_of_the_session_holds_whatever_its_parts_are_allowed(
    autojump_clock: MockClock,
) -> None:
    start = trio.current_time()
    seen = await visit(
        Pause(25), GREETING, Line(), Pause(25), EHLO_REPLY, Line(), Silence(), session_timeout_seconds=60.0
    )
    assert seen.ended == (SessionStage.STARTTLS, Failure.TIMEOUT)
    assert seen.session.starttls_offered is True
    assert trio.current_time() - start == pytest.approx(60)
    assert seen.session.total_seconds == pytest.approx(60)


async def test_a_long_greet_delay_leaves_the_other_limits_whole(autojump_clock: MockClock) -> None:
    seen = await visit(Pause(29), GREETING, Line(), Pause(29), b"250 mx.peer.test\r\n", Line(), BYE)
    assert seen.ended == (SessionStage.HELLO, None)
    assert seen.session.hello_seconds == pytest.approx(29)


async def test_helo_follows_only_a_permanent_refusal_of_ehlo(autojump_clock: MockClock) -> None:
    seen = await visit(GREETING, Line(), b"502 what?\r\n", Line(), b"250 mx\r\n", Line(), BYE)
    session = seen.session
    assert seen.peer.lines == [b"EHLO scan.test", b"HELO scan.test", b"QUIT"]
    assert seen.ended == (SessionStage.HELLO, None)
    assert (session.hello_command, session.hello_code) == ("HELO", 250)
    assert (session.ehlo_keywords, session.starttls_offered) == (None, False)


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (b"421 bye\r\n", Failure.SERVICE_CLOSING),
        (b"451 later\r\n", Failure.TEMPORARY_REPLY),
        (b"252 maybe\r\n", Failure.UNEXPECTED_REPLY),
    ],
)
async def test_ehlo_refused_for_now_is_no_reason_for_helo(
    autojump_clock: MockClock, reply: bytes, failure: Failure
) -> None:
    seen = await visit(GREETING, Line(), reply, Line(), BYE)
    assert seen.ended == (SessionStage.HELLO, failure)
    assert seen.peer.lines == [b"EHLO scan.test", b"QUIT"]
    assert (seen.session.hello_code, seen.session.starttls_offered) == (int(reply[:3]), None)
    assert seen.session.ehlo_keywords is None


async def test_ehlo_and_helo_both_refused_is_a_failure_and_not_the_absence_of_starttls(
    autojump_clock: MockClock,
) -> None:
    seen = await visit(GREETING, Line(), b"502 no STARTTLS\r\n", Line(), b"550 never\r\n", Line(), BYE)
    assert seen.ended == (SessionStage.HELLO, Failure.PERMANENT_REPLY)
    assert (seen.session.hello_command, seen.session.hello_code) == ("HELO", 550)
    assert seen.session.starttls_offered is None


async def test_a_connection_closed_after_helo_leaves_no_code_of_ehlo_behind(
    autojump_clock: MockClock,
) -> None:
    seen = await visit(GREETING, Line(), b"500 what?\r\n", Line(), Close())
    assert seen.ended == (SessionStage.HELLO, Failure.CLOSED)
    assert (seen.session.hello_command, seen.session.hello_code) == ("HELO", None)


@pytest.mark.parametrize(
    "reply",
    [
        b"250 STARTTLS\r\n",  # the first line is the server's name
        b"250-starttls.example greets you\r\n250 SIZE\r\n",
        b"250-mx.peer.test\r\n250STARTTLS\r\n",
        b"250-mx.peer.test\r\n250 XSTARTTLS\r\n",
        b"250-mx.peer.test\r\n250 STARTTLSX\r\n",
        b"250-mx.peer.test\r\n250 AUTH STARTTLS\r\n",
    ],
)
async def test_starttls_is_a_whole_keyword_and_never_a_substring(
    autojump_clock: MockClock, reply: bytes
) -> None:
    seen = await visit(GREETING, Line(), reply, Line(), BYE)
    assert seen.session.starttls_offered is not True
    assert b"STARTTLS" not in seen.peer.lines


@pytest.mark.parametrize("keyword", [b"starttls", b"StartTLS", b"STARTTLS ", b"STARTTLS parameter"])
async def test_the_keyword_counts_in_any_case_and_with_parameters(
    autojump_clock: MockClock, keyword: bytes
) -> None:
    seen = await visit(
        GREETING, Line(), b"250-mx\r\n250 " + keyword + b"\r\n", Line(), b"454 no\r\n", Line(), BYE
    )
    assert seen.session.starttls_offered is True
    assert seen.peer.lines == [b"EHLO scan.test", b"STARTTLS", b"QUIT"]


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (b"454 TLS not available\r\n", Failure.TEMPORARY_REPLY),
        (b"421 too many\r\n", Failure.SERVICE_CLOSING),
        (b"501 syntax\r\n", Failure.PERMANENT_REPLY),
        (b"502 not implemented\r\n", Failure.PERMANENT_REPLY),
        (b"554 see 220 STARTTLS\r\n", Failure.PERMANENT_REPLY),
        (b"250 OK\r\n", Failure.UNEXPECTED_REPLY),
        (b"221 go ahead\r\n", Failure.UNEXPECTED_REPLY),
    ],
)
async def test_only_220_accepts_starttls(autojump_clock: MockClock, reply: bytes, failure: Failure) -> None:
    seen = await visit(*HELLO, Line(), reply, Line(), BYE)
    assert seen.ended == (SessionStage.STARTTLS, failure)
    assert seen.session.starttls_reply is not None
    assert seen.session.starttls_reply.code == int(reply[:3])
    assert (seen.session.plaintext_after_220, seen.session.tls) == (None, None)
    assert seen.peer.lines == [b"EHLO scan.test", b"STARTTLS", b"QUIT"]


@pytest.mark.parametrize(
    ("action", "code"), [(Close(), None), (Reset(), None), (b"9", None), (b"500 no\r\n", 500), (BYE, 221)]
)
async def test_quit_is_a_courtesy_whose_failure_is_no_outcome(
    autojump_clock: MockClock, action: Action, code: int | None
) -> None:
    seen = await visit(*NO_STARTTLS[:-1], action)
    assert seen.ended == (SessionStage.HELLO, None)
    assert seen.session.quit_code == code


async def test_silence_after_quit_is_waited_out_for_five_seconds(autojump_clock: MockClock) -> None:
    start = trio.current_time()
    seen = await visit(*NO_STARTTLS[:-1], Silence())
    assert seen.ended == (SessionStage.HELLO, None)
    assert trio.current_time() - start == pytest.approx(5)


async def test_the_limit_of_the_session_in_quit_spoils_nothing(autojump_clock: MockClock) -> None:
    seen = await visit(Pause(9), *NO_STARTTLS[:-1], Silence(), session_timeout_seconds=10.0)
    assert seen.ended == (SessionStage.HELLO, None)
    assert seen.session.total_seconds == pytest.approx(10)


async def test_octets_of_a_peer_are_kept_as_printable_text(autojump_clock: MockClock) -> None:
    seen = await visit(b"220 caf\xe9 \x1b[31m\\\r\n", *NO_STARTTLS[1:])
    assert seen.session.greeting == Reply(code=220, lines=("caf\\xE9 \\x1B[31m\\\\",))


@pytest.mark.parametrize(
    ("greeting", "keyword", "expected"),
    [
        (b"220 mx\r\n", b"STARTTLS", (False, False)),
        (b"220 mx\r\n", b"XXXXXXXA", (False, True)),
        (b"220 ****0****2***\r\n", b"SIZE", (True, False)),
        (b"220 ****0****2***\r\n", b"XXXX", (True, True)),
    ],
)
async def test_what_a_middlebox_overwrote_is_in_the_row(
    autojump_clock: MockClock, greeting: bytes, keyword: bytes, expected: tuple[bool, bool]
) -> None:
    seen = await visit(greeting, Line(), b"250-mx\r\n250 " + keyword + b"\r\n", Line(), b"454 no\r\n")
    assert (seen.session.greeting_masked, seen.session.starttls_overwritten) == expected


async def test_what_was_never_said_was_not_overwritten(autojump_clock: MockClock) -> None:
    silent, without_ehlo = await visit(Silence()), await visit(GREETING, Line(), Close())
    assert (silent.session.greeting_masked, silent.session.starttls_overwritten) == (None, None)
    assert (without_ehlo.session.greeting_masked, without_ehlo.session.starttls_overwritten) == (False, None)


async def test_the_attempt_and_the_port_are_in_the_row(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        connections = Connections(nursery, ScriptedPeer(NO_STARTTLS))
        settings = lab_settings(smtp_port=2525)
        observed = await observe_session(MX_HOST, "::1", None, settings, attempt=2, connect=connections.open)
        nursery.cancel_scope.cancel()
    assert (observed.session.attempt, observed.session.port, observed.session.family) == (2, 2525, 6)


async def test_a_special_purpose_address_is_recorded_and_never_contacted(autojump_clock: MockClock) -> None:
    async def connect(address: str, port: int) -> trio.abc.Stream:
        raise AssertionError("contacted")

    settings = lab_settings(allowed_ranges=())
    observed = await observe_session(MX_HOST, "127.0.0.1", None, settings, connect=connect)
    assert observed.session.stage is SessionStage.NOT_ATTEMPTED
    assert observed.session.failure is Failure.SPECIAL_PURPOSE_ADDRESS
    assert observed.session.connect_seconds is None


async def test_a_connection_that_is_never_made_times_out(autojump_clock: MockClock) -> None:
    async def connect(address: str, port: int) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    observed = await observe_session(MX_HOST, ADDRESS, None, lab_settings(), connect=connect)
    assert (observed.session.stage, observed.session.failure) == (SessionStage.CONNECT, Failure.TIMEOUT)
    assert observed.session.total_seconds == pytest.approx(20)
    assert observed.session.connect_seconds is None


async def test_a_reset_behind_the_handshake_of_tcp_belongs_to_the_greeting(autojump_clock: MockClock) -> None:
    async def connect(address: str, port: int) -> trio.abc.Stream:
        raise StageFailed(Failure.RESET, "ECONNRESET")

    observed = await observe_session(MX_HOST, ADDRESS, None, lab_settings(), connect=connect)
    assert (observed.session.stage, observed.session.failure) == (SessionStage.GREETING, Failure.RESET)


async def test_cancellation_is_not_an_outcome(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as scope:
        await visit(Silence())
    assert scope.cancelled_caught


async def test_a_programming_error_is_not_an_outcome(autojump_clock: MockClock) -> None:
    async def connect(address: str, port: int) -> trio.abc.Stream:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await observe_session(MX_HOST, ADDRESS, None, lab_settings(), connect=connect)

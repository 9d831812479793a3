"""Sessions with what real mail servers said once, read again without them."""

import pytest
from trio.testing import MockClock

from crawler.outcomes import Failure, SessionStage
from tests.probes.readings import READINGS, reading_of
from tests.probes.test_session import visit
from tests.probes.transcript import (
    Transcript,
    constant_events,
    load,
    names,
    script,
    without_variables,
)


@pytest.mark.parametrize("name", names())
async def test_what_a_server_said_is_read_as_it_was_meant(autojump_clock: MockClock, name: str) -> None:
    seen = await visit(*script(load(name)))
    assert reading_of(seen.session) == READINGS[name]


@pytest.mark.parametrize("name", names())
async def test_the_survey_says_what_the_recording_client_said(autojump_clock: MockClock, name: str) -> None:
    transcript = load(name)
    seen = await visit(*script(transcript))
    assert [f"C {line.decode()}" for line in seen.peer.lines] == [
        event for event in transcript.events if event.startswith("C ")
    ]


@pytest.mark.parametrize("name", names())
async def test_octet_by_octet_a_server_is_read_the_same(autojump_clock: MockClock, name: str) -> None:
    """Real networks cut replies anywhere."""
    pieces = [
        bytes([octet]) if isinstance(action, bytes) else action
        for action in script(load(name))
        for octet in (action if isinstance(action, bytes) else b".")
    ]
    seen = await visit(*pieces)
    assert reading_of(seen.session) == READINGS[name]


async def test_a_greeting_in_two_parts_is_awaited_to_its_end(autojump_clock: MockClock) -> None:
    seen = await visit(*script(load("postscreen")))
    assert seen.session.greeting_seconds == pytest.approx(6)
    assert (await visit(*script(load("postscreen")), greeting_timeout_seconds=5)).ended == (
        SessionStage.GREETING,
        Failure.TIMEOUT,
    )


def test_dates_versions_and_the_client_are_no_part_of_what_a_server_says() -> None:
    assert without_variables("mx ESMTP Exim 4.96 Sun, 22 Nov 2026 07:08:48 +0000") == (
        "mx ESMTP Exim <version> <date>"
    )
    sendmail = "mx ESMTP Sendmail 8.17.1.9/8.17.1.9/Debian-2+deb12u2; Sun, 2 Nov 2026 07:12:16 GMT; x"
    assert without_variables(sendmail) == "mx ESMTP Sendmail <version>; <date>; x"
    assert without_variables("2.0.0 from [127.0.0.2]") == "2.0.0 from [<client>]"
    assert constant_events(Transcript("", ("PAUSE 7", "S 220 mx"))) == ["PAUSE", "S 220 mx"]


def test_an_event_that_is_none_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="SAYS"):
        script(Transcript("", ("SAYS 220 mx",)))

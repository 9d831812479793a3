"""What a session says about STARTTLS."""

from itertools import product

import pytest

from crawler.outcomes import Failure, Outcome, SessionStage
from crawler.verdicts.outcome import read_outcome

STAGES = SessionStage
WORDS = [
    (STAGES.NOT_ATTEMPTED, Failure.SPECIAL_PURPOSE_ADDRESS, None, Outcome.NOT_ATTEMPTED),
    (STAGES.NOT_ATTEMPTED, Failure.LOOKUP_FAILED, None, Outcome.NOT_ATTEMPTED),
    (STAGES.CONNECT, Failure.REFUSED, None, Outcome.UNREACHABLE),
    (STAGES.CONNECT, Failure.TIMEOUT, None, Outcome.UNREACHABLE),
    (STAGES.CONNECT, Failure.UNKNOWN, None, Outcome.UNREACHABLE),
    (STAGES.CONNECT, Failure.LOCAL_ERROR, None, Outcome.NOT_ATTEMPTED),
    (STAGES.GREETING, Failure.TIMEOUT, None, Outcome.UNREACHABLE),
    (STAGES.GREETING, Failure.CLOSED, None, Outcome.UNREACHABLE),
    (STAGES.GREETING, Failure.RESET, None, Outcome.UNREACHABLE),
    (STAGES.GREETING, Failure.LOCAL_ERROR, None, Outcome.UNREACHABLE),
    (STAGES.GREETING, Failure.SERVICE_CLOSING, None, Outcome.REFUSED_GREETING),
    (STAGES.GREETING, Failure.TEMPORARY_REPLY, None, Outcome.REFUSED_GREETING),
    (STAGES.GREETING, Failure.PERMANENT_REPLY, None, Outcome.REFUSED_GREETING),
    (STAGES.GREETING, Failure.MALFORMED_REPLY, None, Outcome.NOT_SMTP),
    (STAGES.GREETING, Failure.REPLY_TOO_LONG, None, Outcome.NOT_SMTP),
    (STAGES.GREETING, Failure.UNEXPECTED_REPLY, None, Outcome.NOT_SMTP),
    (STAGES.HELLO, Failure.SERVICE_CLOSING, None, Outcome.HELLO_FAILED),
    (STAGES.HELLO, Failure.TEMPORARY_REPLY, None, Outcome.HELLO_FAILED),
    (STAGES.HELLO, Failure.TIMEOUT, None, Outcome.HELLO_FAILED),
    (STAGES.HELLO, None, False, Outcome.NO_STARTTLS),
    (STAGES.STARTTLS, Failure.TEMPORARY_REPLY, True, Outcome.STARTTLS_REFUSED),
    (STAGES.STARTTLS, Failure.UNEXPECTED_REPLY, True, Outcome.STARTTLS_REFUSED),
    (STAGES.STARTTLS, Failure.CLOSED, True, Outcome.STARTTLS_REFUSED),
    (STAGES.HANDSHAKE, Failure.TLS_ALERT, True, Outcome.TLS_FAILED),
    (STAGES.HANDSHAKE, Failure.TLS_ERROR, True, Outcome.TLS_FAILED),
    (STAGES.HANDSHAKE, Failure.TIMEOUT, True, Outcome.TLS_FAILED),
    (STAGES.HELLO_TLS, None, True, Outcome.TLS_OK),
]


@pytest.mark.parametrize(("stage", "failure", "offered", "outcome"), WORDS)
def test_the_last_stage_and_its_failure_decide(
    stage: SessionStage, failure: Failure | None, offered: bool | None, outcome: Outcome
) -> None:
    assert read_outcome(stage, failure, offered) is outcome


def test_every_outcome_is_the_reading_of_some_session() -> None:
    assert {outcome for *_, outcome in WORDS} == set(Outcome)


def test_every_combination_has_an_outcome() -> None:
    for stage, failure, offered in product(SessionStage, [None, *Failure], [None, False, True]):
        assert read_outcome(stage, failure, offered) in Outcome


@pytest.mark.parametrize("failure", list(Failure))
def test_no_failure_is_ever_read_as_no_starttls(failure: Failure) -> None:
    assert all(read_outcome(stage, failure, False) is not Outcome.NO_STARTTLS for stage in SessionStage)


@pytest.mark.parametrize("failure", list(Failure))
def test_a_failed_hello_inside_tls_does_not_undo_the_handshake(failure: Failure) -> None:
    assert read_outcome(SessionStage.HELLO_TLS, failure, True) is Outcome.TLS_OK

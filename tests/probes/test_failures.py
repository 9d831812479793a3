"""Errors of the system and of libraries, and their words."""

import errno

import h11
import pytest
import trio

from crawler.outcomes import Failure
from crawler.probes.failures import PEER_ERRORS, StageFailed, name_failure
from crawler.protocol.smtp import MalformedReply, ReplyTooLong


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (errno.ECONNREFUSED, Failure.REFUSED),
        (errno.ECONNRESET, Failure.RESET),
        (errno.EPIPE, Failure.RESET),
        (errno.ETIMEDOUT, Failure.TIMEOUT),
        (errno.ENETUNREACH, Failure.UNREACHABLE),
        (errno.EHOSTUNREACH, Failure.UNREACHABLE),
        (errno.EMFILE, Failure.LOCAL_ERROR),
        (errno.EADDRNOTAVAIL, Failure.LOCAL_ERROR),
        (errno.EBADMSG, Failure.UNKNOWN),
    ],
)
def test_every_system_error_has_a_word_and_keeps_its_name(number: int, failure: Failure) -> None:
    name = errno.errorcode[number]
    assert name_failure(OSError(number, "text in any language")) == (failure, name)
    broken = trio.BrokenResourceError("socket connection broken")
    broken.__cause__ = OSError(number, "text")
    assert name_failure(broken) == (failure, name)


def test_a_system_error_without_a_number_is_unknown_and_not_hidden() -> None:
    assert name_failure(OSError("odd")) == (Failure.UNKNOWN, "OSError('odd')")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StageFailed(Failure.CLOSED), (Failure.CLOSED, None)),
        (StageFailed(Failure.TLS_ERROR, "wrong version number"), (Failure.TLS_ERROR, "wrong version number")),
        (trio.BrokenResourceError(), (Failure.RESET, None)),
        (trio.TooSlowError(), (Failure.TIMEOUT, None)),
        (MalformedReply("no code"), (Failure.MALFORMED_REPLY, "no code")),
        (ReplyTooLong("too long"), (Failure.REPLY_TOO_LONG, "too long")),
        (h11.RemoteProtocolError("illegal"), (Failure.MALFORMED_REPLY, "illegal")),
        (h11.RemoteProtocolError("long", error_status_hint=431), (Failure.REPLY_TOO_LONG, "long")),
    ],
)
def test_every_error_that_a_peer_can_cause_has_a_word(
    error: Exception, expected: tuple[Failure, str | None]
) -> None:
    assert isinstance(error, PEER_ERRORS)
    assert name_failure(error) == expected


def test_details_are_short_printable_ascii() -> None:
    detail = name_failure(StageFailed(Failure.UNKNOWN, "é" * 300))[1]
    assert detail is not None
    assert detail.isascii()
    assert len(detail) == 200


@pytest.mark.parametrize("error", [KeyError("a bug"), ValueError("a bug"), trio.ClosedResourceError()])
def test_a_programming_error_has_no_word(error: Exception) -> None:
    assert not isinstance(error, PEER_ERRORS)
    with pytest.raises(AssertionError):
        name_failure(error)

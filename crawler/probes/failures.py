"""The one border where errors of the system and of libraries become words of `Failure`."""

import errno

import h11
import trio

from crawler.outcomes import Failure
from crawler.protocol.smtp import MalformedReply, ReplyTooLong

_DETAIL_LIMIT = 200
"""Characters of `failure_detail` kept."""

_FAILURE_OF_ERRNO = {
    errno.ECONNREFUSED: Failure.REFUSED,
    errno.ECONNRESET: Failure.RESET,
    errno.ECONNABORTED: Failure.RESET,
    errno.EPIPE: Failure.RESET,
    errno.ETIMEDOUT: Failure.TIMEOUT,
    errno.ENETUNREACH: Failure.UNREACHABLE,
    errno.EHOSTUNREACH: Failure.UNREACHABLE,
    errno.ENETDOWN: Failure.UNREACHABLE,
    errno.EHOSTDOWN: Failure.UNREACHABLE,
    # Linux's words for ICMP "administratively prohibited" (IPv6), "protocol unreachable" and "parameter
    # problem": somebody on the way said no, not this machine.
    errno.EACCES: Failure.UNREACHABLE,
    errno.ENOPROTOOPT: Failure.UNREACHABLE,
    errno.EPROTO: Failure.UNREACHABLE,
    errno.EPERM: Failure.LOCAL_ERROR,  # Linux: this machine's own packet filter
    errno.EMFILE: Failure.LOCAL_ERROR,
    errno.ENFILE: Failure.LOCAL_ERROR,
    errno.ENOBUFS: Failure.LOCAL_ERROR,
    errno.ENOMEM: Failure.LOCAL_ERROR,
    errno.EADDRINUSE: Failure.LOCAL_ERROR,
    errno.EADDRNOTAVAIL: Failure.LOCAL_ERROR,
    errno.EAFNOSUPPORT: Failure.LOCAL_ERROR,
}


class StageFailed(Exception):  # noqa: N818 - what it says is a fact about the peer, not an error
    """The stage under way did not succeed, for a reason that has a word."""

    def __init__(self, failure: Failure, detail: str | None = None) -> None:
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail


PEER_ERRORS = (
    StageFailed,
    trio.BrokenResourceError,
    trio.TooSlowError,
    MalformedReply,
    ReplyTooLong,
    h11.RemoteProtocolError,
)
"""Every error that a peer or the network can cause. Anything else is a fault of this program."""


def name_failure(error: BaseException) -> tuple[Failure, str | None]:
    """Return the word for one of PEER_ERRORS or an OSError, and what the system or library said."""
    failure, detail = _name(error)
    return failure, None if detail is None else _bounded(detail)


def _name(error: BaseException) -> tuple[Failure, str | None]:
    match error:
        case StageFailed():
            return error.failure, error.detail
        case trio.BrokenResourceError() if isinstance(error.__cause__, OSError):
            return _name(error.__cause__)
        case trio.BrokenResourceError():
            return Failure.RESET, None
        case trio.TooSlowError():
            return Failure.TIMEOUT, None
        case ReplyTooLong():
            return Failure.REPLY_TOO_LONG, str(error)
        case MalformedReply():
            return Failure.MALFORMED_REPLY, str(error)
        case h11.RemoteProtocolError():
            too_long = error.error_status_hint == 431
            return Failure.REPLY_TOO_LONG if too_long else Failure.MALFORMED_REPLY, str(error)
        case OSError():
            return _name_os_error(error)
    raise AssertionError(f"not an error of a peer: {error!r}")


def _name_os_error(error: OSError) -> tuple[Failure, str]:
    """Return the word and the system's name of an error; its text would depend on the locale."""
    if error.errno is None:
        return Failure.UNKNOWN, repr(error)
    name = errno.errorcode.get(error.errno, str(error.errno))
    return _FAILURE_OF_ERRNO.get(error.errno, Failure.UNKNOWN), name


def _bounded(detail: str) -> str:
    return detail.encode("ascii", "backslashreplace").decode("ascii")[:_DETAIL_LIMIT]

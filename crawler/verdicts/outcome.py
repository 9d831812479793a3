"""What a session says about STARTTLS."""

from crawler.outcomes import Failure, Outcome, SessionStage

ANSWERED = (Outcome.NO_STARTTLS, Outcome.STARTTLS_REFUSED, Outcome.TLS_FAILED, Outcome.TLS_OK)
"""The outcomes that tell whether a server has TLS. Of the others nothing is known."""

_OF_STAGE = {
    SessionStage.NOT_ATTEMPTED: Outcome.NOT_ATTEMPTED,
    SessionStage.CONNECT: Outcome.UNREACHABLE,
    SessionStage.GREETING: Outcome.UNREACHABLE,
    SessionStage.HELLO: Outcome.HELLO_FAILED,
    SessionStage.STARTTLS: Outcome.STARTTLS_REFUSED,
    SessionStage.HANDSHAKE: Outcome.TLS_FAILED,
    SessionStage.HELLO_TLS: Outcome.TLS_OK,
}
"""What it means that this stage was the last one begun, unless its failure says something else."""

_OF_FAILURE = {
    (SessionStage.CONNECT, Failure.LOCAL_ERROR): Outcome.NOT_ATTEMPTED,
    (SessionStage.GREETING, Failure.SERVICE_CLOSING): Outcome.REFUSED_GREETING,
    (SessionStage.GREETING, Failure.TEMPORARY_REPLY): Outcome.REFUSED_GREETING,
    (SessionStage.GREETING, Failure.PERMANENT_REPLY): Outcome.REFUSED_GREETING,
    (SessionStage.GREETING, Failure.MALFORMED_REPLY): Outcome.NOT_SMTP,
    (SessionStage.GREETING, Failure.REPLY_TOO_LONG): Outcome.NOT_SMTP,
    (SessionStage.GREETING, Failure.UNEXPECTED_REPLY): Outcome.NOT_SMTP,
}


def read_outcome(stage: SessionStage, failure: Failure | None, starttls_offered: bool | None) -> Outcome:
    """Return what the last stage begun, its failure and the offer say; defined for every combination.

    A failed EHLO inside TLS does not undo the handshake. "No STARTTLS" needs a hello that succeeded.
    """
    if stage is SessionStage.HELLO and failure is None and starttls_offered is False:
        return Outcome.NO_STARTTLS
    if failure is None:
        return _OF_STAGE[stage]
    return _OF_FAILURE.get((stage, failure), _OF_STAGE[stage])

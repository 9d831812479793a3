"""One question on its way to a resolver: what is sent, where replies are awaited, how it ended."""

from collections.abc import Callable

from crawler.outcomes import LookupStatus
from crawler.protocol.dns_wire import DnsReply, QueryType, encode_question, query_after_id

_RCODES_WITHOUT_QUESTION = frozenset({1, 2, 4, 5})
"""FORMERR, SERVFAIL, NOTIMP, REFUSED: said by some without repeating the question."""


class Question:
    """One question on its way."""

    __slots__ = (
        "asked",
        "attempts",
        "body",
        "ended_at",
        "failure",
        "is_asked_anew",
        "is_ended",
        "is_late",
        "is_read_later",
        "losses",
        "octets",
        "reply",
        "sent",
        "started_at",
        "wake",
    )

    def __init__(
        self,
        name: str,
        query_type: QueryType,
        *,
        checking_disabled: bool = False,
        wake: Callable[[], object] | None = None,
        is_read_later: bool = False,
    ) -> None:
        """Write the query. Raises DnsWireError for a name that cannot be sent."""
        wire = encode_question(name, query_type)
        self.asked = (wire, (name, query_type))
        self.body = query_after_id(wire, checking_disabled=checking_disabled)
        """The query without its id."""
        self.wake = wake
        """Called when the question ends; None: nobody waits."""
        self.is_ended = False
        self.is_read_later = is_read_later
        """A reply that looks like an answer ends the question without being read."""
        self.attempts = 0
        self.losses = 0
        """Attempts without a reply that count against the name."""
        self.reply: DnsReply | None = None
        self.octets: bytes | None = None
        """A reply that was not read yet."""
        self.failure = LookupStatus.TIMEOUT
        self.sent: list[tuple[Waiting, int]] = []
        """Where replies are awaited. All attempts stay open: a slow answer to the first is an answer."""
        self.started_at = 0.0
        self.ended_at = 0.0
        self.is_asked_anew = False
        """It was given up before, when the resolver may have been gone."""
        self.is_late = False
        """A reply to an earlier attempt came after that to the last."""

    def is_answered_by(self, reply: DnsReply) -> bool:
        """Whether a reply is to this question (RFC 5452 s9.1)."""
        if reply.question is None:
            return reply.rcode in _RCODES_WITHOUT_QUESTION
        return reply.question == self.asked[1]


Waiting = dict[int, Question]
"""Open questions of one socket, by message id."""

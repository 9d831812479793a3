"""Lookups made many together, as arrays: those whose replies say what was asked for and nothing else."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crawler.probes.dns_question import Question
from crawler.protocol.dns_wire import QueryType
from crawler.protocol.plain_replies import PlainReplies, read_plain


class PlainLookups(NamedTuple):
    """Lookups of one type, one entry per name. Of those that are not plain, only the question is known."""

    questions: Sequence[Question | None]
    """None: the name cannot be sent."""
    replies: PlainReplies
    is_trusted: bool
    """Whether the resolver is believed that an answer is secure."""
    attempts: NDArray[np.int64]
    elapsed_seconds: NDArray[np.float64]

    def take(self, mask: NDArray[np.bool_]) -> "PlainLookups":
        """Return those of the entries for which the mask is true."""
        if mask.all():
            return self
        return PlainLookups(
            [self.questions[index] for index in np.flatnonzero(mask).tolist()],
            self.replies.take(mask),
            self.is_trusted,
            self.attempts[mask],
            self.elapsed_seconds[mask],
        )


def plain_lookups(
    questions: Sequence[Question | None], query_type: QueryType, *, is_trusted: bool
) -> PlainLookups:
    """Read what came for questions asked together."""
    replies = [b"" if question is None else question.octets or b"" for question in questions]
    asked = [b"" if question is None else question.asked[0] for question in questions]
    return PlainLookups(
        questions,
        read_plain(replies, asked, query_type),
        is_trusted,
        np.array([0 if q is None else q.attempts for q in questions], np.int64),
        np.array([0.0 if q is None else q.ended_at - q.started_at for q in questions], np.float64),
    )

"""Waiting for many questions at once, without a task for each."""

from collections.abc import Sequence

import trio

from crawler.probes.dns_question import Question

_LOOK_SECONDS = 0.3
"""Questions asked together are waited for as long as some are still to be asked, or more than one in a
hundred end in such a time: the few slowest shall not hold up all."""
_MOST_LOOKS = 30
"""How long they are waited for in any case."""


class Together:
    """Wakes who waits for questions asked together."""

    __slots__ = ("_all_ended", "_ended", "_wanted")

    def __init__(self) -> None:
        """Begin before any has ended."""
        self._ended = self._wanted = 0
        self._all_ended = trio.Event()

    def one_ended(self) -> None:
        """Take note of a question that has ended."""
        self._ended += 1
        if self._ended == self._wanted:
            self._all_ended.set()

    async def most_ended(self, questions: Sequence[Question]) -> None:
        """Wait until all have ended, or all were asked and hardly any ends any more."""
        self._wanted = len(questions)
        if not questions:
            self._all_ended.set()
        for _ in range(_MOST_LOOKS):
            before = self._ended
            with trio.move_on_after(_LOOK_SECONDS):
                await self._all_ended.wait()
                return
            are_few = self._ended - before <= len(questions) // 100
            if are_few and all(question.attempts for question in questions):
                return

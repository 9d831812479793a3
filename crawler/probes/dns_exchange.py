"""Questions to one recursive resolver and its replies, over UDP and, where truncated, TCP (RFC 1035 s4.2).

The hot path of a survey. A few connected sockets serve every task, since opening one per question costs more
than the question; one task watches all deadlines, since a cancel scope per question costs half as much again.
No more questions are in flight than the resolver bears (`congestion`); the others wait for their turn.
"""

import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import product
from typing import NamedTuple

import trio

from crawler.outcomes import LookupStatus
from crawler.probes.congestion import Congestion
from crawler.probes.dns_question import Question, Waiting
from crawler.probes.dns_sockets import connected, random_ids
from crawler.probes.dns_tcp import reply_over_tcp
from crawler.probes.silence import Silence
from crawler.probes.together import Together
from crawler.protocol.dns_wire import DnsReply, DnsWireError, QueryType, decode_reply

_SOCKETS = 4
"""Each with an ephemeral port: a forged reply must guess port and id (RFC 5452 s4.5)."""

_DATAGRAM_LIMIT = 4096
_DRAIN_LIMIT = 256
"""Replies read in a row before other tasks get a turn."""

_MOST_TIMES = 4
"""A question under way while the resolver has too much to do is asked up to this many times its attempts."""

_LATE_SECONDS = 0.1
"""How long after a later attempt the reply to an earlier one may come: a resolver that took long over a name
answers all who asked at once, in any order."""

_ANSWERS = frozenset({0, 3})
"""NOERROR, NXDOMAIN: they say something about the name, all others about the lookup."""

_LOOKS_LIKE_AN_ANSWER = frozenset(
    bytes((high, low, 0, 1))
    for high, low in product(range(256), range(256))
    if high & 0b1111_1010 == 0b1000_0000 and low & 0b1111 in _ANSWERS
)
"""Flags and question count of a whole reply to a query: QR set, opcode 0, TC clear, one question."""

_FADES = 0.995
"""What is left of the longest time that an answer took, with each answer since."""


class Exchange(NamedTuple):
    """How a question ended: with a reply, or with the reason why there is none."""

    reply: DnsReply | None
    failure: LookupStatus
    """TIMEOUT, UNREACHABLE, MALFORMED, TRUNCATED or NAME_TOO_LONG; means nothing when there is a reply."""
    attempts: int
    """Questions sent, over UDP and TCP."""
    started_at: float
    """When the first was sent, on trio's clock."""
    ended_at: float


@asynccontextmanager
async def open_exchange(
    address: str,
    port: int,
    *,
    timeout_seconds: float,
    attempts: int,
    most_in_flight: int = 1000,
    outlasts_silence: bool = False,
) -> AsyncIterator["DnsExchange"]:
    """Open the sockets to a resolver. A question is asked again after the timeout, up to `attempts` times.

    With `outlasts_silence`, questions wait while the resolver is gone, however long.
    """
    silence = Silence(address, port) if outlasts_silence else None
    exchange = DnsExchange(address, port, timeout_seconds, attempts, most_in_flight, silence)
    try:
        async with trio.open_nursery() as nursery:
            for endpoint in exchange.endpoints:
                nursery.start_soon(exchange.receive, *endpoint)
            nursery.start_soon(exchange.send)
            nursery.start_soon(exchange.sweep)
            if silence is not None:
                nursery.start_soon(silence.look_after, exchange.ask_again)
            yield exchange
            nursery.cancel_scope.cancel()
    finally:
        exchange.close()


class DnsExchange:
    """The sockets, and the questions on their way. Made by `open_exchange`."""

    def __init__(
        self,
        address: str,
        port: int,
        timeout_seconds: float,
        attempts: int,
        most_in_flight: int,
        silence: Silence | None,
    ) -> None:
        self._address = address
        self._port = port
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._now = trio.lowlevel.current_clock().current_time
        self._turn = 0
        self._ids = random_ids()
        self._in_flight: dict[Question, float] = {}
        """When each is to be asked again, in that order."""
        self._queue: deque[Question] = deque()
        """Questions that wait for their turn; some may be done meanwhile."""
        self._behind: deque[Question] = deque()
        """Those asked together: they wait until none that a task waits for is queued."""
        self._asked = trio.Event()
        """Set when there is a question to send."""
        self._repeated: deque[tuple[float, Question, list[tuple[Waiting, int]]]] = deque()
        """Questions answered at a later attempt: when to look whether the earlier ones were lost."""
        self._silence = silence
        self._heard_at = self._now()
        """When the resolver last sent anything."""
        self._doubtful: list[Question] = []
        """Questions given up while nothing was heard: asked again when the resolver is there."""
        self._longest_seconds = timeout_seconds
        """How long answers take at most, of late."""
        self._room = trio.lowlevel.ParkingLot()
        """Who waits until the resolver has room: one goes on per answer, all when nothing is in flight."""
        self.congestion = Congestion(most_in_flight, timeout_seconds)
        self.endpoints: list[tuple[socket.socket, Waiting]] = []
        try:
            for _ in range(_SOCKETS):
                self.endpoints.append((connected(address, port), {}))
        except OSError:
            self.close()
            raise

    @property
    def problem(self) -> str | None:
        """What is wrong with the resolver while it is gone, in one line; None: nothing known."""
        return None if self._silence is None else self._silence.problem

    @property
    def back_at(self) -> float:
        """When the resolver, having been gone, was there again last, on trio's clock."""
        return float("-inf") if self._silence is None else self._silence.back_at

    def close(self) -> None:
        """Close the sockets."""
        for endpoint, _waiting in self.endpoints:
            endpoint.close()

    async def ask(self, name: str, query_type: QueryType, *, checking_disabled: bool = False) -> Exchange:
        """Ask one question and return how it ended. Raises DnsWireError for a name that cannot be sent."""
        question = Question(name, query_type, checking_disabled=checking_disabled)
        self._queue.append(question)
        self._asked.set()
        return await self.ended(question)

    async def ask_together(self, names: Sequence[str], query_type: QueryType) -> list[Question | None]:
        """Ask the same of many names, without a task for each.

        Returns when each is answered, or when no answer has come for a while: who wants the others waits for
        them with `ended`, or gives them up with `forget`. Replies that look like an answer are not read yet.
        None stands for a name that cannot be sent.
        """
        together = Together()
        questions = [_question_or_none(name, query_type, together.one_ended) for name in names]
        asked = [question for question in questions if question is not None]
        self._behind.extend(asked)
        self._asked.set()
        try:
            await together.most_ended(asked)
        except trio.Cancelled:
            for question in asked:
                self.forget(question)
            raise
        for question in asked:
            question.wake = None
        return questions

    async def ended(self, question: Question) -> Exchange:
        """Wait until a question has ended, and return how."""
        while not question.is_ended or question.octets is not None:
            if question.is_ended:
                self._read(question)
            else:
                question.wake = partial(trio.lowlevel.reschedule, trio.lowlevel.current_task())
                await trio.lowlevel.wait_task_rescheduled(partial(self._abort, question))
        if question.reply is not None and question.reply.truncated:
            await self._ask_over_tcp(question)
            question.ended_at = self._now()
        return Exchange(
            question.reply, question.failure, question.attempts, question.started_at, question.ended_at
        )

    async def next_answer(self) -> None:
        """Wait until a question is answered: then the resolver has room for one more. Not for dead names."""
        if self._in_flight:
            with trio.move_on_after(self._longest_seconds):
                await self._room.park()

    def may_answer_since(self, at: float) -> bool:
        """Tell whether a question sent by a time may still be answered: no longer ago than answers take."""
        oldest = next(iter(self._in_flight.values()), None)
        if oldest is None or self._now() >= at + self._longest_seconds:
            return False
        return oldest <= at + self._timeout_seconds

    async def is_answered(self, name: str) -> bool:
        """Tell whether the resolver says at once of a name which address it has, or that it has none.

        If the resolver was gone meanwhile it does not.
        """
        asked_at = self._now()
        reply = (await self.ask(name, QueryType.A)).reply
        return reply is not None and reply.rcode in _ANSWERS and asked_at >= self.back_at

    def forget(self, question: Question) -> None:
        """Give up a question that nobody waits for any more."""
        if not question.is_ended:
            self._stop_waiting(question)

    def _abort(self, question: Question, _: object) -> trio.lowlevel.Abort:
        self._stop_waiting(question)
        return trio.lowlevel.Abort.SUCCEEDED

    def _read(self, question: Question) -> None:
        """Read a reply that only looked like an answer so far; the question is asked again if it is none."""
        assert question.octets is not None
        octets, question.octets, question.is_read_later = question.octets, None, False
        try:
            question.reply = decode_reply(octets, question.asked)
        except DnsWireError:
            question.failure = LookupStatus.MALFORMED
            question.losses += 1
            if question.losses < self._attempts:
                question.is_ended = False
                question.sent = []
                self._queue.append(question)
                self._asked.set()

    async def send(self) -> None:
        """Send questions for ever, those of all tasks that are ready in one go.

        Sent one by one, each finds the resolver asleep again, and waking it costs more than sending.
        """
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            self._send_queued()

    def _send(self, question: Question) -> None:
        """Send a question with a new id on the next socket, and note its deadline."""
        self._turn = (self._turn + 1) % _SOCKETS
        endpoint, waiting = self.endpoints[self._turn]
        while (query_id := next(self._ids)) in waiting:
            pass
        waiting[query_id] = question
        question.sent.append((waiting, query_id))
        now = self._now()
        if not question.attempts:
            question.started_at = now
        question.attempts += 1
        self._in_flight[question] = now + self._timeout_seconds
        octets = query_id.to_bytes(2, "big") + question.body
        # A connected socket reports the ICMP error of an earlier datagram in place of sending this one, once.
        for _ in range(2):
            try:
                endpoint.send(octets)
            except BlockingIOError:
                return  # as good as lost on the way
            except OSError:
                question.failure = LookupStatus.UNREACHABLE
            else:
                return

    def _send_queued(self) -> None:
        """Send what waits for its turn, as far as the level allows; nothing to a resolver that is gone."""
        if self.problem is not None:
            return
        while (queue := self._queue or self._behind) and len(self._in_flight) < self.congestion.level:
            question = queue.popleft()
            if not question.is_ended:
                self._send(question)

    def _stop_waiting(self, question: Question) -> None:
        question.is_ended = True
        self._in_flight.pop(question, None)
        for waiting, query_id in question.sent:
            del waiting[query_id]

    def _finish(self, question: Question, now: float) -> None:
        assert not question.is_ended, "finished twice"
        self._stop_waiting(question)
        question.ended_at = now
        if question.wake is not None:
            question.wake()

    async def receive(self, endpoint: socket.socket, waiting: Waiting) -> None:
        """Read replies for ever."""
        while True:
            await trio.lowlevel.wait_readable(endpoint)
            for _ in range(_DRAIN_LIMIT):
                try:
                    octets = endpoint.recv(_DATAGRAM_LIMIT)
                except BlockingIOError:
                    break
                except OSError:
                    # ICMP says that nobody listens, but not to which question. Each is asked again at its
                    # deadline all the same: a resolver that restarts is back within seconds.
                    for question in waiting.values():
                        question.failure = LookupStatus.UNREACHABLE
                else:
                    self._heard_at = self._now()
                    self._take(octets, waiting)
            if self._queue or self._behind:
                self._send_queued()

    def _take(self, octets: bytes, waiting: Waiting) -> None:
        """Match a reply by id, socket and question (RFC 5452 s9.1); anything else is not for us."""
        query_id = int.from_bytes(octets[:2], "big")
        question = waiting.get(query_id)
        if question is None:
            return
        reply: DnsReply | None = None
        if (
            not question.is_read_later
            or octets[2:6] not in _LOOKS_LIKE_AN_ANSWER
            or not octets.startswith(question.asked[0], 12)
        ):
            try:
                reply = decode_reply(octets, question.asked)
            except DnsWireError:
                question.failure = LookupStatus.MALFORMED
                return
            if not question.is_answered_by(reply):
                return
        if question.is_ended:
            question.is_late = True
            return
        question.reply, question.octets = reply, octets if reply is None else None
        now = self._heard_at
        is_answer = reply is None or reply.rcode in _ANSWERS
        if is_answer:
            if question.attempts > 1 and question.sent[-1:] == [(waiting, query_id)]:
                *earlier, last = question.sent
                question.sent = [last]
                self._repeated.append((now + _LATE_SECONDS, question, earlier))
            elif self._queue or self._behind:
                self.congestion.raise_level(now)
            self._longest_seconds = max(self._longest_seconds * _FADES, now - question.started_at)
        self._finish(question, now)
        if self._room:
            self._let_on(is_answer=is_answer)

    def _let_on(self, *, is_answer: bool) -> None:
        if not self._in_flight:
            self._room.unpark_all()
        elif is_answer:
            self._room.unpark()

    async def sweep(self) -> None:
        """Watch all deadlines for ever: ask again, or give up."""
        while True:
            now = self._now()
            self._look_for_losses(now)
            for question, deadline in self._overdue(now):
                self._lose(question, deadline - self._timeout_seconds)
            self._send_queued()
            next_deadline = next(iter(self._in_flight.values()), now + self._timeout_seconds)
            await trio.sleep_until(next_deadline)

    def _overdue(self, now: float) -> list[tuple[Question, float]]:
        overdue = []
        for question, deadline in self._in_flight.items():
            if deadline > now:
                break
            overdue.append((question, deadline))
        return overdue

    def _look_for_losses(self, now: float) -> None:
        """Lower the level if a question was lost that was answered when it was asked again."""
        while self._repeated and self._repeated[0][0] <= now:
            _, question, earlier = self._repeated.popleft()
            for waiting, query_id in earlier:
                del waiting[query_id]
            if not question.is_late:
                self.congestion.lower(now)

    def _lose(self, question: Question, sent_at: float) -> None:
        """Give up an attempt: the question is asked again in its turn, or done."""
        del self._in_flight[question]
        if not self.congestion.is_lower_than_at(sent_at):
            question.losses += 1
        if question.losses < self._attempts and question.attempts < _MOST_TIMES * self._attempts:
            self._queue.appendleft(question)
        elif self._silence is not None and self._heard_at < sent_at and not question.is_asked_anew:
            self._doubtful.append(question)
            self._silence.doubt()
        else:
            self._finish(question, self._now())
            self._let_on(is_answer=False)

    def ask_again(self) -> None:
        """Ask again what was given up while the resolver may have been gone: it is there."""
        for question in self._doubtful:
            if not question.is_ended:  # by a late reply
                question.losses = question.attempts = 0
                question.is_asked_anew = True
        self._queue.extendleft(self._doubtful)
        self._doubtful.clear()
        self._asked.set()

    async def _ask_over_tcp(self, question: Question) -> None:
        """Ask again over TCP; without a whole reply the question ends truncated."""
        for _ in range(self._attempts):
            question.attempts += 1
            reply = None
            with trio.move_on_after(self._timeout_seconds):
                query = next(self._ids).to_bytes(2, "big") + question.body
                reply = await reply_over_tcp(self._address, self._port, query)
            if reply is not None and question.is_answered_by(reply) and not reply.truncated:
                question.reply = reply
                return
        question.reply, question.failure = None, LookupStatus.TRUNCATED


def _question_or_none(name: str, query_type: QueryType, wake: Callable[[], object]) -> Question | None:
    try:
        return Question(name, query_type, wake=wake, is_read_later=True)
    except DnsWireError:
        return None

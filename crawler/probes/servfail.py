"""What a SERVFAIL means: a bogus answer, a failure of the name, or a resolver with too much to do."""

import trio

from crawler.outcomes import LookupStatus
from crawler.probes.answers import ANSWERED, read_answer
from crawler.probes.dns_exchange import DnsExchange, Exchange
from crawler.protocol.dns_wire import QueryType

_SIGN_SECONDS = 0.3
"""At least so long between two looks at a SERVFAIL, and before the last is believed. A resolver with too much
to do fails all that is asked in one moment; done with some it answers some: that is the sign to ask less."""

_MOST_ROUNDS = 20
"""A SERVFAIL while the resolver has too much to do is looked at again up to this many times, at most twice
for each time that the level is lowered: eight times bring it from 1000, the default, to the least."""


async def look_again(
    exchange: DnsExchange, first: Exchange, name: str, query_type: QueryType
) -> tuple[Exchange, bool]:
    """Look at a SERVFAIL again; return what is to be believed, and whether that is a bogus answer.

    A resolver that fails what it has no time for fails the other looks too. So none of them counts
    while the number of questions in flight comes down to what it bears: then all is asked again.
    """
    believed, is_bogus = await _look_twice_more(exchange, first, name, query_type)
    asked_at = first.started_at
    for _ in range(_MOST_ROUNDS):
        is_failure = read_answer(believed, name, query_type)[0] is LookupStatus.SERVFAIL
        if not is_failure or not await _is_to_be_asked_again(exchange, asked_at):
            break
        again = await exchange.ask(name, query_type)
        asked_at = again.started_at
        again = again._replace(attempts=believed.attempts + again.attempts, started_at=first.started_at)
        believed, is_bogus = again, False
        if read_answer(again, name, query_type)[0] is LookupStatus.SERVFAIL:
            believed, is_bogus = await _look_twice_more(exchange, again, name, query_type)
    return believed, is_bogus


async def _is_to_be_asked_again(exchange: DnsExchange, asked_at: float) -> bool:
    """Tell, when it is time to, whether a failure may be of our own making: the level was too high."""
    congestion = exchange.congestion
    failed_at = trio.current_time()
    await trio.sleep(_SIGN_SECONDS)
    while exchange.may_answer_since(failed_at):
        await trio.sleep(_SIGN_SECONDS)
    if congestion.is_lower_than_at(asked_at):
        return True
    if asked_at < congestion.movable_at:
        await trio.sleep_until(congestion.movable_at)
        return True
    return False


async def _look_twice_more(
    exchange: DnsExchange, first: Exchange, name: str, query_type: QueryType
) -> tuple[Exchange, bool]:
    """Look at a SERVFAIL without validation, then as at first; return as `look_again`.

    A question that is answered without validation failed in validation, or for a moment only. So it is
    asked a third time, and an answer then is the answer.
    """
    second = await exchange.ask(name, query_type, checking_disabled=True)
    await trio.sleep(_SIGN_SECONDS)
    await exchange.next_answer()
    third = await exchange.ask(name, query_type)
    attempts = first.attempts + second.attempts + third.attempts
    status = read_answer(third, name, query_type)[0]
    believed = first
    if status in ANSWERED:
        believed = third
        exchange.congestion.lower(third.ended_at)
    believed = believed._replace(attempts=attempts, started_at=first.started_at, ended_at=third.ended_at)
    is_answered_unchecked = read_answer(second, name, query_type)[0] in ANSWERED
    return believed, is_answered_unchecked and status is LookupStatus.SERVFAIL

"""Questions asked together: what only they meet, since nobody waits for each."""

import dns.message
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from crawler.probes.dns_exchange import DnsExchange, Exchange, open_exchange
from crawler.probes.dns_question import Question
from crawler.protocol.dns_wire import QueryType
from tests.probes.dns_peer import Question as Asked
from tests.probes.dns_peer import resolver_with


@pytest.fixture
def jumping_clock() -> MockClock:
    """Return a clock that jumps when nothing has arrived for 10 ms: real datagrams need a moment."""
    return MockClock(autojump_threshold=0.01)


def mx_reply(query: bytes) -> bytes:
    message = dns.message.from_wire(query)
    return Asked(message, 1, None).reply(f"{message.question[0].name} 60 IN MX 5 mx.test.").to_wire()


async def test_a_late_reply_finds_a_question_that_waits_to_be_asked_again() -> None:
    endpoint = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    waits_to_be_asked_again = trio.Event()
    ended: list[Exchange] = []

    async def answer() -> None:
        first, source = await endpoint.recvfrom(4096)
        second, source_of_second = await endpoint.recvfrom(4096)
        await endpoint.sendto(mx_reply(second)[:-14], source_of_second)
        await waits_to_be_asked_again.wait()
        await endpoint.sendto(mx_reply(first), source)

    with endpoint:
        await endpoint.bind(("127.0.0.1", 0))
        port = endpoint.getsockname()[1]
        async with (
            open_exchange("127.0.0.1", port, timeout_seconds=0.2, attempts=3, most_in_flight=1) as exchange,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(answer)
            (question,) = await exchange.ask_together(["cut.test"], QueryType.MX)
            assert question is not None
            assert question.is_ended
            nursery.start_soon(exchange.ask, "other.test", QueryType.MX)  # the level, which is 1, is reached
            await trio.testing.wait_all_tasks_blocked()

            async def wait_for_the_end() -> None:
                ended.append(await exchange.ended(question))
                nursery.cancel_scope.cancel()

            nursery.start_soon(wait_for_the_end)
            await trio.testing.wait_all_tasks_blocked()
            waits_to_be_asked_again.set()
    reply = ended[0].reply
    assert reply is not None
    assert (reply.rcode, ended[0].attempts) == (0, 2)


async def test_what_was_answered_after_all_is_not_asked_again_after_an_outage() -> None:
    exchange = DnsExchange("127.0.0.1", 9, 3.0, 3, 10, None)
    answered, open_one = (Question(f"{name}.test", QueryType.MX) for name in ("answered", "open"))
    for question in (answered, open_one):
        question.attempts = question.losses = 2
    answered.is_ended = True
    exchange._doubtful += [answered, open_one]
    exchange.ask_again()
    exchange.close()
    assert (answered.attempts, open_one.attempts) == (2, 0)


async def test_a_few_slow_names_do_not_hold_up_all(jumping_clock: MockClock) -> None:
    def answer(question: Asked) -> dns.message.Message | None:
        name = question.message.question[0].name
        return None if name.to_text().startswith("slow") else question.reply(f"{name} 60 IN MX 5 mx.test.")

    names = [f"{'slow' if number % 100 == 0 else 'fast'}{number}.test" for number in range(100)]
    async with resolver_with(answer) as (resolver, _):
        lookups = await resolver.look_up_together(names, QueryType.MX)
        assert trio.current_time() < 1
    assert lookups.replies.is_plain.sum() == 99

"""Turns at addresses: few at once at one, however many elsewhere, and nothing kept of those who left."""

from collections import Counter

import trio
from trio.testing import MockClock

from crawler.probes.turns import AddressTurns


async def test_so_many_are_at_one_address_at_once_and_no_more(autojump_clock: MockClock) -> None:
    turns = AddressTurns(3)
    there: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def visit(address: str) -> None:
        async with turns.at(address):
            there[address] += 1
            most[address] = max(most[address], there[address])
            await trio.sleep(1)
            there[address] -= 1

    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(visit, f"192.0.2.{number % 3}")
            nursery.start_soon(visit, "192.0.2.0")
    assert most == {"192.0.2.0": 3, "192.0.2.1": 3, "192.0.2.2": 3}


async def test_addresses_do_not_wait_for_each_other(autojump_clock: MockClock) -> None:
    turns = AddressTurns(1)
    start = trio.current_time()

    async def visit(address: str) -> None:
        async with turns.at(address):
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(visit, f"192.0.2.{number}")
            nursery.start_soon(visit, f"192.0.2.{number}")
    assert trio.current_time() - start == 2


async def test_an_address_is_forgotten_when_nobody_is_there_or_waits(autojump_clock: MockClock) -> None:
    turns = AddressTurns(1)

    async def visit() -> None:
        async with turns.at("192.0.2.1"):
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(visit)
        nursery.start_soon(visit)
        await trio.sleep(0.5)
        assert turns.addresses == 1
        await trio.sleep(1)
        assert turns.addresses == 1
    assert turns.addresses == 0


async def test_a_turn_ends_with_whatever_ends_the_visit(autojump_clock: MockClock) -> None:
    turns = AddressTurns(1)
    with trio.move_on_after(1):
        async with turns.at("192.0.2.1"):
            await trio.sleep_forever()
    with trio.fail_after(1):
        async with turns.at("192.0.2.1"):
            pass
    assert turns.addresses == 0

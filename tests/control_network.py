"""A network as control hosts show it: what each host's address does, and addresses by name."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from crawler.control import ControlCheck, ask_control_hosts
from crawler.lab.script import BYE, GREETING, WITHOUT_FAULT, Action, Line
from crawler.opt_out import OptOut
from crawler.outcomes import DnssecStatus, Failure, LookupStatus
from crawler.probes.failures import StageFailed
from crawler.records import AddressLookup
from tests.probes.peers import Connections, ScriptedPeer, lab_settings

Behaviour = tuple[Action, ...] | Failure | LookupStatus
"""A script, why no connection comes to be (TIMEOUT: it hangs), or how the lookups end."""

WELL: Behaviour = WITHOUT_FAULT
BLOCKED: Behaviour = Failure.TIMEOUT
LISTED: Behaviour = (b"554 5.7.1 Service unavailable; client host blocked using Spamhaus\r\n", Line(), BYE)
WITHOUT_STARTTLS: Behaviour = (GREETING, Line(), b"250-mx.peer.test\r\n250 SIZE 1000\r\n", Line(), BYE)


def lookup(*addresses: str, status: LookupStatus = LookupStatus.NODATA) -> AddressLookup:
    status = LookupStatus.NOERROR if addresses else status
    return AddressLookup(status=status, dnssec_status=DnssecStatus.INSECURE, addresses=addresses)


def name_of(number: int) -> str:
    return f"control-{number}.test"


@dataclass
class ControlNetwork:
    """Stands in for resolver and `open_tcp`: control host n has address 127.0.0.n, or the ones given."""

    behaviours: Mapping[str, Behaviour]
    """By address."""
    nursery: trio.Nursery
    addresses: dict[str, tuple[str, ...]]
    asked: list[str]

    async def a(self, name: str) -> AddressLookup:
        await trio.lowlevel.checkpoint()
        return self._lookup(name, ipv6=False)

    async def aaaa(self, name: str) -> AddressLookup:
        await trio.lowlevel.checkpoint()
        return self._lookup(name, ipv6=True)

    def _lookup(self, name: str, *, ipv6: bool) -> AddressLookup:
        addresses = self.addresses[name]
        behaviour = self.behaviours[addresses[0]]
        if isinstance(behaviour, LookupStatus):
            return lookup(status=behaviour)
        return lookup(*(address for address in addresses if (":" in address) is ipv6))

    async def connect(self, address: str, port: int) -> trio.abc.Stream:
        self.asked.append(address)
        behaviour = self.behaviours[address]
        assert not isinstance(behaviour, LookupStatus)
        if behaviour is Failure.TIMEOUT:
            await trio.sleep_forever()
        if isinstance(behaviour, Failure):
            raise StageFailed(behaviour)
        return await Connections(self.nursery, ScriptedPeer(behaviour)).open(address, port)


@asynccontextmanager
async def network(
    *behaviours: Behaviour, other_addresses: Mapping[int, str] | None = None
) -> AsyncIterator[ControlNetwork]:
    """Give a network in which control host n behaves as the nth says, at its other address as well."""
    first = {f"127.0.0.{number}": behaviour for number, behaviour in enumerate(behaviours, 1)}
    addresses: dict[str, tuple[str, ...]] = {
        name_of(number): (f"127.0.0.{number}",) for number in range(1, len(behaviours) + 1)
    }
    second = {}
    for number, address in (other_addresses or {}).items():
        addresses[name_of(number)] += (address,)
        second[address] = behaviours[number - 1]
    async with trio.open_nursery() as nursery:
        yield ControlNetwork(first | second, nursery, addresses, [])
        nursery.cancel_scope.cancel()


async def asked(*behaviours: Behaviour, opt_out: OptOut | None = None, **changes: Any) -> ControlCheck:
    """Ask hosts that behave so."""
    async with network(*behaviours) as around:
        settings = lab_settings(control_hosts=tuple(around.addresses), **changes)
        resolver: Any = around
        return await ask_control_hosts(
            resolver, settings, opt_out or OptOut(), connect=around.connect, outward=lambda _: "127.0.0.1"
        )

"""DNS lookups as the records hold them, from one recursive resolver."""

import ipaddress
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import trio
from numpy.typing import NDArray

from crawler.outcomes import DnssecStatus, LookupStatus
from crawler.probes.answers import ANSWERED, read_answer
from crawler.probes.dns_exchange import DnsExchange, Exchange, open_exchange
from crawler.probes.dns_question import Question
from crawler.probes.plain_lookups import PlainLookups, plain_lookups
from crawler.probes.servfail import look_again
from crawler.probes.uplink import Uplink
from crawler.protocol.dns_wire import DnsReply, DnsWireError, QueryType
from crawler.protocol.mx import sort_mx
from crawler.protocol.text import printable
from crawler.records import AddressLookup, CnameStep, Lookup, MxLookup, TlsaLookup, TlsaRecord, TxtLookup
from crawler.settings import Settings, resolver_endpoint, system_resolver

_ABOUT_THE_NAME = ANSWERED | {LookupStatus.NAME_TOO_LONG}
"""No other network would change it."""

_KEPT_ANSWERS = 2_000
"""Answers kept at most, the oldest half going first: what is asked twice is asked soon."""

_NEGATIVE_TTL_SECONDS = 60
"""How long a denial is kept. Its own TTL stands in the SOA record (RFC 2308 s5), which is not read."""


@asynccontextmanager
async def open_resolver(
    settings: Settings, *, outlasts_silence: bool = False, control_hosts: Sequence[str] = ()
) -> AsyncIterator["Resolver"]:
    """Open the resolver that the settings name, or the system's. Raises SettingsError if there is none.

    With `outlasts_silence`, lookups wait while the resolver is gone, however long; with control hosts, also
    while its own network is.
    """
    address, port = resolver_endpoint(settings.resolver or system_resolver())
    async with open_exchange(
        address,
        port,
        timeout_seconds=settings.dns_timeout_seconds,
        attempts=settings.dns_attempts,
        most_in_flight=settings.questions_in_flight,
        outlasts_silence=outlasts_silence,
    ) as exchange:
        is_trusted = _is_trusted(address, settings)
        if not control_hosts:
            yield Resolver(exchange, is_trusted=is_trusted)
            return
        uplink = Uplink(control_hosts, exchange)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(uplink.look_after)
            yield Resolver(exchange, is_trusted=is_trusted, uplink=uplink)
            nursery.cancel_scope.cancel()


def _is_trusted(address: str, settings: Settings) -> bool:
    number = ipaddress.ip_address(address)
    return number.is_loopback or number in map(ipaddress.ip_address, settings.trusted_resolvers)


class _InFlight:
    """A lookup under way, for all who want its answer."""

    __slots__ = ("answer", "done")

    def __init__(self) -> None:
        self.answer: Lookup | None = None
        self.done: trio.Event | None = None
        """Made by the first who waits: nearly always nobody does."""


_Key = tuple[str, QueryType]


class _Kept:
    """The answers last kept, each until its time: two generations, the older of which goes as a whole."""

    def __init__(self) -> None:
        self._older: dict[_Key, tuple[float, Lookup]] = {}
        self._newer: dict[_Key, tuple[float, Lookup]] = {}

    def __len__(self) -> int:
        return len(self._older) + len(self._newer)

    def get(self, key: _Key) -> Lookup | None:
        kept = self._newer.get(key) or self._older.get(key)
        return kept[1] if kept is not None and trio.current_time() < kept[0] else None

    def keep(self, key: _Key, answer: tuple[float, Lookup]) -> None:
        if len(self._newer) >= _KEPT_ANSWERS // 2:
            self._older, self._newer = self._newer, {}
        self._newer[key] = answer


class Resolver:
    """Lookups that never raise: how one ended is in its record. Names are A-labels without a final dot.

    A lookup under way is never made twice, and an answer is kept as long as its TTL says.
    """

    def __init__(self, exchange: DnsExchange, *, is_trusted: bool, uplink: Uplink | None = None) -> None:
        self._exchange = exchange
        self._uplink = uplink
        self._is_trusted = is_trusted
        self._in_flight: dict[_Key, _InFlight] = {}
        self._kept = _Kept()
        self._asked: dict[_Key, Question] = {}
        """Questions asked together with others, for which somebody will come."""

    @property
    def problem(self) -> str | None:
        """What is wrong while the resolver or its network is gone, in one line; None: nothing known."""
        return self._exchange.problem or (None if self._uplink is None else self._uplink.problem)

    @property
    def back_at(self) -> float:
        """When the last known outage of the resolver or its network ended, on trio's clock; -inf: none."""
        of_network = float("-inf") if self._uplink is None else self._uplink.back_at
        return max(of_network, self._exchange.back_at)

    async def was_cut_off(self, since: float) -> bool:
        """Tell whether the resolver or its own network was gone at some time since then, on trio's clock.

        It takes a moment, or as long as the network is gone. Without control hosts nobody knows: no.
        """
        return self._uplink is not None and await self._uplink.was_gone(since)

    async def mx(self, name: str) -> MxLookup:
        """Look up the MX records of a domain (RFC 5321 s5.1)."""
        lookup = await self._look_up(name, QueryType.MX)
        assert isinstance(lookup, MxLookup)
        return lookup

    async def a(self, name: str) -> AddressLookup:
        """Look up the IPv4 addresses of a host."""
        lookup = await self._look_up(name, QueryType.A)
        assert isinstance(lookup, AddressLookup)
        return lookup

    async def aaaa(self, name: str) -> AddressLookup:
        """Look up the IPv6 addresses of a host."""
        lookup = await self._look_up(name, QueryType.AAAA)
        assert isinstance(lookup, AddressLookup)
        return lookup

    async def txt(self, name: str) -> TxtLookup:
        """Look up TXT records, the strings of each concatenated."""
        lookup = await self._look_up(name, QueryType.TXT)
        assert isinstance(lookup, TxtLookup)
        return lookup

    async def tlsa(self, host: str, port: int) -> TlsaLookup:
        """Look up the TLSA records of a TCP service (RFC 6698 s3)."""
        lookup = await self._look_up(f"_{port}._tcp.{host}", QueryType.TLSA)
        assert isinstance(lookup, TlsaLookup)
        return lookup

    async def look_up_together(self, names: Sequence[str], query_type: QueryType) -> PlainLookups:
        """Look up many distinct names; what is not plain is to be looked up one by one."""
        if self._uplink is not None:
            await self._uplink.until_there()
        questions = await self._exchange.ask_together(names, query_type)
        return plain_lookups(questions, query_type, is_trusted=self._is_trusted)

    def expect(self, lookups: PlainLookups, are_left: NDArray[np.bool_]) -> None:
        """Keep the questions of some names, which are looked up one by one next: they are not asked again."""
        for question in itertools.compress(lookups.questions, are_left):
            if question is not None:
                self._asked[question.asked[1]] = question

    async def _look_up(self, name: str, query_type: QueryType) -> Lookup:
        """Return the answer: kept, awaited from a lookup under way, or looked up."""
        key = (name.lower(), query_type)
        while True:
            kept = self._kept.get(key)
            if kept is not None:
                await trio.lowlevel.checkpoint()
                return kept
            under_way = self._in_flight.get(key)
            if under_way is None:
                break
            if under_way.done is None:
                under_way.done = trio.Event()
            await under_way.done.wait()
            if under_way.answer is not None:
                return under_way.answer
            # Whoever made that lookup was cancelled: it is somebody else's turn.
        lookup = self._in_flight[key] = _InFlight()
        try:
            answer, keep_until = await self._ask_while_connected(*key)
            if keep_until is not None:
                self._kept.keep(key, (keep_until, answer))
            lookup.answer = answer
            return answer
        finally:
            del self._in_flight[key]
            if lookup.done is not None:
                lookup.done.set()

    async def _ask_while_connected(self, name: str, query_type: QueryType) -> tuple[Lookup, float | None]:
        """Return as `_ask`; what fails while the resolver's own network is gone is asked again."""
        while True:
            if self._uplink is not None:
                await self._uplink.until_there()
            asked = self._asked.pop((name, query_type), None)
            begun_at = asked.started_at if asked is not None and asked.attempts else trio.current_time()
            answer, keep_until = await self._ask(name, query_type, asked)
            if answer.status in _ABOUT_THE_NAME or not await self.was_cut_off(begun_at):
                return answer, keep_until

    async def _ask(
        self, name: str, query_type: QueryType, asked: Question | None
    ) -> tuple[Lookup, float | None]:
        """Return the answer to a question, and until when it may be kept, if at all."""
        try:
            if asked is None:
                exchange = await self._exchange.ask(name, query_type)
            else:
                exchange = await self._exchange.ended(asked)
        except DnsWireError:
            exchange = Exchange(None, LookupStatus.NAME_TOO_LONG, 0, 0.0, 0.0)
        status, targets, data = read_answer(exchange, name, query_type)
        dnssec_status = self._judge(status, exchange.reply)
        if status is LookupStatus.SERVFAIL and self._is_trusted:
            exchange, is_bogus = await look_again(self._exchange, exchange, name, query_type)
            status, targets, data = read_answer(exchange, name, query_type)
            dnssec_status = DnssecStatus.BOGUS if is_bogus else self._judge(status, exchange.reply)
        answer = _RECORD_OF_TYPE[query_type](
            data,
            status=status,
            dnssec_status=dnssec_status,
            extended_error=exchange.reply and exchange.reply.extended_error,
            cname_chain=await self._judge_steps(name, targets, dnssec_status) if targets else (),
            attempts=exchange.attempts,
            elapsed_seconds=exchange.ended_at - exchange.started_at,
        )
        ttl = _seconds_to_keep(status, exchange.reply)
        return answer, exchange.ended_at + ttl if ttl else None

    async def _judge_steps(
        self, name: str, targets: Sequence[str], dnssec_status: DnssecStatus
    ) -> tuple[CnameStep, ...]:
        """Return the steps of a CNAME chain, each with its security.

        AD says that all of an answer is secure. Without it any part may be the insecure one, so each CNAME
        record is asked for by itself.
        """
        statuses = [dnssec_status] * len(targets)
        if dnssec_status is DnssecStatus.INSECURE:
            owners = (name, *targets[:-1])
            statuses = [await self._judge_step(*step) for step in zip(owners, targets, strict=True)]
        return tuple(map(_step, targets, statuses))

    async def _judge_step(self, owner: str, target: str) -> DnssecStatus:
        alone = await self._look_up(owner, QueryType.CNAME)
        if alone.status in ANSWERED and [step.target for step in alone.cname_chain] != [target]:
            return DnssecStatus.INDETERMINATE  # the alias has changed meanwhile
        return alone.dnssec_status

    def _judge(self, status: LookupStatus, reply: DnsReply | None) -> DnssecStatus:
        """Return the security of an answer or denial; SERVFAIL needs a second look (RFC 4033 s5)."""
        if not self._is_trusted:
            return DnssecStatus.UNVALIDATED
        if reply is None or status not in ANSWERED:
            return DnssecStatus.INDETERMINATE
        return DnssecStatus.SECURE if reply.authentic_data else DnssecStatus.INSECURE


def _seconds_to_keep(status: LookupStatus, reply: DnsReply | None) -> int:
    if reply is None or status not in ANSWERED:
        return 0
    if status is LookupStatus.NOERROR:
        return min([record.ttl for record in reply.answers])
    return _NEGATIVE_TTL_SECONDS


def _step(target: str, dnssec_status: DnssecStatus) -> CnameStep:
    return CnameStep(target=target, dnssec_status=dnssec_status)


def _mx(data: list[tuple[int, str]], **facts: Any) -> MxLookup:
    return MxLookup(records=sort_mx(data), **facts)


def _addresses(data: list[str], **facts: Any) -> AddressLookup:
    return AddressLookup(addresses=tuple(sorted(set(data))), **facts)


def _txt(data: list[bytes], **facts: Any) -> TxtLookup:
    return TxtLookup(texts=tuple(sorted(map(printable, data))), **facts)


def _tlsa(data: list[tuple[int, int, int, bytes]], **facts: Any) -> TlsaLookup:
    records = tuple(
        TlsaRecord(usage=usage, selector=selector, matching_type=matching_type, association_data=octets.hex())
        for usage, selector, matching_type, octets in sorted(data)
    )
    return TlsaLookup(records=records, **facts)


def _cname(data: list[str], **facts: Any) -> Lookup:
    """Return the record of a CNAME question: a chain of the one step asked about."""
    return Lookup(
        **facts
        | {"cname_chain": tuple(_step(target, facts["dnssec_status"]) for target in sorted(set(data)))}
    )


_RECORD_OF_TYPE: dict[QueryType, Callable[..., Lookup]] = {
    QueryType.CNAME: _cname,
    QueryType.MX: _mx,
    QueryType.A: _addresses,
    QueryType.AAAA: _addresses,
    QueryType.TXT: _txt,
    QueryType.TLSA: _tlsa,
}

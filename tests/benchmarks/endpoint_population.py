"""The endpoints that a survey of so many domains asks: how many, at which addresses, whose.

Who hosts how much is a lab profile's. What a profile does not say, since a lab on loopback need not know it,
stands in `Assumptions`. A sample, the caps, the queues and the lanes are made as the survey makes them
(`crawler.endpoint_lists`, `crawler.engine.deal_shards`), in arrays, for hundreds of millions of domains.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crawler.engine import deal_shards
from crawler.lab.profile import Profile
from crawler.settings import Settings
from crawler.stage import QUEUES
from tests.benchmarks.paced_lane import Row

Numbers = NDArray[np.int32]
Counts = NDArray[np.int64]
Seconds = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is not measured here. [literature.csv] where it stands there."""

    with_mail: float = 0.671505
    """Of the domains: 671,505 of a list of a million had MX [provider_share, 2026-05]."""
    silent: float = 0.1931
    """Of the addresses outside the providers: no answer, so that connecting takes its whole time limit
    [nonresponse, 2023-12]."""
    answered_seconds: float = 2.0
    """A whole session with a host that answers: ten round trips of 0.1 s, and a second until it greets."""
    customers_per_address: int = 20_000
    """Of a provider that gives each a name of its own, where that is more than its profile's addresses."""
    on_shared_addresses: float = 0.5
    """Of the hosts below their own domains: at an address with others. The rest have one each."""
    names_per_shared_address: float = 40.0
    """In the mean; their numbers fall off as a power of their rank does, so that a few hold very many."""
    addresses_per_network: int = 16
    """With mail hosts on them, of a /24."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses, by number: how many sessions each is asked for, whose it is, how long a session takes."""

    sessions: Counts
    network: Numbers
    group: Numbers
    seconds: Seconds
    names: int
    """Of all MX hosts, those with that no session is held included."""

    @property
    def count(self) -> int:
        """Return how many sessions are held."""
        return int(self.sessions.sum())

    def silent_ones(self, settings: Settings) -> "Endpoints":
        """Return those that are asked a second time: where connecting took its whole time limit."""
        again = self.sessions * (self.seconds >= settings.connect_timeout_seconds)
        return Endpoints(again, self.network, self.group, self.seconds, self.names)


def endpoints_of(domains: int, profile: Profile, settings: Settings, assumed: Assumptions) -> Endpoints:
    """Return the endpoints of so many domains that a session is held with."""
    rng = np.random.default_rng(settings.seed)
    world = _World(settings, assumed)
    with_mail = round(domains * assumed.with_mail)
    for provider in profile.providers:
        customers = round(with_mail * provider.share)
        if provider.per_customer:
            addresses = max(provider.addresses, customers // assumed.customers_per_address)
            at_each = np.full(addresses, customers // addresses)
            world.add_provider(at_each)
        else:
            world.add_provider(np.ones(len(provider.labels) * provider.addresses, dtype=np.int64))
    small = profile.small_hosters
    hosters = round(with_mail * small.share / small.domains_each)
    own = with_mail - round(with_mail * (small.share + sum(p.share for p in profile.providers)))
    shared = round(own * assumed.on_shared_addresses)
    world.add_strangers(np.ones(2 * hosters + own - shared, dtype=np.int64))
    world.add_strangers(_falling_off(shared, assumed.names_per_shared_address))
    return world.endpoints(rng)


def _falling_off(names: int, mean: float) -> Counts:
    """Return how many names each of so many addresses has, by Zipf's law: names / rank, at least one."""
    addresses = max(1, round(names / mean))
    weights = 1 / np.arange(1, addresses + 1)
    at_each: Counts = np.floor((names - addresses) * weights / weights.sum()).astype(np.int64)
    return np.maximum(1, at_each)


class _World:
    def __init__(self, settings: Settings, assumed: Assumptions) -> None:
        self._settings = settings
        self._assumed = assumed
        self._at_each: list[Counts] = []
        self._network_of: list[Numbers] = []
        self._group_of: list[Numbers] = []
        self._may_be_silent: list[NDArray[np.bool_]] = []
        self._networks = self._groups = self._names = 0

    def add_provider(self, names_at_each: Counts) -> None:
        """Add a provider's addresses: one pacing group, a sample at each, no more than its cap in all."""
        asked = names_at_each
        if self._settings.sample_size:
            asked = np.minimum(asked, self._settings.sample_size)
        asked = np.minimum(asked, self._settings.address_cap)
        left = np.maximum(0, self._settings.provider_cap - (np.cumsum(asked) - asked))
        networks = np.arange(len(asked)) // self._assumed.addresses_per_network
        self._add(names_at_each, np.minimum(asked, left), networks, np.zeros(len(asked), dtype=np.int64))

    def add_strangers(self, names_at_each: Counts) -> None:
        """Add addresses of names that have nothing to do with each other: each network a group of its own."""
        asked = np.minimum(names_at_each, self._settings.address_cap)
        networks = np.arange(len(asked)) // self._assumed.addresses_per_network
        self._add(names_at_each, asked, networks, networks, may_be_silent=True)

    def _add(
        self,
        names: Counts,
        asked: Counts,
        networks: Counts,
        groups: Counts,
        *,
        may_be_silent: bool = False,
    ) -> None:
        if not len(names):
            return
        self._names += int(names.sum())
        self._may_be_silent.append(np.full(len(names), may_be_silent))
        self._at_each.append(asked)
        self._network_of.append((self._networks + networks).astype(np.int32))
        self._group_of.append((self._groups + groups).astype(np.int32))
        self._networks += int(networks[-1]) + 1
        self._groups += int(groups[-1]) + 1

    def endpoints(self, rng: np.random.Generator) -> Endpoints:
        """Return all that was added, with who is silent drawn."""
        sessions = np.concatenate(self._at_each)
        silent = np.concatenate(self._may_be_silent) & (rng.random(len(sessions)) < self._assumed.silent)
        seconds = np.where(silent, self._settings.connect_timeout_seconds, self._assumed.answered_seconds)
        networks, groups = np.concatenate(self._network_of), np.concatenate(self._group_of)
        return Endpoints(sessions, networks, groups, seconds.astype(np.float32), self._names)


def lanes_of(endpoints: Endpoints, settings: Settings, lanes: int) -> list[Iterator[Row]]:
    """Return the rows of each lane in the order of work, as the work list and the engine have it."""
    address = np.repeat(np.arange(len(endpoints.sessions), dtype=np.int32), endpoints.sessions)
    np.random.default_rng(settings.seed).shuffle(address)
    sessions_of_group = np.bincount(endpoints.group, weights=endpoints.sessions)
    rank = np.empty(len(sessions_of_group), dtype=np.int32)
    rank[np.argsort(-sessions_of_group, kind="stable")] = np.arange(len(rank), dtype=np.int32)
    queue_of = (rank[endpoints.group] % QUEUES).astype(np.int8)
    queue = queue_of[address]
    address = address[np.argsort(queue, kind="stable")]
    ends = np.cumsum(np.bincount(queue, minlength=QUEUES)).tolist()
    shards = {}
    for number, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        for place in range(0, end - begin, settings.shard_size):
            shard = place // settings.shard_size * QUEUES + number
            shards[shard] = address[begin + place : min(end, begin + place + settings.shard_size)]
    return [_rows(endpoints, shards, dealt) for dealt in deal_shards(shards, lanes)]


def _rows(endpoints: Endpoints, shards: Mapping[int, Numbers], dealt: Sequence[int]) -> Iterator[Row]:
    for number in dealt:
        address = shards[number]
        columns = (address, endpoints.network[address], endpoints.group[address], endpoints.seconds[address])
        yield from zip(*(column.tolist() for column in columns), strict=True)


def bounds_of(endpoints: Endpoints, settings: Settings, lanes: int) -> dict[str, float]:
    """Return how long the sessions take at least, in seconds, by each limit alone."""

    def longest(numbers: Numbers, rate: float) -> float:
        return float(np.bincount(numbers, weights=endpoints.sessions).max()) / rate if rate else 0.0

    busy = endpoints.sessions * (endpoints.seconds + settings.address_gap_seconds)
    open_seconds = float((endpoints.sessions * endpoints.seconds.astype(np.float64)).sum())
    whole = settings.sessions_per_second
    return {
        "sessions_per_second": endpoints.count / whole if whole else 0.0,
        "sessions_in_flight": open_seconds / (settings.sessions_in_flight * lanes),
        "sessions_per_second_per_provider": longest(
            endpoints.group, settings.sessions_per_second_per_provider
        ),
        "sessions_per_second_per_network": longest(
            endpoints.network, settings.sessions_per_second_per_network
        ),
        "address_gap_seconds": float(busy.max()) / settings.sessions_per_address,
    }

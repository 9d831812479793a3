"""What got no connection while this network was gone is asked again, and nothing else is."""

import errno
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from crawler.opt_out import OptOut
from crawler.outcomes import Failure
from crawler.records import Session, StsPolicy, TlsaLookup
from crawler.session_stages import probe_endpoint
from crawler.stages import resolve_domain
from tests.test_opted_out_stages import FakeResolver, endpoint, tools

UNREACHABLE, REFUSED = errno.ENETUNREACH, errno.ECONNREFUSED


@dataclass
class CutOffResolver(FakeResolver):
    """Says of the first so many failures that the network was gone."""

    outages: int = 0
    doubts: list[float] = field(default_factory=list)

    async def was_cut_off(self, since: float) -> bool:
        self.doubts.append(since)
        await trio.sleep(10)
        return len(self.doubts) <= self.outages


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the error numbers of the connections to come, the last of which stays."""
    numbers = [UNREACHABLE]

    async def fail(*_: object, **__: object) -> None:
        await trio.sleep(1)
        raise OSError(numbers.pop(0) if len(numbers) > 1 else numbers[0], "no")

    monkeypatch.setattr("crawler.probes.reach.connect_tcp", fail)
    return numbers


async def observed(row: dict[str, Any] | None, resolver: FakeResolver) -> Failure | None:
    """Return how the session with an endpoint ended; without one, the fetch of a domain's policy."""
    if row is not None:
        (record,) = (await probe_endpoint(row, tools(resolver, OptOut()))).records["sessions"]
    else:
        listed = {"domain": "in.test", "position": 1, "rank": None}
        (record,) = (await resolve_domain(listed, tools(resolver, OptOut()))).records["sts_policies"]
    assert isinstance(record, Session | StsPolicy)
    return record.failure


WHAT = pytest.mark.parametrize("row", [endpoint("mx.in.test", "127.8.0.1"), None], ids=["session", "policy"])


@WHAT
async def test_what_failed_in_an_outage_is_asked_again(
    autojump_clock: MockClock, connections: list[int], row: dict[str, Any] | None
) -> None:
    connections[:] = [UNREACHABLE, UNREACHABLE, REFUSED]
    resolver = CutOffResolver(outages=2)
    began_at = trio.current_time()
    assert await observed(row, resolver) is Failure.REFUSED
    first, second = resolver.doubts
    assert first == pytest.approx(began_at)
    assert second >= first + 11


@WHAT
async def test_what_failed_without_an_outage_stands(
    autojump_clock: MockClock, connections: list[int], row: dict[str, Any] | None
) -> None:
    resolver = CutOffResolver()
    assert await observed(row, resolver) is Failure.UNREACHABLE
    assert len(resolver.doubts) == 1


@WHAT
async def test_what_a_host_itself_refused_is_no_outage(
    autojump_clock: MockClock, connections: list[int], row: dict[str, Any] | None
) -> None:
    connections[:] = [REFUSED]
    resolver = CutOffResolver(outages=9)
    assert await observed(row, resolver) is Failure.REFUSED
    assert resolver.doubts == []


async def test_a_session_whose_lookup_outlasted_an_outage_waits_for_another_turn(
    autojump_clock: MockClock, connections: list[int]
) -> None:
    @dataclass
    class Gone(FakeResolver):
        async def tlsa(self, name: str, port: int) -> TlsaLookup:
            if not self.questions:
                await trio.sleep(600)
                self.back_at = trio.current_time()
            return await super().tlsa(name, port)

    connections[:] = [REFUSED]
    resolver = Gone()
    held = tools(resolver, OptOut())
    began_at = trio.current_time()
    observed = await probe_endpoint(endpoint("mx.in.test", "127.8.0.1"), held)
    (session,) = observed.records["sessions"]
    assert isinstance(session, Session)
    assert session.failure is Failure.REFUSED
    assert len(resolver.questions) == 2
    gap = held.settings.address_gap_seconds
    assert trio.current_time() - began_at >= 600 + gap > 600

"""The clock of the machine may be set, between two starts too: it holds nothing up for long."""

import errno
from datetime import UTC, datetime, timedelta

import pytest
import trio
from trio.testing import MockClock

from crawler.session_stages import probe_endpoint
from tests.test_opted_out_stages import SETTINGS, FakeResolver, endpoint, tools


@pytest.mark.parametrize(
    ("away", "seconds"),
    [
        (timedelta(days=400), SETTINGS.retry_delay_seconds),
        (timedelta(seconds=100), 100),
        (timedelta(days=-400), 0),
    ],
)
async def test_a_second_attempt_waits_no_longer_than_its_delay(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, away: timedelta, seconds: float
) -> None:
    begun_at: list[float] = []

    async def refuse(*_: object, **__: object) -> None:
        begun_at.append(trio.current_time())
        raise ConnectionRefusedError(errno.ECONNREFUSED, "no")

    monkeypatch.setattr("crawler.probes.reach.connect_tcp", refuse)
    started_at = trio.current_time()
    row = endpoint("mx.some.test", "127.8.0.1")
    await probe_endpoint(row | {"attempt": 2, "not_before": datetime.now(UTC) + away}, tools(FakeResolver()))
    assert begun_at == [pytest.approx(started_at + seconds, abs=1)]

"""How long pacing alone makes a stage take."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.session_stages import PROBE
from crawler.settings import Settings
from crawler.stage import work_list
from crawler.storing.parquet_files import write_parquet
from crawler.storing.run_folder import RunFolder
from crawler.watching.pacing_time import least_seconds
from tests.session_rows import host
from tests.test_endpoint_lists import observe, probed

FREE: dict[str, Any] = {
    "hello_name": "scan.example",
    "shard_size": 4,
    "sample_size": 0,
    "address_gap_seconds": 0.0,
    "sessions_per_second_per_network": 0.0,
    "sessions_per_second_per_provider": 0.0,
    "sessions_per_second": 0.0,
}
# Nine names of one provider at three addresses of two networks; one name elsewhere.
HOSTS = [
    *(host(f"a{n}.big.example", "192.0.2.1", provider="big.example") for n in range(5)),
    *(host(f"b{n}.big.example", "192.0.2.2", provider="big.example") for n in range(2)),
    *(host(f"c{n}.big.example", "198.51.100.1", provider="big.example") for n in range(2)),
    host("mx.small.example", "203.0.113.1", provider="small.example"),
]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path)
    run.write_manifest({"run_id": "1"})
    probed(run, HOSTS, Settings(**FREE))
    return run


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 0),
        ({"address_gap_seconds": 5.0}, 4 * 5),
        ({"address_gap_seconds": 5.0, "sessions_per_address": 2}, 4 * 2.5),
        ({"sessions_per_second_per_network": 0.5}, 6 * 2),
        ({"sessions_per_second_per_provider": 0.5}, 8 * 2),
        ({"sessions_per_second": 0.1}, 9 * 10),
        ({"address_gap_seconds": 5.0, "sessions_per_second_per_provider": 0.1}, 8 * 10),
    ],
)
def test_the_longest_queue_at_its_rate_is_the_least(
    run: RunFolder, changes: dict[str, Any], seconds: float
) -> None:
    assert least_seconds(run, PROBE, Settings(**(FREE | changes))) == pytest.approx(seconds)


def test_second_attempts_take_at_least_until_the_last_is_due(run: RunFolder) -> None:
    delayed = Settings(**(FREE | {"sessions_per_second": 100.0, "retry_delay_seconds": 600.0}))
    due = pq.read_table(work_list(run, "probe"))
    for minutes, seconds in ((-5, 0.09), (5, 300), (50, 600)):
        moment = pa.scalar(datetime.now(UTC) + timedelta(minutes=minutes), pa.timestamp("us", tz="UTC"))
        column = due.schema.get_field_index("not_before")
        moments = pa.array([None, *[moment] * (len(due) - 1)], moment.type)
        write_parquet(work_list(run, "probe"), due.set_column(column, "not_before", moments))
        assert least_seconds(run, PROBE, delayed) == pytest.approx(seconds, abs=5)


def test_what_is_done_and_what_is_not_asked_takes_no_time(run: RunFolder) -> None:
    paced = Settings(**(FREE | {"sessions_per_second_per_provider": 0.5, "provider_cap": 3}))
    probed(run, HOSTS, paced)
    assert least_seconds(run, PROBE, paced) == pytest.approx(2 * 2)
    observe(run, "probe")  # one part file, of the first shard
    assert least_seconds(run, PROBE, paced) < 2 * 2

"""A survey of mail servers far away: 50 to 200 ms there and back, and one packet in a hundred lost."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from crawler.engine import Interruption, open_engine
from crawler.judging import judge
from crawler.lab.dns_server import start_dns_server
from crawler.lab.internet import Internet
from crawler.lab.resolver import LabResolver
from crawler.listed import DomainList
from crawler.outcomes import DnssecStatus, Failure, LookupStatus
from crawler.preparing import prepare
from crawler.records import AddressLookup, MxHost
from crawler.session_stages import PROBE, REMAINDER, RETRY, SETTLE
from crawler.settings import Settings
from crawler.storing.run_folder import RunFolder
from crawler.survey import observe
from crawler.watching.feedback import Feedback
from tests.listing import listed_domains
from tests.servers.far_mail_servers import PORT, ROOT_STORE_FILE, FarHost, far_hosts, server_command
from tests.servers.far_network import (
    FAR_NETWORK,
    Counts,
    Distance,
    NoTunError,
    far_network,
    no_distance,
)
from tests.servers.namespace import cannot_run, required_namespace

pytestmark = [pytest.mark.alone, pytest.mark.needs_network_namespace]

ENDPOINTS = 20_000
DISTANCE = Distance(50, 200, loss=0.01)
FAR_RATE = 250.0
"""Sessions begun in a second: two cores bear it, with the servers and the network on them too."""
NEAR_RATE = 600.0
"""More than that is of no use: this run is not measured."""
IN_FLIGHT = 3000
WORKERS = 2

NOWHERE = AddressLookup(status=LookupStatus.NODATA, dnssec_status=DnssecStatus.INSECURE)


def mx_host_record(host: FarHost) -> MxHost:
    addresses = AddressLookup(
        status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.INSECURE, addresses=(host.server.address,)
    )
    provider = host.mx_host.partition(".")[2]
    return MxHost(
        mx_host=host.mx_host, provider=provider, a=addresses, aaaa=NOWHERE, resolved_at=datetime.now(UTC)
    )


# --- called inside the namespace -----------------------------------------------------------------------


@contextmanager
def resolver_without_names() -> Iterator[str]:
    """Run a resolver next door that knows no name, in a thread; give its address and port."""
    ready: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        enough = asyncio.Event()
        server = await start_dns_server(LabResolver(Internet()))
        ready.set_result((server.port, asyncio.get_running_loop(), enough))
        await enough.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    port, loop, enough = ready.result(timeout=10)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(enough.set)
        thread.join()


def survey(folder: Path, state: Path, rate: float, resolver: str) -> None:
    """Take a new run folder through the stages that hold sessions, and judge it."""
    settings = Settings(
        hello_name="scan.test",
        resolver=resolver,
        root_store=str(state / ROOT_STORE_FILE),
        allowed_ranges=(FAR_NETWORK,),
        control_hosts=(),
        smtp_port=PORT,
        sessions_in_flight=IN_FLIGHT,
        sessions_per_second=rate,
        retry_delay_seconds=1.0,
    )
    run = RunFolder(folder)
    prepare(run, DomainList("none", "00" * 32, listed_domains([]), []), settings, None)
    run.write_part("mx_hosts", 0, [mx_host_record(host) for host in far_hosts(ENDPOINTS)])
    for table in ("domains", "sts_policies"):
        run.write_part(table, 0, [])
    with open_engine(WORKERS, Feedback(), Interruption()) as engine:
        observe(run, settings, engine, (PROBE, REMAINDER, RETRY, SETTLE))
    judge(run, settings.root_store, Feedback(), Interruption())


def survey_far(folder: Path, state: Path) -> dict[str, Counts]:
    """Survey from afar; return what became of the packets."""
    server = server_command(ENDPOINTS, state)
    with far_network(DISTANCE, server) as network, resolver_without_names() as resolver:
        survey(folder, state, FAR_RATE, resolver)
    return network.counts


def survey_near(folder: Path, state: Path) -> None:
    """Survey the same servers without distance."""
    with no_distance(server_command(ENDPOINTS, state)), resolver_without_names() as resolver:
        survey(folder, state, NEAR_RATE, resolver)


# --- what came of it -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Runs:
    """Two runs against the same servers."""

    far: Path
    near: Path
    packets: Mapping[str, Counts]
    """Of the far run."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("far")
    state = folder / "servers"
    with required_namespace({}, folder / "log") as inside:
        try:
            packets = inside.call(survey_far, folder / "far", state)
        except NoTunError as error:
            cannot_run([str(error)])
        inside.call(survey_near, folder / "near", state)
    return Runs(folder / "far", folder / "near", packets)


def query(runs: Runs, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        table = connection.sql(sql.replace("FAR", str(runs.far)).replace("NEAR", str(runs.near)))
        return [tuple(row.values()) for row in table.to_arrow_table().to_pylist()]


FIRST_ATTEMPTS = "(SELECT * FROM 'FAR/sessions/*.parquet' WHERE attempt = 1)"


def test_packets_were_lost_as_asked_and_no_others(runs: Runs) -> None:
    for packets in runs.packets.values():
        assert 0.009 < packets.lost / (packets.lost + packets.carried) < 0.011
        assert packets.dropped == 0
        assert packets.carried > 10 * ENDPOINTS


def test_the_rate_set_is_the_rate_reached(runs: Runs) -> None:
    ((rate,),) = query(
        runs,
        f"SELECT (count(*) - 1) / (epoch(max(started_at)) - epoch(min(started_at))) FROM {FIRST_ATTEMPTS}",
    )
    assert rate == pytest.approx(FAR_RATE, rel=0.1)


def test_thousands_of_sessions_are_under_way_at_once(runs: Runs) -> None:
    ((at_once,),) = query(
        runs,
        f"""
        WITH changes AS (
            SELECT epoch(started_at) AS moment, 1 AS change FROM {FIRST_ATTEMPTS}
            UNION ALL
            SELECT epoch(started_at) + total_seconds, -1 FROM {FIRST_ATTEMPTS}
        )
        SELECT max(n) FROM (SELECT sum(change) OVER (ORDER BY moment) AS n FROM changes)
        """,
    )
    assert at_once > 2000


def test_every_endpoint_has_its_row_once(runs: Runs) -> None:
    endpoints = {(host.mx_host, host.server.address) for host in far_hosts(ENDPOINTS)}
    for table in (FIRST_ATTEMPTS, "'FAR/session_verdicts/*.parquet'"):
        rows = query(runs, f"SELECT mx_host, address FROM {table}")
        assert len(rows) == len(endpoints)
        assert set(rows) == endpoints


def test_nearly_all_is_known_after_the_first_attempt(runs: Runs) -> None:
    for_now = ", ".join(f"'{failure}'" for failure in Failure if failure.is_for_now)
    ((known,),) = query(
        runs, f"SELECT count(*) FROM {FIRST_ATTEMPTS} WHERE failure IS NULL OR failure NOT IN ({for_now})"
    )
    assert known / ENDPOINTS > 0.95  # of 100 servers, 2 say that their refusal is for now


def test_the_verdicts_are_those_without_distance(runs: Runs) -> None:
    verdicts = "SELECT * EXCLUDE (attempt, time_used) FROM '{}/session_verdicts/*.parquet'"
    far, near = verdicts.format("FAR"), verdicts.format("NEAR")
    assert query(runs, f"({far}) EXCEPT ALL ({near})") == []
    assert query(runs, f"({near}) EXCEPT ALL ({far})") == []
    kinds = query(runs, f"SELECT DISTINCT outcome, reason FROM ({far})")
    assert len(kinds) == 8

"""The queries between the stages."""

import gc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawler.outcomes import DnssecStatus, LookupStatus, MxKind, UnusableExchange
from crawler.preparing import list_domains
from crawler.protocol.certificate import read_certificate
from crawler.records import Certificate, Domain, MxLookup, MxRecord
from crawler.schema import to_table
from crawler.settings import Settings
from crawler.stage import certificate_parts, read_work, shard_sizes, work_list
from crawler.storing.parquet_files import write_parquet, write_parquet_batches
from crawler.storing.run_folder import RunFolder
from crawler.work_lists import (
    gather_certificates,
    list_hosts,
)
from tests.listing import listed_domains

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SETTINGS = Settings(hello_name="scan.example", shard_size=3)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def domain(name: str, kind: MxKind, *records: tuple[int, str, UnusableExchange | None]) -> Domain:
    mx_records = tuple(MxRecord(preference=p, exchange=e, unusable=u) for p, e, u in records)
    mx = MxLookup(
        status=LookupStatus.NOERROR if records else LookupStatus.NODATA,
        dnssec_status=DnssecStatus.INSECURE,
        records=mx_records,
    )
    return Domain(
        domain=name,
        position=1,
        rank=None,
        mx_kind=kind,
        mx=mx,
        sts_txt=None,
        tlsrpt_txt=None,
        resolved_at=NOW,
    )


def work(run: RunFolder, stage: str) -> list[dict[str, object]]:
    return [dict(row) for shard in sorted(shard_sizes(run, stage)) for row in read_work(run, stage, shard)]


def test_listed_domains_stand_in_shards_in_the_order_of_the_list(run: RunFolder) -> None:
    list_domains(run, listed_domains((f"d{i}.example" for i in range(1, 8)), range(10, 80, 10)), SETTINGS)
    assert shard_sizes(run, "resolve") == {0: 3, 1: 3, 2: 1}
    assert read_work(run, "resolve", 2) == [{"domain": "d7.example", "position": 7, "rank": 70, "shard": 2}]


def test_a_long_list_is_stored_so_that_reading_a_shard_reads_little_of_it(run: RunFolder) -> None:
    settings = Settings(hello_name="scan.example", shard_size=7_000)
    list_domains(run, listed_domains(f"d{i}.example" for i in range(1, 25_001)), settings)
    assert shard_sizes(run, "resolve") == {0: 7_000, 1: 7_000, 2: 7_000, 3: 4_000}
    assert [row["position"] for row in read_work(run, "resolve", 1)] == list(range(7_001, 14_001))
    groups = pq.read_metadata(work_list(run, "resolve"))
    assert [groups.row_group(number).num_rows for number in range(groups.num_row_groups)] == [
        10_000,
        10_000,
        5_000,
    ]


def test_every_usable_exchange_and_every_implicit_candidate_is_a_host_once(run: RunFolder) -> None:
    unusable = (5, "192.0.2.1", UnusableExchange.IP_LITERAL)
    run.write_part(
        "domains",
        0,
        [
            domain("a.example", MxKind.EXPLICIT, (10, "mx1.example", None), (20, "mx2.example", None)),
            domain("b.example", MxKind.EXPLICIT, (10, "mx1.example", None), unusable),
            domain("c.example", MxKind.NO_MX),
            domain("d.example", MxKind.NULL_MX, (0, ".", UnusableExchange.ROOT)),
            domain("e.example", MxKind.NO_DOMAIN),
            domain("f.example", MxKind.UNKNOWN),
        ],
    )
    list_hosts(run, SETTINGS)
    assert sorted(str(row["mx_host"]) for row in work(run, "hosts")) == [
        "c.example",
        "mx1.example",
        "mx2.example",
    ]


def test_hosts_beyond_the_limit_in_every_domain_that_names_them_are_withheld(run: RunFolder) -> None:
    unusable = (1, "192.0.2.1", UnusableExchange.IP_LITERAL)
    many = [
        (20, "d.example", None),
        (20, "c.example", None),
        (10, "b.example", None),
        (30, "a.example", None),
    ]
    run.write_part(
        "domains",
        0,
        [
            domain("one.example", MxKind.EXPLICIT, unusable, *many, (5, "d.example", None)),
            domain("two.example", MxKind.EXPLICIT, *[(n, f"{n}.example", None) for n in range(1, 5)]),
            domain("three.example", MxKind.EXPLICIT, (10, "4.example", None)),
            domain("none.example", MxKind.NO_MX),
        ],
    )
    list_hosts(run, replace(SETTINGS, mx_hosts_per_domain=2))
    found = {row["mx_host"]: row["withheld"] for row in work(run, "hosts")}
    assert {name for name, withheld in found.items() if withheld is None} == {
        *("d.example", "b.example"),
        *("1.example", "2.example", "4.example", "none.example"),
    }
    assert {name for name, withheld in found.items() if withheld == "over_limit"} == {
        *("c.example", "a.example", "3.example")
    }


def test_a_certificate_that_many_shards_saw_stands_once(run: RunFolder) -> None:
    for shard, ders in enumerate(([b"a", b"b"], [b"b", b"c"])):
        rows = to_table(Certificate, [*map(read_certificate, ders)])
        write_parquet(certificate_parts(run) / f"probe-{shard}.parquet", rows)
    gather_certificates(run)
    found: list[Certificate] = list(run.read_part("certificates", 0))
    assert sorted(certificate.der for certificate in found) == [b"a", b"b", b"c"]
    assert [certificate.sha256 for certificate in found] == sorted(
        certificate.sha256 for certificate in found
    )


def test_a_run_without_certificates_has_an_empty_table(run: RunFolder) -> None:
    gather_certificates(run)
    assert list(run.read_part("certificates", 0)) == []


def test_reading_a_shard_leaves_nothing_that_only_a_search_for_cycles_would_free(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    rows = pa.table({"domain": ["a.example", "b.example"], "shard": [0, 1]})
    write_parquet_batches(work_list(run, "resolve"), rows.schema, rows.to_batches(max_chunksize=1))
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            assert [row["domain"] for row in read_work(run, "resolve", 1)] == ["b.example"]
        assert gc.collect() < 50
    finally:
        gc.enable()

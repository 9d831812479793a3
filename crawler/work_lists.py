"""The work lists between the stages: one DuckDB query each, over the tables of the stages before.

DISTINCT does the de-duplication: a host shared by thousands of domains is asked once.
"""

import glob
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from crawler.domain_list import ListedDomain
from crawler.records import Certificate
from crawler.schema import arrow_schema
from crawler.settings import Settings
from crawler.stage import certificate_parts, work_list
from crawler.storage import RunFolder, write_parquet, write_parquet_batches

_ROW_GROUP_ROWS = 10_000
"""Rows of a work list that are read to find those of one shard. By default it would be a million: a survey of
a million domains would decode its whole list once a shard, in 0.19 s in place of 0.006 s."""

_DOMAINS_SCHEMA = pa.schema(
    {"domain": pa.string(), "position": pa.int64(), "rank": pa.int64(), "shard": pa.int64()}
)

_HOSTS = """
    WITH hosts AS (
        SELECT record.exchange AS mx_host
        FROM (SELECT unnest(mx.records) AS record FROM read_parquet($domains))
        WHERE record.unusable IS NULL
        UNION
        SELECT domain FROM read_parquet($domains) WHERE mx_kind = 'no_mx'
    )
    SELECT mx_host, (row_number() OVER (ORDER BY md5(mx_host || $seed)) - 1) // $shard_size AS shard
    FROM hosts
    ORDER BY shard, md5(mx_host || $seed)
"""

# All sessions with one address stand in one shard, so that one worker paces them; the longest strands first,
# so that none is begun when all else is done.
_ENDPOINTS = """
    WITH endpoints AS (
        SELECT DISTINCT mx_host, unnest(list_concat(a.addresses, aaaa.addresses)) AS address
        FROM read_parquet($mx_hosts)
    ),
    addresses AS (SELECT address, count(*) AS sessions FROM endpoints GROUP BY address),
    placed AS (
        SELECT address, sessions, sum(sessions) OVER (
            ORDER BY sessions DESC, md5(address || $seed) ROWS UNBOUNDED PRECEDING
        ) - sessions AS sessions_before
        FROM addresses
    )
    SELECT mx_host, address, (sessions_before // $shard_size)::BIGINT AS shard
    FROM endpoints JOIN placed USING (address)
    ORDER BY shard, sessions DESC, md5(mx_host || address || $seed)
"""

# Of every domain: what its primary MX hosts presented where TLS completed. Primary are those with the lowest
# preference; "." is no host, and does not count as one.
_PRIMARIES = """
    WITH records AS (
        SELECT domain, unnest(mx.records) AS record,
               list_min([r.preference FOR r IN mx.records IF r.exchange <> '.']) AS lowest
        FROM read_parquet($domains)
    ),
    primaries AS (
        SELECT domain, record.exchange AS mx_host FROM records WHERE record.preference = lowest
        UNION ALL
        SELECT domain, domain FROM read_parquet($domains) WHERE mx_kind = 'no_mx'
    )
    SELECT DISTINCT shard, domain, session.tls.chain[1] AS leaf, verdict.pkix_ok
    FROM primaries
    JOIN read_parquet($sessions) AS session USING (mx_host)
    JOIN read_parquet($session_verdicts) AS verdict USING (mx_host, address, attempt)
    JOIN read_parquet($listed) AS listed USING (domain)
    WHERE verdict.outcome = 'tls_ok'
    ORDER BY shard, domain, leaf
"""

_CERTIFICATES = """
    SELECT * FROM read_parquet($parts) QUALIFY row_number() OVER (PARTITION BY sha256) = 1 ORDER BY sha256
"""


def list_domains(run: RunFolder, domains: Iterable[ListedDomain], settings: Settings) -> None:
    """Write the work list of the resolve stage, in the order of the list."""
    batches = _domain_batches(domains, settings.shard_size)
    write_parquet_batches(work_list(run, "resolve"), _DOMAINS_SCHEMA, batches)


def _domain_batches(domains: Iterable[ListedDomain], shard_size: int) -> Iterator[pa.RecordBatch]:
    rows = ((d.domain, d.position, d.rank, index // shard_size) for index, d in enumerate(domains))
    while batch := list(itertools.islice(rows, _ROW_GROUP_ROWS)):
        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*batch, strict=True), _DOMAINS_SCHEMA, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=_DOMAINS_SCHEMA)


def list_hosts(run: RunFolder, settings: Settings) -> None:
    """Write the work list of the hosts stage: every usable exchange, every candidate for implicit MX."""
    rows = _query(_HOSTS, domains=_parts(run, "domains"), **_shards(settings))
    _write_work(run, "hosts", rows)


def list_endpoints(run: RunFolder, settings: Settings) -> None:
    """Write the work list of the probe stage: every distinct (MX host, address)."""
    rows = _query(_ENDPOINTS, mx_hosts=_parts(run, "mx_hosts"), **_shards(settings))
    _write_work(run, "probe", rows)


def list_primaries(run: RunFolder) -> None:
    """Write what the primary MX hosts of each domain presented, for the judge stage.

    Rows: domain, leaf (digest of the first certificate sent, or null), pkix_ok.
    """
    tables = {table: _parts(run, table) for table in ("domains", "sessions", "session_verdicts")}
    rows = _query(_PRIMARIES, **tables, listed=str(work_list(run, "resolve")))
    _write_work(run, "primaries", rows)


def gather_certificates(run: RunFolder) -> None:
    """Write the certificates table: each certificate that any shard saw, once."""
    schema = arrow_schema(Certificate)
    folder = certificate_parts(run)
    if any(folder.glob("*.parquet")):
        rows = _query(_CERTIFICATES, parts=f"{glob.escape(str(folder))}/*.parquet")
        run.write_part_table("certificates", 0, rows.cast(schema))
    else:
        run.write_part_table("certificates", 0, schema.empty_table())


def shard_sizes(run: RunFolder, stage: str) -> dict[int, int]:
    """Return how many rows each shard of a stage's work list has."""
    sizes: Counter[int] = Counter()
    with pq.ParquetFile(work_list(run, stage)) as file:
        for batch in file.iter_batches(columns=["shard"]):
            for entry in batch.column("shard").value_counts().to_pylist():
                sizes[entry["values"]] += entry["counts"]
    return dict(sizes)


def _write_work(run: RunFolder, stage: str, rows: pa.Table) -> None:
    write_parquet(work_list(run, stage), rows, row_group_size=_ROW_GROUP_ROWS)


def _parts(run: RunFolder, table: str) -> str:
    return f"{glob.escape(str(run.table_folder(table)))}/part-*.parquet"


def _shards(settings: Settings) -> dict[str, Any]:
    return {"seed": str(settings.seed), "shard_size": settings.shard_size}


def _query(sql: str, **parameters: Any) -> pa.Table:
    with duckdb.connect() as connection:
        return connection.sql(sql, params=parameters).to_arrow_table()

"""The work lists between the stages: one DuckDB query each, over the tables of the stages before.

DISTINCT does the de-duplication: a host shared by thousands of domains is asked once.
"""

import glob
import itertools
from collections.abc import Iterable, Iterator

import pyarrow as pa

from crawler.domain_list import ListedDomain
from crawler.records import Certificate
from crawler.run_database import ROW_GROUP_ROWS, lists, parts, run_database
from crawler.schema import arrow_schema
from crawler.settings import Settings
from crawler.stage import certificate_parts, work_list
from crawler.storage import RunFolder, write_parquet_batches

_DOMAINS_SCHEMA = pa.schema(
    {"domain": pa.string(), "position": pa.int64(), "rank": pa.int64(), "shard": pa.int64()}
)

# A host is asked if it is among the first so many of any domain that names it.
_HOSTS = """
    WITH exchanges AS (
        SELECT domain, record.exchange AS mx_host, min(record.preference) AS preference
        FROM (SELECT domain, unnest(mx.records) AS record FROM read_parquet(getvariable('domains')))
        WHERE record.unusable IS NULL
        GROUP BY domain, record.exchange
    ),
    named AS (
        SELECT mx_host, row_number() OVER (
            PARTITION BY domain ORDER BY preference, mx_host
        ) <= getvariable('mx_hosts_per_domain') AS is_within
        FROM exchanges
        UNION ALL
        SELECT domain, true FROM read_parquet(getvariable('domains')) WHERE mx_kind = 'no_mx'
    ),
    hosts AS (
        SELECT mx_host, CASE WHEN NOT bool_or(is_within) THEN 'over_limit' END AS withheld,
               md5(mx_host || getvariable('seed')) AS draw
        FROM named GROUP BY mx_host
    )
    SELECT mx_host, withheld, (row_number() OVER (ORDER BY draw) - 1) // getvariable('shard_size') AS shard
    FROM hosts
    ORDER BY shard, draw
"""

# Of every domain: what its primary MX hosts presented where TLS completed. Primary are those with the lowest
# preference; "." is no host, and does not count as one.
_PRIMARIES = """
    WITH records AS (
        SELECT domain, unnest(mx.records) AS record,
               list_min([r.preference FOR r IN mx.records IF r.exchange <> '.']) AS lowest
        FROM read_parquet(getvariable('domains'))
    ),
    primaries AS (
        SELECT domain, record.exchange AS mx_host FROM records WHERE record.preference = lowest
        UNION ALL
        SELECT domain, domain FROM read_parquet(getvariable('domains')) WHERE mx_kind = 'no_mx'
    )
    SELECT DISTINCT shard, domain, session.tls.chain[1] AS leaf, verdict.pkix_ok
    FROM primaries
    JOIN read_parquet(getvariable('session_verdicts')) AS verdict USING (mx_host)
    JOIN read_parquet(getvariable('sessions')) AS session
        ON session.mx_host = coalesce(verdict.sample_mx_host, verdict.mx_host)
        AND session.address = verdict.address AND session.attempt = verdict.attempt
    JOIN read_parquet(getvariable('listed')) AS listed USING (domain)
    WHERE verdict.outcome = 'tls_ok'
    ORDER BY shard, domain, leaf
"""

# The first attempts that a second one stands in place of, by the shard that they are in.
_SUPERSEDED = """
    SELECT first.shard, first.mx_host, first.address
    FROM read_parquet(getvariable('first_attempts')) AS first
    SEMI JOIN read_parquet(getvariable('second_attempts')) AS second USING (mx_host, address)
    ORDER BY first.shard
"""

_CERTIFICATES = """
    SELECT * FROM read_parquet(getvariable('parts'))
    QUALIFY row_number() OVER (PARTITION BY sha256) = 1 ORDER BY sha256
"""


def list_domains(run: RunFolder, domains: Iterable[ListedDomain], settings: Settings) -> None:
    """Write the work list of the resolve stage, in the order of the list."""
    batches = _domain_batches(domains, settings.shard_size)
    write_parquet_batches(work_list(run, "resolve"), _DOMAINS_SCHEMA, batches)


def _domain_batches(domains: Iterable[ListedDomain], shard_size: int) -> Iterator[pa.RecordBatch]:
    rows = ((d.domain, d.position, d.rank, index // shard_size) for index, d in enumerate(domains))
    while batch := list(itertools.islice(rows, ROW_GROUP_ROWS)):
        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*batch, strict=True), _DOMAINS_SCHEMA, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=_DOMAINS_SCHEMA)


def list_hosts(run: RunFolder, settings: Settings) -> None:
    """Write the work list of the hosts stage: every usable exchange, every candidate for implicit MX."""
    with run_database(
        run,
        domains=parts(run, "domains"),
        seed=str(settings.seed),
        shard_size=settings.shard_size,
        mx_hosts_per_domain=settings.mx_hosts_per_domain,
    ) as database:
        database.write(_HOSTS, work_list(run, "hosts"))


def list_superseded(run: RunFolder) -> None:
    """Write which first attempts are not judged, for the judge stage. Rows: mx_host, address."""
    first, second = lists(run, "probe", "remainder"), lists(run, "retry", "settle")
    with run_database(run, first_attempts=first, second_attempts=second) as database:
        database.write(_SUPERSEDED, work_list(run, "superseded"))


def list_primaries(run: RunFolder) -> None:
    """Write what the primary MX hosts of each domain presented, for the judge stage.

    Rows: domain, leaf (digest of the first certificate sent, or null), pkix_ok.
    """
    tables = {table: parts(run, table) for table in ("domains", "sessions", "session_verdicts")}
    with run_database(run, **tables, listed=lists(run, "resolve")) as database:
        database.write(_PRIMARIES, work_list(run, "primaries"))


def gather_certificates(run: RunFolder) -> None:
    """Write the certificates table: each certificate that any shard saw, once."""
    schema = arrow_schema(Certificate)
    folder = certificate_parts(run)
    if any(folder.glob("*.parquet")):
        with run_database(run, parts=f"{glob.escape(str(folder))}/*.parquet") as database:
            database.write(_CERTIFICATES, run.part_path("certificates", 0), schema)
    else:
        run.write_part_table("certificates", 0, schema.empty_table())

"""The work lists between the stages: one DuckDB query each, over the tables of the stages before.

DISTINCT does the de-duplication: a host shared by thousands of domains is asked once.
"""

import glob

from crawler.records import Certificate
from crawler.schema import arrow_schema
from crawler.settings import Settings
from crawler.stage import certificate_parts, work_list
from crawler.storing.run_database import parts, run_database
from crawler.storing.run_folder import RunFolder

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

_CERTIFICATES = """
    SELECT * FROM read_parquet(getvariable('parts'))
    QUALIFY row_number() OVER (PARTITION BY sha256) = 1 ORDER BY sha256
"""


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


def gather_certificates(run: RunFolder) -> None:
    """Write the certificates table: each certificate that any shard saw, once."""
    schema = arrow_schema(Certificate)
    folder = certificate_parts(run)
    if any(folder.glob("*.parquet")):
        with run_database(run, parts=f"{glob.escape(str(folder))}/*.parquet") as database:
            database.write(_CERTIFICATES, run.part_path("certificates", 0), schema)
        run.digests.note(run.part_path("certificates", 0))
    else:
        run.write_part_table("certificates", 0, schema.empty_table())

"""Which certificates a trusted authority stands for, as the verdicts of the run have it."""

from crawler.outcomes import StsPolicyVerdict
from crawler.storing.run_database import RunDatabase, parts
from crawler.storing.run_folder import RunFolder

_WITHOUT_PATH = tuple(
    word.value
    for word in (
        StsPolicyVerdict.NOT_ATTEMPTED,
        StsPolicyVerdict.DNS,
        StsPolicyVerdict.TCP,
        StsPolicyVerdict.TLS,
        StsPolicyVerdict.CERTIFICATE_UNTRUSTED,
    )
)
"""What a policy host is said to be when its certificate has no path to the root store, or was not seen."""

_QUERY = """
    SELECT unnest(tls.chain) AS sha256
    FROM read_parquet(getvariable('sessions'))
    JOIN (SELECT mx_host, address, attempt FROM read_parquet(getvariable('session_verdicts')) WHERE path_ok)
         USING (mx_host, address, attempt)
    UNION
    SELECT unnest(tls.chain)
    FROM read_parquet(getvariable('sts_policies'))
    JOIN (SELECT domain FROM read_parquet(getvariable('domain_verdicts'))
          WHERE NOT list_contains(getvariable('without_path'), sts_policy)) USING (domain)
"""


def certified_certificates(database: RunDatabase, run: RunFolder) -> frozenset[str]:
    """Return the digests of the certificates in chains that have a path to the root store."""
    tables = ("sessions", "session_verdicts", "sts_policies", "domain_verdicts")
    database.set(**{table: parts(run, table) for table in tables}, without_path=list(_WITHOUT_PATH))
    with database.batches(_QUERY) as rows:
        return frozenset(digest for batch in rows for digest in batch.column("sha256").to_pylist())

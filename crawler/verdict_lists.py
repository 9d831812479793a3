"""The work lists of the judge stage: what is judged together, and the certificates that it takes.

Sessions stand in order of the certificates that were sent, so that a chain that many sent is judged once, and
a worker process never holds more certificates than those of one shard.
"""

from crawler.outcomes import LookupStatus
from crawler.samples import write_samples
from crawler.stage import work_list
from crawler.storing.run_database import RunDatabase, lists, parts, run_database
from crawler.storing.run_folder import RunFolder

SESSIONS_PER_SHARD = 5_000
"""Judged together: few chains stand on both sides of a border, and their certificates take 20 MB at most."""

SESSION_LISTS = ("judged", "judged_certificates")
"""The work lists by which sessions are judged."""
ROUTE_LISTS = ("routes", "routes_certificates")
"""Those by which domains are."""

# One join at a time: all at once, those of a million endpoints took more memory than a query may have.

# The last session with each endpoint; where it was left to a sample that agrees, the session of that.
_SESSIONS = {
    "own": """
    SELECT session.mx_host, session.address, family, tlsa, tlsa_expanded, {
        'mx_host': session.mx_host, 'attempt': session.attempt, 'stage': stage, 'failure': failure,
        'starttls_offered': starttls_offered, 'chain': coalesce(tls.chain, []), 'started_at': started_at
    } AS facts
    FROM read_parquet(getvariable('sessions')) AS session JOIN (
        SELECT mx_host, address, max(attempt) AS attempt
        FROM (SELECT mx_host, address, attempt FROM read_parquet(getvariable('sessions')))
        GROUP BY mx_host, address
    ) USING (mx_host, address, attempt)
    """,
    "hosted": """
    SELECT own.* EXCLUDE (family), provider, CASE family WHEN 4 THEN a ELSE aaaa END AS looked_up
    FROM own LEFT JOIN (SELECT mx_host, provider, a, aaaa FROM read_parquet(getvariable('mx_hosts')))
        USING (mx_host)
    """,
    "samples": """
    SELECT address, provider, size, {
        'mx_host': session.mx_host, 'attempt': session.attempt, 'stage': session.stage,
        'failure': session.failure, 'starttls_offered': session.starttls_offered,
        'chain': coalesce(session.tls.chain, []), 'started_at': session.started_at
    } AS facts
    FROM read_parquet(getvariable('samples')) WHERE agrees
    """,
    "judged": """
    SELECT hosted.mx_host, hosted.address, looked_up, tlsa, tlsa_expanded, size AS sample_size,
           coalesce(samples.facts, hosted.facts) AS facts
    FROM hosted LEFT JOIN samples ON hosted.facts.failure = 'sampled'
        AND samples.address = hosted.address AND samples.provider = hosted.provider
    """,
}
_SESSIONS_IN_ORDER = """
    SELECT *, (row_number() OVER () - 1) // getvariable('sessions_per_shard') AS shard
    FROM (FROM judged ORDER BY md5(array_to_string(facts.chain, ' ')), mx_host, address)
"""

_OF_SESSIONS = """
    SELECT DISTINCT shard, unnest(facts.chain) AS sha256 FROM read_parquet(getvariable('judged'))
    WHERE facts.stage = 'hello_tls'
"""

# The lowest preference is taken over all MX records but ".", which names no host.
_ROUTES = {
    "exchanges": """
    WITH records AS (
        SELECT domain, unnest(mx.records) AS record,
               list_min([r.preference FOR r IN mx.records IF r.exchange <> '.']) AS lowest
        FROM read_parquet(getvariable('domains'))
    )
    SELECT domain, record.exchange AS mx_host, min(record.preference) AS preference,
           min(record.preference) = min(lowest) AS is_primary
    FROM records WHERE record.exchange <> '.' GROUP BY domain, record.exchange
    UNION ALL
    SELECT domain, domain, 0, true FROM read_parquet(getvariable('domains')) WHERE mx_kind = 'no_mx'
    """,
    "named": """
    SELECT shard, exchanges.*
    FROM exchanges JOIN (SELECT domain, shard FROM read_parquet(getvariable('listed'))) USING (domain)
    """,
    "named_hosts": """
    SELECT named.*, is_not_denied FROM named LEFT JOIN (
        SELECT mx_host, NOT list_has_all(getvariable('absences'), [a.status, aaaa.status]) AS is_not_denied
        FROM read_parquet(getvariable('mx_hosts'))
    ) USING (mx_host)
    """,
    "endpoints": """
    SELECT mx_host, address, outcome, pkix_ok, reason, dane, dane_reason,
           CASE WHEN outcome = 'tls_ok' THEN first_sent END AS leaf
    FROM read_parquet(getvariable('session_verdicts')) LEFT JOIN (
        SELECT mx_host, address, facts.chain[1] AS first_sent FROM read_parquet(getvariable('judged'))
    ) USING (mx_host, address)
    """,
    "routes": """
    SELECT shard, domain, mx_host, address, preference, is_primary,
           coalesce(outcome, 'not_attempted') AS outcome, pkix_ok, reason, coalesce(dane, 'unknown') AS dane,
           dane_reason, coalesce(address IS NULL AND is_not_denied, false) AS may_have_address, leaf
    FROM named_hosts LEFT JOIN endpoints USING (mx_host)
    """,
}
_ROUTES_IN_ORDER = "FROM routes ORDER BY shard, domain, preference, mx_host, address"

_OF_DOMAINS = """
    SELECT shard, leaf AS sha256 FROM read_parquet(getvariable('routes')) WHERE leaf IS NOT NULL
    UNION
    SELECT shard, unnest(tls.chain) FROM read_parquet(getvariable('sts_policies'))
    JOIN (SELECT domain, shard FROM read_parquet(getvariable('listed'))) USING (domain)
"""

_CERTIFICATES = """
    SELECT shard, certificate.*
    FROM wanted JOIN read_parquet(getvariable('certificates')) AS certificate USING (sha256)
    ORDER BY shard
"""


def list_sessions(run: RunFolder) -> None:
    """Write which sessions are judged, and with which certificates.

    Rows: mx_host, address, looked_up (the lookup of its family), tlsa, tlsa_expanded, sample_size (null: not
    inferred), facts (of the session that it is judged by).
    """
    with run_database(
        run,
        sessions=parts(run, "sessions"),
        mx_hosts=parts(run, "mx_hosts"),
        samples=str(write_samples(run)),
        certificates=parts(run, "certificates"),
        judged=lists(run, "judged"),
        sessions_per_shard=SESSIONS_PER_SHARD,
    ) as database:
        for name, sql in _SESSIONS.items():
            database.keep(name, sql)
        database.write(_SESSIONS_IN_ORDER, work_list(run, "judged"))
        run.digests.note(work_list(run, "judged"))
        _write_certificates(database, run, _OF_SESSIONS, "judged_certificates")


def list_routes(run: RunFolder) -> None:
    """Write the routes of each domain in a sender's order, and which certificates it is judged with.

    A host without an address has one row all the same. Rows: the fields of `verdicts.routes.Route`, domain,
    leaf (digest of the first certificate sent; null: none, or TLS was not completed).
    """
    observed = ("domains", "sts_policies", "mx_hosts", "certificates")
    with run_database(
        run,
        **{table: parts(run, table) for table in (*observed, "session_verdicts")},
        listed=lists(run, "resolve"),
        judged=lists(run, "judged"),
        routes=lists(run, "routes"),
        absences=[status.value for status in LookupStatus if status.have_records is False],
    ) as database:
        for name, sql in _ROUTES.items():
            database.keep(name, sql)
        database.write(_ROUTES_IN_ORDER, work_list(run, "routes"))
        run.digests.note(work_list(run, "routes"))
        _write_certificates(database, run, _OF_DOMAINS, "routes_certificates")


def _write_certificates(database: RunDatabase, run: RunFolder, wanted: str, name: str) -> None:
    database.keep("wanted", wanted)
    database.write(_CERTIFICATES, work_list(run, name))
    run.digests.note(work_list(run, name))

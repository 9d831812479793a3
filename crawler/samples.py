"""Samples: what the names of one provider at one address said that were asked, for those that were not.

The largest hosts give each customer an MX name of its own, all of them at a handful of addresses. So many are
asked that a difference among them would show, and the others are asked only if there is one.
"""

from pathlib import Path

from crawler.outcomes import Failure
from crawler.storing.run_database import RunDatabase, parts, run_database
from crawler.storing.run_folder import RunFolder

# Whether a session failed in a way that may be gone later (Failure.is_for_now), or was sent away.
_IS_FOR_NOW = """
    CREATE MACRO is_for_now(stage, failure, pushed_back) AS
        stage <> 'hello_tls' AND failure IS NOT NULL
        AND (list_contains(getvariable('for_now'), failure) OR coalesce(pushed_back, false))
"""

# Names have parameters (SIZE 52428800) that may be the host's own, and an order that means nothing.
_WORDS = """
    CREATE MACRO words(keywords) AS
        list_sort(list_transform(keywords, lambda keyword: upper(split_part(keyword, ' ', 1))))
"""

# Of every (address, provider) with names that were not asked themselves: the last sessions with the others.
_MEMBERS = """
    CREATE TABLE members AS
    WITH names AS (
        SELECT DISTINCT mx_host, provider, unnest(list_concat(a.addresses, aaaa.addresses)) AS address
        FROM read_parquet(getvariable('mx_hosts'))
    ),
    decided AS (
        SELECT mx_host, address FROM read_parquet(getvariable('sessions'))
        WHERE attempt = 1 AND failure IS DISTINCT FROM 'sampled'
    ),
    sampled AS (
        SELECT address, provider FROM names LEFT JOIN decided USING (mx_host, address)
        GROUP BY address, provider HAVING count(*) > count(decided.mx_host)
    )
    SELECT address, provider, mx_host, arg_max(attempt, attempt) AS attempt
    FROM names JOIN sampled USING (address, provider) JOIN decided USING (mx_host, address)
    JOIN (SELECT mx_host, address, attempt FROM read_parquet(getvariable('sessions')))
        USING (mx_host, address)
    GROUP BY address, provider, mx_host
"""

# Everything but the name, the addresses' own times and the texts.
_FACTS = """
    CREATE TABLE facts AS
    SELECT
        members.address, provider, members.mx_host, members.attempt,
        stage <> 'not_attempted' AS is_asked,
        coalesce(failure = 'backed_off', false) AS is_backed_off,
        is_for_now(stage, failure, pushed_back) AS is_for_now,
        {
            'stage': stage, 'failure': failure, 'greeting_code': greeting.code,
            'greeting_masked': greeting_masked, 'hello_command': hello_command, 'hello_code': hello_code,
            'keywords': words(ehlo_keywords), 'starttls_offered': starttls_offered,
            'starttls_overwritten': starttls_overwritten, 'starttls_code': starttls_reply.code,
            'plaintext_after_220': plaintext_after_220, 'version': tls.version,
            'cipher_suite': tls.cipher_suite, 'group': tls."group", 'chain': tls.chain,
            'alert_code': tls.alert.code, 'hello_tls_code': hello_tls_code,
            'keywords_tls': words(ehlo_keywords_tls)
        } AS facts
    FROM members JOIN read_parquet(getvariable('sessions')) AS session
        ON session.mx_host = members.mx_host AND session.address = members.address
        AND session.attempt = members.attempt
"""

# A session that failed for now says nothing of the others, unless there is nothing else.
_SAMPLES = """
    WITH counted AS (
        SELECT * FROM facts WHERE is_asked
        QUALIFY NOT is_for_now OR bool_and(is_for_now) OVER (PARTITION BY address, provider)
    ),
    agreement AS (
        SELECT address, provider, count(*) AS size, count(DISTINCT facts) = 1 AS agrees,
               min(mx_host) AS mx_host, arg_min(attempt, mx_host) AS attempt
        FROM counted GROUP BY address, provider
    ),
    groups AS (
        SELECT address, provider, bool_or(is_backed_off) AS is_backed_off
        FROM facts GROUP BY address, provider
    )
    SELECT groups.address, provider, is_backed_off, coalesce(size, 0) AS size, agrees,
           CASE WHEN agrees THEN session END AS session
    FROM groups
    LEFT JOIN agreement USING (address, provider)
    LEFT JOIN read_parquet(getvariable('sessions')) AS session
        ON session.mx_host = agreement.mx_host AND session.address = agreement.address
        AND session.attempt = agreement.attempt
    ORDER BY groups.address, provider
"""


def write_samples(run: RunFolder) -> Path:
    """Write what the samples say now; return the file.

    Rows: address, provider, is_backed_off (one of them was), size (sessions that count), agrees (null if
    there is none), session (the one that stands for all; null unless they agree).
    """
    path = run.work_path("samples.parquet")
    with run_database(run, mx_hosts=parts(run, "mx_hosts"), sessions=parts(run, "sessions")) as database:
        define_is_for_now(database)
        for statement in (_WORDS, _MEMBERS, _FACTS):
            database.execute(statement)
        database.write(_SAMPLES, path)
    return path


def define_is_for_now(database: RunDatabase) -> None:
    """Give the queries to come the macro is_for_now(stage, failure, pushed_back)."""
    database.set(for_now=[failure.value for failure in Failure if failure.is_for_now])
    database.execute(_IS_FOR_NOW)

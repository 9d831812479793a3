"""Five questions that a dataset answers, for its README; a test runs them."""

QUERIES = (
    (
        "What do the mail hosts' addresses say about STARTTLS?",
        """\
SELECT outcome, count(*) AS endpoints
FROM session_verdicts
GROUP BY ALL
ORDER BY endpoints DESC, outcome;""",
    ),
    (
        "Who takes the mail of the most domains, and is its certificate good?",
        """\
SELECT h.provider,
       count(DISTINCT d.domain) AS domains,
       bool_and(v.pkix_ok) AS certificates_good
FROM domains AS d, unnest(d.mx.records) AS r(mx)
JOIN mx_hosts AS h ON h.mx_host = r.mx.exchange
LEFT JOIN session_verdicts AS v ON v.mx_host = h.mx_host
GROUP BY ALL
ORDER BY domains DESC, h.provider
LIMIT 10;""",
    ),
    (
        "Which TLS versions and key-exchange groups are negotiated?",
        """\
SELECT s.tls.version, s.tls."group" AS key_exchange, count(*) AS sessions
FROM sessions AS s
WHERE s.tls.version IS NOT NULL
GROUP BY ALL
ORDER BY sessions DESC, s.tls.version, key_exchange;""",
    ),
    (
        "Why are certificates not good, and how many domains are concerned?",
        """\
SELECT v.reason, count(DISTINCT d.domain) AS domains
FROM domains AS d, unnest(d.mx.records) AS r(mx)
JOIN session_verdicts AS v ON v.mx_host = r.mx.exchange
WHERE v.reason IS NOT NULL
GROUP BY ALL
ORDER BY domains DESC, v.reason;""",
    ),
    (
        "How far do domains get with MTA-STS, and in which mode?",
        """\
SELECT sts_record, sts_policy, sts_mode, count(*) AS domains
FROM domain_verdicts
WHERE sts_record NOT IN ('absent', 'not_attempted')
GROUP BY ALL
ORDER BY domains DESC, sts_record, sts_policy, sts_mode;""",
    ),
)
"""Question and SQL over the views of views.sql."""

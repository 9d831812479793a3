-- What failed for now has a second attempt, and nothing else; but what was left to a sample may, and a connection
-- that failed while the scanner's own network was out (control_checks in run.json). There is no third. What was not attempted says why, and nothing was heard of it.
WITH firsts AS (
    SELECT mx_host, address, stage, failure, failed_for_now(stage, failure, pushed_back) AS is_for_now
    FROM sessions WHERE attempt = 1
),
seconds AS (SELECT DISTINCT mx_host, address FROM sessions WHERE attempt = 2)
SELECT mx_host || ' ' || address AS subject, 'failed for now, and has no second attempt' AS violation
FROM firsts ANTI JOIN seconds USING (mx_host, address) WHERE is_for_now
UNION ALL
SELECT mx_host || ' ' || address, 'second attempt without a first one that failed for now, or to connect, or was sampled'
FROM seconds LEFT JOIN firsts USING (mx_host, address)
WHERE coalesce(is_for_now OR failure = 'sampled' OR (stage = 'connect' AND failure IS NOT NULL), false) IS NOT true
UNION ALL
SELECT mx_host || ' ' || address, 'attempt ' || attempt FROM sessions WHERE attempt NOT IN (1, 2)
UNION ALL
SELECT mx_host || ' ' || address, 'not attempted, without a reason'
FROM sessions WHERE stage = 'not_attempted' AND failure IS NULL
UNION ALL
SELECT mx_host || ' ' || address, 'not attempted, but there was a conversation'
FROM sessions
WHERE stage = 'not_attempted'
  AND (greeting IS NOT NULL OR hello_command IS NOT NULL OR pushed_back IS NOT NULL OR tls IS NOT NULL)
UNION ALL
SELECT mx_host || ' ' || address, 'opted out, but its TLSA records were looked up'
FROM sessions WHERE stage = 'not_attempted' AND failure = 'opted_out' AND tlsa IS NOT NULL
ORDER BY ALL;

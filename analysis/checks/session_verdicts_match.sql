-- Every (MX host, address) has exactly one verdict, on its last attempt unless it is inferred (check
-- inferred_verdicts), and the outcome fits the stage reached in the session that the verdict stands on.
WITH last AS (
    SELECT mx_host, address, max(attempt) AS attempt FROM sessions GROUP BY mx_host, address
),
judged AS (
    SELECT last.*, count(verdicts.mx_host) AS n,
           max(verdicts.attempt) FILTER (verdicts.basis = 'direct') AS judged
    FROM last LEFT JOIN session_verdicts AS verdicts USING (mx_host, address) GROUP BY ALL
)
SELECT mx_host || ' ' || address AS subject, n || ' session verdicts' AS violation FROM judged WHERE n <> 1
UNION ALL
SELECT mx_host || ' ' || address, 'judged on attempt ' || judged || ', the last is ' || attempt
FROM judged WHERE judged <> attempt
UNION ALL
SELECT mx_host || ' ' || address, 'judged, but no session'
FROM session_verdicts ANTI JOIN sessions USING (mx_host, address)
UNION ALL
SELECT verdicts.mx_host || ' ' || verdicts.address, 'outcome ' || outcome || ' at stage ' || stage
FROM session_verdicts AS verdicts JOIN sessions
  ON sessions.mx_host = coalesce(sample_mx_host, verdicts.mx_host) AND sessions.address = verdicts.address
 AND sessions.attempt = verdicts.attempt
WHERE (outcome = 'tls_ok') <> (stage = 'hello_tls')
   OR (outcome = 'tls_failed') <> (stage = 'handshake')
   OR (outcome = 'no_starttls') <> (stage = 'hello' AND failure IS NULL)
   OR (stage = 'not_attempted' AND outcome <> 'not_attempted')
   OR (outcome IN ('hello_failed', 'no_starttls', 'starttls_refused', 'tls_failed', 'tls_ok')
       AND greeting.code IS DISTINCT FROM 220)
UNION ALL
SELECT mx_host || ' ' || address, 'certificate judged without a TLS handshake'
FROM session_verdicts
WHERE outcome <> 'tls_ok' AND coalesce(path_ok, time_ok, name_mx_ok, pkix_ok) IS NOT NULL
UNION ALL
SELECT mx_host || ' ' || address, 'pkix_ok is not path and time and name'
FROM session_verdicts WHERE pkix_ok <> (path_ok AND time_ok AND name_mx_ok) OR pkix_ok = (reason IS NOT NULL)
ORDER BY ALL;

-- An inferred verdict stands for an address that was left to a sample, and on a session that was held with
-- another name of the same provider at the same address; it says of STARTTLS and of the path what the verdict
-- on that name says; and its bound is three by the size of the sample, and no more than all.
WITH inferred AS (
    SELECT verdicts.*, hosts.provider
    FROM session_verdicts AS verdicts LEFT JOIN mx_hosts AS hosts USING (mx_host) WHERE basis = 'inferred'
),
held AS (
    SELECT provider, address, count(DISTINCT mx_host) AS names
    FROM sessions JOIN mx_hosts USING (mx_host) WHERE stage <> 'not_attempted' GROUP BY provider, address
),
pairs AS (
    SELECT inferred.mx_host || ' ' || inferred.address AS subject, inferred, sample, names,
           session.stage IS NOT NULL AND session.stage <> 'not_attempted' AS is_held,
           hosts.provider AS sample_provider
    FROM inferred
    LEFT JOIN session_verdicts AS sample
      ON sample.mx_host = inferred.sample_mx_host AND sample.address = inferred.address
    LEFT JOIN sessions AS session
      ON session.mx_host = inferred.sample_mx_host AND session.address = inferred.address
     AND session.attempt = inferred.attempt
    LEFT JOIN mx_hosts AS hosts ON hosts.mx_host = inferred.sample_mx_host
    LEFT JOIN held ON held.provider = inferred.provider AND held.address = inferred.address
)
SELECT subject, 'inferred from a session that was not held' AS violation FROM pairs WHERE NOT is_held
UNION ALL
SELECT subject, 'inferred from another provider' FROM pairs WHERE sample_provider <> inferred.provider
UNION ALL
SELECT subject, 'inferred from a session that is not the one judged'
FROM pairs WHERE is_held AND (sample.basis <> 'direct' OR sample.attempt <> inferred.attempt)
UNION ALL
SELECT subject, 'inferred, but says something else than its sample'
FROM pairs
WHERE is_held AND sample.attempt = inferred.attempt
  AND (inferred.outcome, inferred.time_used, inferred.path_ok, inferred.time_ok, inferred.self_signed,
       inferred.verify_code)
      IS DISTINCT FROM
      (sample.outcome, sample.time_used, sample.path_ok, sample.time_ok, sample.self_signed, sample.verify_code)
UNION ALL
SELECT subject, 'sample of ' || inferred.sample_size || ', but ' || coalesce(names, 0) || ' names asked'
FROM pairs WHERE inferred.sample_size > coalesce(names, 0)
UNION ALL
SELECT subject, 'bound ' || inferred.sample_bound || ' of a sample of ' || inferred.sample_size
FROM pairs
WHERE coalesce(inferred.sample_size < 1
               OR abs(inferred.sample_bound - least(1, 3 / inferred.sample_size)) > 1e-12, true)
UNION ALL
SELECT mx_host || ' ' || address, 'inferred, but was not left to a sample'
FROM inferred SEMI JOIN (FROM sessions WHERE failure IS DISTINCT FROM 'sampled') AS others
     USING (mx_host, address)
UNION ALL
SELECT mx_host || ' ' || address, 'asked itself, and yet has a sample'
FROM session_verdicts
WHERE basis <> 'inferred'
  AND (sample_mx_host IS NOT NULL OR sample_size IS NOT NULL OR sample_bound IS NOT NULL)
ORDER BY ALL;

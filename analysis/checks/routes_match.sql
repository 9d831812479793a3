-- The routes of a domain are its MX hosts, each at every address; one without an address has one route all the
-- same. A route says what the session verdict says, but that a certificate for the domain itself may do (RFC 7672
-- s3.2.2).
WITH exchanges AS (
    SELECT domain, unnest(list_distinct([r.exchange FOR r IN mx.records IF r.exchange <> '.'])) AS mx_host
    FROM domains WHERE len(mx.records) > 0
    UNION ALL
    SELECT domain, domain FROM domains WHERE mx_kind = 'no_mx'
),
judged_addresses AS (SELECT mx_host, count(*) AS n FROM session_verdicts GROUP BY mx_host),
expected AS (
    SELECT domain, sum(coalesce(n, 1)) AS n
    FROM exchanges LEFT JOIN judged_addresses USING (mx_host) GROUP BY domain
),
routes AS (SELECT domain, unnest(routes) AS route FROM domain_routes),
beside AS (
    SELECT domain, 'route to ' || route.mx_host || ' at ' || route.address AS route,
           CASE WHEN verdicts.mx_host IS NULL THEN ', which has no verdict'
                WHEN (route.outcome, route.pkix_ok) IS DISTINCT FROM (outcome, pkix_ok)
                  OR ((route.dane, route.dane_reason) IS DISTINCT FROM (dane, dane_reason)
                      AND NOT coalesce(route.dane = 'matched' AND dane_reason = 'name_mismatch', false))
                THEN ' says something else than its verdict' END AS fault
    FROM routes LEFT JOIN session_verdicts AS verdicts
      ON verdicts.mx_host = route.mx_host AND verdicts.address = route.address
    WHERE route.address IS NOT NULL
)
SELECT domain AS subject, len(routes) || ' routes, but ' || coalesce(n, 0) || ' MX hosts and addresses' AS violation
FROM domain_routes LEFT JOIN expected USING (domain) WHERE len(routes) <> coalesce(n, 0)
UNION ALL
SELECT domain, route || fault FROM beside WHERE fault IS NOT NULL
ORDER BY ALL;

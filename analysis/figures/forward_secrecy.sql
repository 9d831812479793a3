-- Forward secrecy: TLS 1.3, or an ephemeral key exchange (ECDHE, DHE) below it.
-- MX host with TLS: at every address that completed TLS. Hosts that gave no answer move the bounds.
-- Reachable mail domain (D3): every reached primary MX host supports STARTTLS with forward secrecy; the
-- denominator is the headline's. Bounds: D2.
WITH hosts AS (
    SELECT mx_host,
           every_one(tls.version = 'TLSv1.3' OR tls.cipher_suite LIKE 'ECDHE-%'
                     OR tls.cipher_suite LIKE 'DHE-%') AS passed
    FROM tls_addresses GROUP BY mx_host
),
domains_passed AS (
    SELECT every_primary AND coalesce(bool_and(passed), false) AS passed
    FROM domain_answers LEFT JOIN P USING (domain) LEFT JOIN hosts USING (mx_host)
    GROUP BY domain, every_primary
    HAVING every_primary IS NOT NULL
)
SELECT 'forward secrecy' AS stratum, unit, unnest("row")
FROM (
    SELECT 1 AS place, 'MX host with TLS' AS unit, census_of(passed) AS "row"
    FROM host_answers LEFT JOIN hosts USING (mx_host) WHERE supports IS NOT false
    UNION ALL
    SELECT 2, 'reachable mail domain (D3)', census_of(passed)
    FROM (FROM domains_passed UNION ALL SELECT NULL FROM domain_answers WHERE every_primary IS NULL)
)
ORDER BY place;

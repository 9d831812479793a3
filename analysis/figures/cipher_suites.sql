-- Cipher suites chosen by MX hosts, OpenSSL's names. Unit: MX host with TLS; a host counts for a suite when
-- at least one of its addresses chose it, so the shares of hosts whose addresses differ add up to more than
-- the whole. Hosts that gave no answer move the bounds. The twelve commonest; "any other suite" = some suite
-- beyond them.
WITH chosen AS (SELECT DISTINCT mx_host, coalesce(tls.cipher_suite, 'not known') AS suite FROM tls_addresses),
ranked AS (
    SELECT suite, row_number() OVER (ORDER BY count(*) DESC, suite) AS place FROM chosen GROUP BY suite
),
classes AS (
    SELECT CASE WHEN place > 12 THEN 'any other suite' ELSE suite END AS stratum, min(place) AS place,
           count(DISTINCT mx_host) AS n
    FROM chosen JOIN ranked USING (suite) GROUP BY stratum
),
totals AS (
    SELECT count(*) FILTER (supports) AS tls, count(*) FILTER (supports IS NULL) AS unknown FROM host_answers
)
SELECT stratum, 'MX host with TLS' AS unit, unnest(census(n, tls - n, unknown))
FROM classes CROSS JOIN totals ORDER BY place;

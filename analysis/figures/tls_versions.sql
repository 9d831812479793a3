-- TLS versions, each host and domain under the lowest one met. The handshake offers TLS 1.0 to 1.3 and takes
-- what the server chooses.
-- MX host with TLS: the lowest version that any of its addresses chose. Hosts without an answer move the
-- bounds. Reachable mail domain (D3): the lowest version among its reached primary MX hosts, or "no TLS" when
-- the headline is a no; the denominator is the headline's. Bounds: D2. Versions of a unit add up to the
-- whole.
WITH host_versions AS (SELECT mx_host, min(tls.version) AS version FROM tls_addresses GROUP BY mx_host),
lowest AS (
    SELECT 1 AS "group", 'MX host with TLS' AS unit, supports, version
    FROM host_answers LEFT JOIN host_versions USING (mx_host) WHERE supports IS NOT false
    UNION ALL
    SELECT 2, 'reachable mail domain (D3)', every_primary,
           CASE WHEN every_primary THEN min(version) ELSE 'no TLS' END
    FROM domain_answers LEFT JOIN P USING (domain) LEFT JOIN host_versions USING (mx_host)
    GROUP BY domain, every_primary
),
totals AS (
    SELECT "group", unit, count(*) FILTER (supports IS NOT NULL) AS known,
           count(*) FILTER (supports IS NULL) AS unknown
    FROM lowest GROUP BY "group", unit
),
versions AS (SELECT unnest(['TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1', 'no TLS']) AS stratum,
                    generate_subscripts(range(5), 1) AS place)
SELECT stratum, totals.unit, unnest("row")
FROM (
    SELECT totals."group", totals.unit, place, stratum,
           census(count(version), any_value(known) - count(version), any_value(unknown)) AS "row"
    FROM totals CROSS JOIN versions
         LEFT JOIN lowest ON lowest."group" = totals."group" AND version = stratum AND supports IS NOT NULL
    WHERE totals."group" = 2 OR stratum <> 'no TLS'
    GROUP BY totals."group", totals.unit, place, stratum
) AS totals
ORDER BY "group", place;

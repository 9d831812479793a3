-- Key-exchange groups chosen by MX hosts. Unit: MX host with TLS; a host counts for a group when at least one
-- of its addresses chose it, so the shares of hosts whose addresses differ add up to more than the whole.
-- "no group" = static RSA key exchange. Hosts that gave no answer move the bounds. The twelve commonest.
WITH chosen AS (SELECT DISTINCT mx_host, coalesce(tls."group", 'no group') AS name FROM tls_addresses),
ranked AS (
    SELECT name, row_number() OVER (ORDER BY count(*) DESC, name) AS place FROM chosen GROUP BY name
),
classes AS (
    SELECT CASE WHEN place > 12 THEN 'any other group' ELSE name END AS stratum, min(place) AS place,
           count(DISTINCT mx_host) AS n
    FROM chosen JOIN ranked USING (name) GROUP BY stratum
),
totals AS (
    SELECT count(*) FILTER (supports) AS tls, count(*) FILTER (supports IS NULL) AS unknown FROM host_answers
)
SELECT stratum, 'MX host with TLS' AS unit, unnest(census(n, tls - n, unknown))
FROM classes CROSS JOIN totals ORDER BY place;

-- Every address of an MX host has exactly one first attempt, be it one that was not made, and every session is
-- with an address of its MX host.
WITH addresses AS (
    SELECT mx_host, unnest(a.addresses) AS address FROM mx_hosts
    UNION
    SELECT mx_host, unnest(aaaa.addresses) FROM mx_hosts
),
firsts AS (
    SELECT addresses.mx_host, addresses.address, count(sessions.mx_host) AS n
    FROM addresses LEFT JOIN (FROM sessions WHERE attempt = 1) AS sessions USING (mx_host, address)
    GROUP BY addresses.mx_host, addresses.address
)
SELECT mx_host || ' ' || address AS subject, n || ' first attempts' AS violation FROM firsts WHERE n <> 1
UNION ALL
SELECT DISTINCT mx_host || ' ' || address, 'session with an address the MX host does not have'
FROM sessions ANTI JOIN addresses USING (mx_host, address)
ORDER BY ALL;

-- Every address of an MX host has a session, and every session is with an address of its MX host.
WITH addresses AS (
    SELECT mx_host, unnest(a.addresses) AS address FROM mx_hosts
    UNION
    SELECT mx_host, unnest(aaaa.addresses) FROM mx_hosts
)
SELECT mx_host || ' ' || address AS subject, 'no session' AS violation
FROM addresses ANTI JOIN sessions USING (mx_host, address)
UNION ALL
SELECT DISTINCT mx_host || ' ' || address, 'session with an address the MX host does not have'
FROM sessions ANTI JOIN addresses USING (mx_host, address)
ORDER BY ALL;

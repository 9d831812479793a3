-- Every usable exchange, and every domain without MX, has exactly one row in mx_hosts; and no other host has
-- one.
WITH named AS (
    SELECT unnest(mx.records, recursive := true) FROM domains WHERE mx_kind <> 'null_mx'
),
expected AS (
    SELECT DISTINCT exchange AS mx_host FROM named WHERE unusable IS NULL
    UNION
    SELECT domain FROM domains WHERE mx_kind = 'no_mx'
)
SELECT mx_host AS subject, n || ' rows in mx_hosts' AS violation
FROM (SELECT expected.mx_host, count(mx_hosts.mx_host) AS n
      FROM expected LEFT JOIN mx_hosts USING (mx_host) GROUP BY expected.mx_host)
WHERE n <> 1
UNION ALL
SELECT mx_host, 'in mx_hosts, but no exchange'
FROM mx_hosts WHERE mx_host NOT IN (SELECT mx_host FROM expected)
ORDER BY ALL;

-- Key types and sizes of the certificates that MX hosts send. Unit: pair of MX host (with TLS) and server
-- certificate. Facts about the certificates seen: no bounds. The twelve commonest, then the rest together.
-- unparsable = the key cannot be read, whatever else of the certificate can.
WITH keys AS (
    SELECT coalesce(key_type || coalesce(' ' || key_bits, ''), 'unparsable') AS "key"
    FROM leaves JOIN certificates USING (sha256)
),
ranked AS (
    SELECT "key", count(*) AS n, row_number() OVER (ORDER BY count(*) DESC, "key") AS place
    FROM keys GROUP BY "key"
),
classes AS (
    SELECT CASE WHEN place > 12 THEN 'all other keys' ELSE "key" END AS stratum,
           min(place) AS place, sum(n) AS n
    FROM ranked GROUP BY stratum
)
SELECT stratum, 'pair of MX host and certificate' AS unit,
       unnest(census(n, total - n, 0, inferred := inferred, inference_bound := inference_bound))
FROM classes CROSS JOIN leaf_totals ORDER BY place;

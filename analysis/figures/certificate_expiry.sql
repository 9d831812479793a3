-- How long the certificates of MX hosts still had to live when they were seen. Unit: pair of MX host (with
-- TLS) and server certificate; the time is that of the first session that showed it. A class of "up to 30
-- days" holds more than 7 and at most 30 days. unparsable = the end of validity cannot be read, whatever else
-- of the certificate can. Facts about the certificates seen: no bounds.
WITH days AS (
    SELECT (epoch_us(not_after) - seen_us) / 86400000000 AS days
    FROM leaves JOIN certificates USING (sha256)
),
classes AS (
    SELECT CASE WHEN days IS NULL THEN 9
                WHEN days < -365 THEN 1 WHEN days < 0 THEN 2 WHEN days <= 7 THEN 3 WHEN days <= 30 THEN 4
                WHEN days <= 90 THEN 5 WHEN days <= 365 THEN 6 WHEN days <= 3650 THEN 7 ELSE 8 END AS place
    FROM days
),
words AS (
    SELECT unnest(['expired for more than a year', 'expired for up to a year', 'up to 7 days',
                   'up to 30 days', 'up to 90 days', 'up to a year', 'up to ten years',
                   'more than ten years', 'unparsable']) AS stratum,
           generate_subscripts(range(9), 1) AS place
)
SELECT stratum, 'pair of MX host and certificate' AS unit,
       unnest(census(n, total - n, 0, inferred := inferred, inference_bound := inference_bound))
FROM (SELECT words.place, stratum, count(classes.place) AS n
      FROM words LEFT JOIN classes USING (place) GROUP BY ALL)
     CROSS JOIN leaf_totals
ORDER BY place;

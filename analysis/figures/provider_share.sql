-- Concentration of mail domains on providers. Unit: mail-capable domain (D2), explicit and implicit MX.
-- Provider = registrable domain of the MX host name, by the ICANN section of the public suffix list (its
-- private section would split the customers of one hoster into as many providers); of a domain: that of most
-- of its primary MX hosts, the first by name among equals, so that shares add up to one (measures.sql). The
-- fifteen largest by name.
-- HHI = sum of squared shares, 1 = all on one provider; numerator and denominator are in squared domains.
-- effective number = 1 / HHI: as many providers of equal size would be as concentrated. No share: it is above
-- 1. Domains without a usable primary exchange count as providers of their own. Facts of the run: no bounds.
WITH totals AS (
    SELECT coalesce(sum(n), 0) AS total,
           coalesce(sum(CASE WHEN provider = '' THEN n ELSE n::HUGEINT * n END), 0) AS squares
    FROM provider_sizes
),
classes AS (
    SELECT CASE WHEN provider = '' THEN 'no usable primary exchange'
                WHEN place > 15 THEN 'all other providers' ELSE 'provider: ' || provider END AS stratum,
           min(place) AS place, sum(n) AS n
    FROM provider_sizes GROUP BY stratum
),
results AS (
    SELECT 1 AS "group", place, stratum, 'mail-capable domain (D2)' AS unit, census(n, total - n, 0) AS "row"
    FROM classes CROSS JOIN totals
    UNION ALL
    SELECT 2, 0, 'HHI', 'squared mail-capable domains (D2)',
           census(squares, total * total - squares, 0)
    FROM totals
    UNION ALL
    SELECT 3, 0, 'effective number of providers', 'number of providers',
           census(total * total, squares - total * total, 0)
    FROM totals
)
SELECT stratum, unit, unnest("row") FROM results ORDER BY "group", place;

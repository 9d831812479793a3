-- Where this scanner was sent away: a 421, or a refusal whose text names a rate limit or a blocklist. That
-- says something of the scanner and its pace, and nothing of STARTTLS.
-- Unit: MX host address that was asked itself, at its first attempt and at its last (the same session where
-- there was one). Numerator: that session was pushed back. By provider: the ten with the most addresses that
-- were sent away at either; below them the rest together. Addresses that were left alone for it afterwards
-- stand in `nonresponse` as "not asked, backed_off". Facts of the run: no bounds.
WITH asked AS (
    SELECT provider, arg_min(pushed_back IS true, attempt) AS first,
           arg_max(pushed_back IS true, attempt) AS "last"
    FROM sessions JOIN mx_hosts USING (mx_host) WHERE stage <> 'not_attempted'
    GROUP BY mx_host, provider, address
),
ranked AS (
    SELECT provider, count(*) FILTER (first OR "last") AS n,
           row_number() OVER (ORDER BY count(*) FILTER (first OR "last") DESC, provider) AS place
    FROM asked GROUP BY provider
),
classes AS (
    SELECT provider, CASE WHEN n = 0 OR place > 10 THEN 11 ELSE place END AS place,
           CASE WHEN n = 0 OR place > 10 THEN 'all other providers' ELSE 'provider: ' || provider END AS class
    FROM ranked
),
rows AS (
    SELECT 1 AS place, 1 AS step, 'first attempt' AS stratum, 'MX host address asked' AS unit,
           census_of(first) AS "row"
    FROM asked
    UNION ALL
    SELECT 1, 2, 'last attempt', 'MX host address asked', census_of("last") FROM asked
    UNION ALL
    SELECT 2 + place, 1, class || ', first attempt', 'MX host address asked of the provider', census_of(first)
    FROM asked JOIN classes USING (provider) GROUP BY place, class
    UNION ALL
    SELECT 2 + place, 2, class || ', last attempt', 'MX host address asked of the provider', census_of("last")
    FROM asked JOIN classes USING (provider) GROUP BY place, class
)
SELECT stratum, unit, unnest("row") FROM rows ORDER BY place, step;

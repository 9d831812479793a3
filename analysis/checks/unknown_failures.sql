-- At most one in a hundred observations of a table failed for a reason that has no word of its own.
WITH observed AS (
    SELECT 'sessions' AS "table", failure FROM sessions WHERE stage <> 'not_attempted'
    UNION ALL
    SELECT 'sts_policies', failure FROM sts_policies
),
counts AS (
    SELECT "table", count(*) AS n, count(*) FILTER (failure = 'unknown') AS unknown FROM observed GROUP BY "table"
)
SELECT "table" AS subject, unknown || ' of ' || n || ' failed for an unknown reason' AS violation
FROM counts WHERE 100 * unknown > n
ORDER BY ALL;

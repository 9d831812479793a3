-- A figure has one row for each stratum and unit.
SELECT figure || ': ' || stratum || ' (' || unit || ')' AS subject, count(*) || ' rows' AS violation
FROM figure_rows GROUP BY figure, stratum, unit HAVING count(*) > 1
ORDER BY ALL;

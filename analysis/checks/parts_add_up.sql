-- The parts into which a figure divides the mail-capable domains add up to all of them, for each answer by itself.
SELECT figure || ': ' || measure AS subject, 'parts of ' || total || ', but there are ' || whole AS violation
FROM (SELECT figure, CASE figure WHEN 'by_tld' THEN 'STARTTLS' ELSE split_part(stratum, ': ', 1) END AS measure,
             sum(denominator + unknown + never) AS total
      FROM figure_rows WHERE figure IN ('by_provider', 'by_rank', 'by_tld') GROUP BY ALL)
     CROSS JOIN (SELECT count(*) AS whole FROM D2)
WHERE total <> whole
ORDER BY ALL;

-- The answers by name, counted, are the figures of their run: yes = numerator, yes and no = denominator.
WITH states AS (SELECT run, domain, unnest(states, recursive := true) FROM answers),
counted AS (
    SELECT run, figure, count(*) FILTER (state = 'yes') AS yes,
           count(*) FILTER (state IN ('yes', 'no')) AS determined
    FROM states GROUP BY run, figure
)
SELECT figure || ', run ' || run AS subject,
       coalesce(yes, 0) || ' of ' || coalesce(determined, 0) || ' answers, but the figure says ' || numerator
       || ' of ' || denominator AS violation
FROM cross_sections LEFT JOIN counted USING (run, figure)
WHERE (coalesce(yes, 0), coalesce(determined, 0)) <> (numerator, denominator);

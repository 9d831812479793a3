-- The panel of all runs, of the figure that the variable `figure` names: domains listed in every run with a
-- determined answer in every one. One row per run. A trend over it is of the same domains throughout; the
-- cross-sections are beside it, not in it.
WITH states AS (
    SELECT run, domain, list_filter(states, lambda entry: entry.figure = getvariable('figure'))[1].state AS state
    FROM answers
),
panel AS (
    SELECT domain FROM states WHERE state IN ('yes', 'no')
    GROUP BY domain HAVING count(*) = getvariable('runs')
)
SELECT run, count(*) FILTER (state = 'yes') AS numerator, count(*) AS denominator
FROM states SEMI JOIN panel USING (domain)
GROUP BY run
ORDER BY run;

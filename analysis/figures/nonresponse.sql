-- Who gave no answer, and how. Facts of the run, so without bounds; classes of a unit add up to its "any
-- class". mail-capable domain (D2): the headline is not known; the class is that of the primary MX host that
-- got furthest (a temporary refusal of STARTTLS before a failed EHLO, before a refused greeting, ...).
-- not deliverable: no primary MX host has a usable name and an address. Nobody was there to ask, so this is
-- no class of those that gave no answer; it stands beside them.
-- MX host address (all that have a session row): nobody knows whether it supports STARTTLS; the class is
-- outcome and failure. By family and by hour of the day (UTC) of the same. Rules: domains.sql.
WITH rows AS (
    SELECT 1 AS place, 'any class' AS stratum, 'mail-capable domain (D2)' AS unit,
           count(*) FILTER (primary_may_exist) AS n, (SELECT count(*) FROM D2) AS total
    FROM undetermined_domains
    UNION ALL
    SELECT 2, 'class: ' || why, 'mail-capable domain (D2)', count(*), (SELECT count(*) FROM D2)
    FROM undetermined_domains WHERE primary_may_exist GROUP BY why
    UNION ALL
    SELECT 3, 'not deliverable: ' || why, 'mail-capable domain (D2)', count(*), (SELECT count(*) FROM D2)
    FROM undetermined_domains WHERE NOT primary_may_exist GROUP BY why
    UNION ALL
    SELECT 4, 'any class', 'MX host address', count(*) FILTER (supports IS NULL), count(*)
    FROM address_answers
    UNION ALL
    SELECT 5, 'class: ' || outcome || coalesce(', ' || failure, ''), 'MX host address', count(*),
           (SELECT count(*) FROM address_answers)
    FROM address_answers WHERE supports IS NULL GROUP BY outcome, failure
    UNION ALL
    SELECT 6, 'family: IPv' || family, 'MX host address of the family',
           count(*) FILTER (supports IS NULL), count(*)
    FROM address_answers GROUP BY family
    UNION ALL
    SELECT 7, 'hour: ' || strftime(make_timestamp(epoch_us(started_at)), '%H') || ' UTC',
           'MX host address asked in the hour', count(*) FILTER (supports IS NULL), count(*)
    FROM address_answers GROUP BY ALL
)
SELECT stratum, unit, unnest(census(n, total - n, 0)) FROM rows
ORDER BY place, CASE WHEN place IN (2, 3, 5) THEN -n END, stratum;

-- Who gave no answer, and how. Facts of the run, so without bounds; classes of a unit add up to its "any
-- class". mail-capable domain (D2): the headline is not known; the class is that of the primary MX host that
-- got furthest (a temporary refusal of STARTTLS before a failed EHLO, before a refused greeting, ...).
-- not asked: nobody asked, and the word after it says why (opted_out, over_limit = beyond the MX hosts asked
-- of one domain, session_cap, backed_off, sampled = the sample did not agree, special_purpose_address). That
-- is as little of a no as silence is.
-- not deliverable: no primary MX host has a usable name and an address. Nobody was there to ask, so this is
-- no class of those that gave no answer; it stands beside them.
-- MX host address: nobody knows whether it supports STARTTLS; the class is outcome and failure, of the sample
-- where the address was left to one. By family of the same. By hour of the day (UTC): those that were asked
-- themselves, by their last session. Rules: domains.sql.
WITH addresses AS (
    SELECT *, supports IS NULL AS is_silent,
           silence || CASE WHEN stage = 'not_attempted' OR failure IS NULL THEN ''
                           ELSE ', ' || failure END AS class
    FROM address_answers
),
domain_totals AS (
    SELECT count(*) AS total, inferred_of(true, doubt) AS inferred, bound_of(true, doubt) AS inference_bound
    FROM domain_answers
),
address_totals AS (
    SELECT count(*) AS total, inferred_of(true, doubt) AS inferred, bound_of(true, doubt) AS inference_bound
    FROM addresses
),
domain_classes AS (
    SELECT 1 AS place, 'any class' AS stratum, count(*) FILTER (primary_may_exist) AS n
    FROM undetermined_domains
    UNION ALL
    SELECT 2, 'class: ' || why, count(*) FROM undetermined_domains WHERE primary_may_exist GROUP BY why
    UNION ALL
    SELECT 3, 'not deliverable: ' || why, count(*)
    FROM undetermined_domains WHERE NOT primary_may_exist GROUP BY why
),
address_classes AS (
    SELECT 4 AS place, 'any class' AS stratum, count(*) FILTER (is_silent) AS n FROM addresses
    UNION ALL
    SELECT 5, 'class: ' || class, count(*) FROM addresses WHERE is_silent GROUP BY class
),
rows AS (
    SELECT place, stratum, 'mail-capable domain (D2)' AS unit,
           census(n, total - n, 0, inferred := inferred, inference_bound := inference_bound) AS "row"
    FROM domain_classes CROSS JOIN domain_totals
    UNION ALL
    SELECT place, stratum, 'MX host address',
           census(n, total - n, 0, inferred := inferred, inference_bound := inference_bound)
    FROM address_classes CROSS JOIN address_totals
    UNION ALL
    SELECT 6, 'family: IPv' || family, 'MX host address of the family', census_of(is_silent, doubt := doubt)
    FROM addresses GROUP BY family
    UNION ALL
    SELECT 7, 'hour: ' || strftime(make_timestamp(epoch_us(started_at)), '%H') || ' UTC' AS stratum,
           'MX host address asked in the hour', census_of(is_silent)
    FROM addresses WHERE basis = 'direct' AND stage <> 'not_attempted' GROUP BY stratum
)
SELECT stratum, unit, unnest("row") FROM rows
ORDER BY place, CASE WHEN place IN (2, 3, 5) THEN -"row".numerator END, stratum;

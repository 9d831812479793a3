-- What the shares would be without one provider: the same four answers as in by_provider, over all
-- mail-capable domains but those of one of the ten largest providers, and but those of all ten. A share that
-- moves far hangs on one provider; "all" is the share as it is.
-- Units and bounds are those of starttls_by_domain, certificate_ladder, post_quantum and mta_sts_record. Rules:
-- domains.sql, measures.sql.
WITH variants AS (
    SELECT 0 AS class, 'all' AS name, NULL AS left_out
    UNION ALL
    SELECT place, 'without ' || provider, [provider] FROM provider_sizes WHERE place <= 10 AND provider <> ''
    UNION ALL
    SELECT 11, 'without these ten', list(provider) FROM provider_sizes
    WHERE place <= 10 AND provider <> '' HAVING count(*) = 10
),
by_size AS (
    SELECT measure_counts.place, measure, CASE WHEN sizes.place <= 10 THEN provider ELSE '' END AS provider,
           sum(yes) AS yes, sum("no") AS "no", sum(unknown) AS unknown, sum(never) AS never,
           sum(inferred) AS inferred, sum(doubts) AS doubts
    FROM measure_counts JOIN provider_sizes AS sizes USING (provider) GROUP BY ALL
)
SELECT measure || ': ' || name AS stratum,
       unit_of(place, CASE WHEN class > 0 THEN ' of the others' END) AS unit,
       unnest(census_of_counts(yes, "no", unknown, never, inferred, doubts))
FROM by_size JOIN variants ON coalesce(NOT list_contains(left_out, provider), true)
GROUP BY place, measure, class, name
ORDER BY place, class;

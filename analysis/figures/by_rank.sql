-- Four answers of mail domains, by rank in the list: STARTTLS (the headline's rule), valid certificates (+
-- path, time and name of every reached primary MX host), post-quantum (... a hybrid group with ML-KEM),
-- MTA-STS record (one that is valid). Classes: up to rank 1,000; up to 10,000; up to 100,000; beyond; without
-- a rank. A list without ranks gives no rows. The parts of each answer add up to D2.
-- Units and bounds are those of starttls_by_domain, certificate_ladder, post_quantum and mta_sts_record, for
-- the domains of the class. Rules: domains.sql, measures.sql.
WITH names AS (
    SELECT unnest(['1 to 1,000', '1,001 to 10,000', '10,001 to 100,000', 'above 100,000', 'no rank']) AS name,
           generate_subscripts(range(5), 1) AS rank_class
)
SELECT measure || ': ' || name AS stratum, unit_of(place, ' of the class') AS unit,
       unnest(census_of_counts(yes, "no", unknown, never, inferred, doubts))
FROM measure_counts JOIN names USING (rank_class)
WHERE (SELECT bool_or(rank_class < 5) FROM measure_counts)
GROUP BY place, measure, rank_class, name
ORDER BY place, rank_class;

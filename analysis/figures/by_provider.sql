-- Four answers of mail domains, by provider: STARTTLS (the headline's rule), valid certificates (+ path, time
-- and name of every reached primary MX host), post-quantum (... a hybrid group with ML-KEM), MTA-STS record
-- (one that is valid). The ten largest providers by mail-capable domains (D2), the rest together, and domains
-- without a usable primary exchange. The parts of each answer add up to D2.
-- Units and bounds are those of the figures starttls_by_domain, certificate_ladder, post_quantum and
-- mta_sts_record, for the domains of the provider. What a provider is: figure provider_share. Rules:
-- domains.sql, measures.sql.
WITH classes AS (
    SELECT provider, CASE WHEN provider = '' THEN 12 ELSE least(place, 11) END AS class,
           CASE WHEN provider = '' THEN 'no usable primary exchange'
                WHEN place > 10 THEN 'all other providers' ELSE provider END AS name
    FROM provider_sizes
)
SELECT measure || ': ' || name AS stratum, unit_of(place, ' of the provider') AS unit,
       unnest(census_of_counts(yes, "no", unknown, never, inferred, doubts))
FROM measure_counts JOIN classes USING (provider)
GROUP BY measure_counts.place, measure, class, name
ORDER BY measure_counts.place, class;

-- The headline by top-level domain: the last label of the mail domain, in ASCII form. The fifteen with the most
-- mail-capable domains (D2), then the rest together; they add up to D2. Unit and bounds are those of
-- starttls_by_domain, for the domains of the top-level domain. Rules: domains.sql, measures.sql.
WITH counts AS (FROM measure_counts WHERE measure = 'STARTTLS'),
ranked AS (
    SELECT tld, row_number() OVER (ORDER BY sum(yes + "no" + unknown + never) DESC, tld) AS place
    FROM counts GROUP BY tld
),
classes AS (
    SELECT tld, least(place, 16) AS class,
           CASE WHEN place > 15 THEN 'all other top-level domains' ELSE '.' || tld END AS stratum
    FROM ranked
)
SELECT stratum, unit_of(1, ' of the top-level domain') AS unit,
       unnest(census_of_counts(yes, "no", unknown, never, inferred, doubts))
FROM counts JOIN classes USING (tld)
GROUP BY class, stratum
ORDER BY class;

-- The same domains under the three rules that published surveys use. Unit: reachable mail domain (D3).
-- every primary: each reached primary MX host supports STARTTLS (the headline's rule, RFC 7435).
-- every MX host: each reached MX host of any preference. any MX host: at least one reached MX host.
-- An unknown host leaves the domain undetermined unless the others already decide it. Bounds: D2.
SELECT stratum, 'reachable mail domain (D3)' AS unit, unnest("row")
FROM (
    SELECT 1 AS place, 'every reachable primary MX host' AS stratum, census_of(every_primary) AS "row"
    FROM domain_answers
    UNION ALL
    SELECT 2, 'every reachable MX host', census_of(every_host) FROM domain_answers
    UNION ALL
    SELECT 3, 'any reachable MX host', census_of(any_host) FROM domain_answers
)
ORDER BY place;

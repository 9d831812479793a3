-- The same domains under the three rules that published surveys use. Unit: reachable mail domain that all
-- three rules determine, so that the rows differ by the rule alone; the first is the headline's rule over
-- fewer domains than the headline.
-- every primary: each reached primary MX host supports STARTTLS (the headline's rule, RFC 7435).
-- every MX host: each reached MX host of any preference. any MX host: at least one reached MX host.
-- Left out: every domain that some rule does not determine. It is never, if no MX host that the row's rule
-- asks for can have mail delivered; else it counts as not known in each row, even where that row's rule alone
-- would decide it. Bounds: D2.
-- inferred: some MX host of the domain, whatever its preference, stands on a sample.
WITH common AS (
    SELECT *, every_primary IS NOT NULL AND every_host IS NOT NULL AND any_host IS NOT NULL AS determined
    FROM domain_answers
)
SELECT stratum, 'reachable mail domain, determined by all three rules (of D3)' AS unit, unnest("row")
FROM (
    SELECT 1 AS place, 'every reachable primary MX host' AS stratum,
           census_of(CASE WHEN determined THEN every_primary END, primary_may_exist, hosts_doubt) AS "row"
    FROM common
    UNION ALL
    SELECT 2, 'every reachable MX host',
           census_of(CASE WHEN determined THEN every_host END, host_may_exist, hosts_doubt) FROM common
    UNION ALL
    SELECT 3, 'any reachable MX host',
           census_of(CASE WHEN determined THEN any_host END, host_may_exist, hosts_doubt) FROM common
)
ORDER BY place;

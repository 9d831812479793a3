-- The headline: how many reachable mail domains (D3) have STARTTLS at every reachable primary MX host.
-- Yes: at least one primary MX host was reached, and each reached one completed TLS. No: one of them does
-- not support STARTTLS. Determined = yes or no. Not known: none was reached, or one gave no answer while no
-- other is a no. Never: mail cannot be delivered to any primary MX host, since none has a usable name and an
-- address. The figure `populations` counts D3 and, with reasons, those of it that are not determined.
-- numerator = yes; denominator = yes + no. Bounds: all mail-capable domains (D2), those not known all no or
-- all yes; so domains that were never reached widen the bounds and are never a no.
-- Strata: the two ways to be mail-capable, explicit and implicit MX. Rules and words: domains.sql.
-- inferred: some primary MX host of the domain has an address whose answer stands on a sample.
SELECT stratum, 'reachable mail domain, determined (of D3)' AS unit, unnest("row")
FROM (
    SELECT 1 AS place, 'all' AS stratum, census_of(every_primary, primary_may_exist, doubt) AS "row"
    FROM domain_answers
    UNION ALL
    SELECT 2, 'explicit MX', census_of(every_primary, primary_may_exist, doubt)
    FROM domain_answers WHERE mx_stratum = 'explicit MX'
    UNION ALL
    SELECT 3, 'implicit MX', census_of(every_primary, primary_may_exist, doubt)
    FROM domain_answers WHERE mx_stratum = 'implicit MX'
)
ORDER BY place;

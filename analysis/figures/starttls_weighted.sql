-- The headline's rule with the domains weighed in three ways. Rows count weight, not domains, except "equal".
-- equal            every domain weighs one: the headline again.
-- 1/rank           a domain weighs 1/rank, in whole units of 10^-12. Domains without a rank are left out;
--                  a list without ranks gives no such row.
-- provider-capped  no provider weighs more than one in a hundred of the mail-capable domains (at least one
--                  domain); its domains share that weight evenly, in whole units of 10^-12.
-- inferred, inference_bound: in the row's own unit, as domains or as their weight.
-- None of these is a share of messages: a survey of servers cannot see how much mail goes where.
WITH weights AS (
    SELECT domain, every_primary, primary_may_exist, rank, doubt,
           count(*) OVER (PARTITION BY coalesce(provider, 'none: ' || domain)) AS of_provider,
           greatest(count(*) OVER () // 100, 1) AS cap
    FROM domain_answers JOIN domain_providers USING (domain)
),
weighted AS (
    SELECT 1 AS place, 'equal' AS stratum, 'reachable mail domain, determined (of D3)' AS unit,
           every_primary, primary_may_exist, doubt, 1::HUGEINT AS weight
    FROM weights
    UNION ALL
    SELECT 2, '1/rank', 'weight 1/rank of reachable mail domains, determined (of D3), in 10^-12',
           every_primary, primary_may_exist, doubt, 1000000000000::HUGEINT // rank
    FROM weights WHERE rank >= 1
    UNION ALL
    SELECT 3, 'provider-capped', 'weight of reachable mail domains, determined (of D3), in 10^-12',
           every_primary, primary_may_exist, doubt,
           1000000000000::HUGEINT * least(cap, of_provider) // of_provider
    FROM weights
)
SELECT stratum, unit,
       unnest(census(coalesce(sum(weight) FILTER (every_primary), 0),
                     coalesce(sum(weight) FILTER (NOT every_primary), 0),
                     coalesce(sum(weight) FILTER (every_primary IS NULL AND primary_may_exist), 0),
                     never := coalesce(sum(weight) FILTER (every_primary IS NULL AND NOT primary_may_exist), 0),
                     inferred := coalesce(sum(weight) FILTER (every_primary IS NOT NULL AND doubt > 0), 0),
                     inference_bound :=
                         in_whole_units(sum(weight * doubt) FILTER (every_primary IS NOT NULL))))
FROM weighted
GROUP BY place, stratum, unit
ORDER BY place;

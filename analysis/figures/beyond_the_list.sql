-- What the shares say beyond the list, were it a sample of a larger whole. The list is surveyed whole, so its own
-- shares have no sampling error, only silence (starttls_by_domain, certificate_ladder, post_quantum,
-- mta_sts_record); these intervals are for the wider claim, and hold only as far as the list is like the rest.
--   drawn one by one    95 % interval of Wilson, as if each domain were an independent draw. It is too narrow:
--                       domains of one provider share its configuration. Here to show by how much.
--   drawn by provider   95 % interval of a bootstrap that draws whole providers with all of their domains: the
--                       2.5 and 97.5 percentiles of 1,000 replicates. Domains without a provider are each one
--                       of their own.
--   silence included    the same over the bounds of silence: the 2.5 percentile with every unknown a no, and
--                       the 97.5 percentile with every unknown a yes.
-- The first two are of the domains whose answer is known, as if those that gave none were like them.
-- Below ten providers there is no bootstrap interval: they are too few to tell how providers differ.
-- A replicate weighs each provider by a draw of Poisson(1), which for large numbers is drawing with
-- replacement. Providers with the same counts are drawn together, their sum being Poisson(their number). The
-- draws are MD5 digests of seed, place of the class and replicate: seed 1, the same on every machine. Up to
-- 50 providers a class the draw is exact, above that it is by the normal approximation. Rules: measures.sql.
WITH clusters AS (
    SELECT place, sum(yes) AS yes, sum("no") AS "no", sum(unknown) AS unknown, 1 AS providers
    FROM measure_counts WHERE provider <> '' GROUP BY place, provider
    UNION ALL
    SELECT place, 1, 0, 0, sum(yes) FROM measure_counts WHERE provider = '' GROUP BY place
    UNION ALL
    SELECT place, 0, 1, 0, sum("no") FROM measure_counts WHERE provider = '' GROUP BY place
    UNION ALL
    SELECT place, 0, 0, 1, sum(unknown) FROM measure_counts WHERE provider = '' GROUP BY place
),
classes AS (
    SELECT place, yes, "no", unknown, sum(providers)::INTEGER AS providers,
           row_number() OVER (ORDER BY place, yes, "no", unknown) AS class
    FROM clusters WHERE providers > 0 AND yes + "no" + unknown > 0 GROUP BY place, yes, "no", unknown
),
draws AS (
    SELECT class, replicate, providers, md5_number_upper('1:' || class || ':' || replicate) / 18446744073709551616.0
           AS uniform, md5_number_lower('1:' || class || ':' || replicate) / 18446744073709551616.0 AS another
    FROM classes, generate_series(1, 1000) AS replicates(replicate)
),
poisson AS (
    SELECT providers, draw,
           coalesce(sum(exp(draw * ln(providers) - providers - lgamma(draw + 1)))
                        OVER (PARTITION BY providers ORDER BY draw
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS below
    FROM (SELECT DISTINCT providers FROM classes WHERE providers <= 50), generate_series(0, 200) AS draws(draw)
),
weights AS (
    SELECT class, replicate, draw AS weight
    FROM (FROM draws WHERE providers <= 50) AS few
    ASOF JOIN poisson ON few.providers = poisson.providers AND few.uniform >= poisson.below
    UNION ALL
    SELECT class, replicate,
           greatest(0, round(providers + sqrt(-2 * providers * ln(1 - uniform)) * cos(2 * pi() * another)))::BIGINT
    FROM draws WHERE providers > 50
),
replicates AS (
    SELECT place, sum(weight * yes) AS yes, sum(weight * "no") AS "no", sum(weight * unknown) AS unknown
    FROM weights JOIN classes USING (class) GROUP BY place, replicate
),
intervals AS (
    SELECT place, quantile_disc(share(yes, yes + "no"), [0.025, 0.975]) AS ends,
           quantile_disc(share(yes, yes + "no" + unknown), 0.025) AS lowest,
           quantile_disc(share(yes + unknown, yes + "no" + unknown), 0.975) AS highest
    FROM replicates WHERE yes + "no" > 0
      AND place IN (SELECT place FROM classes WHERE yes + "no" > 0 GROUP BY place HAVING sum(providers) >= 10)
    GROUP BY place
),
totals AS (
    SELECT place, measure, census_of_counts(yes, "no", unknown, never, inferred, doubts) AS "row"
    FROM measure_counts GROUP BY place, measure
),
rows AS (
    SELECT place, 1 AS step, measure || ': drawn one by one' AS stratum,
           with_interval("row", 'wilson', wilson("row".numerator, "row".denominator)) AS "row"
    FROM totals
    UNION ALL
    SELECT place, 2, measure || ': drawn by provider',
           with_interval("row", 'cluster', {low: ends[1], high: ends[2]})
    FROM totals LEFT JOIN intervals USING (place)
    UNION ALL
    SELECT place, 3, measure || ': drawn by provider, silence included',
           with_interval("row", 'cluster', {low: lowest, high: highest})
    FROM totals LEFT JOIN intervals USING (place)
)
SELECT stratum, unit_of(place, NULL) AS unit, unnest("row") FROM rows ORDER BY place, step;

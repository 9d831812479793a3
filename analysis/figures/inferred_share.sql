-- How much of the survey stands on samples. Of a provider with more names at one address than are asked
-- there, a random sample is asked; when all of it agree, the answers of the other names are inferred from it.
-- A figure that counts those says so in its columns inferred and inference_bound; this one says where they
-- are.
-- all: inferred MX host addresses, of all; MX hosts and mail-capable domains whose answer is known, and
-- stands on an inferred address at one of their (primary) hosts.
-- By provider, the fifteen with the most inferred addresses: inferred addresses, of all of the provider;
-- asked: sessions of its samples, of these and the addresses inferred from them;
-- largest bound: of the addresses left to its smallest sample, at most this share is another answer, with
-- 95 % confidence: 3 / size (rule of three), and no more than all. Facts of the run: no bounds of silence.
WITH samples AS (
    SELECT provider, address, any_value(sample_size) AS size, count(*) AS n
    FROM endpoints WHERE basis = 'inferred' GROUP BY provider, address
),
ranked AS (
    SELECT provider, row_number() OVER (ORDER BY sum(n) DESC, provider) AS place
    FROM samples GROUP BY provider
),
classes AS (
    SELECT provider, least(place, 16) AS place,
           CASE WHEN place > 15 THEN 'all other providers' ELSE 'provider: ' || provider END AS stratum
    FROM ranked
),
rows AS (
    SELECT 1 AS "group", 0 AS place, 'all' AS stratum, 'MX host address' AS unit,
           census_of(basis = 'inferred', doubt := doubt) AS "row"
    FROM endpoints
    UNION ALL
    SELECT 2, 0, 'all', 'MX host, determined (of H)',
           census_of(CASE WHEN supports IS NOT NULL THEN doubt > 0 END, doubt := doubt)
    FROM host_answers
    UNION ALL
    SELECT 3, 0, 'all', 'reachable mail domain, determined (of D3)',
           census_of(CASE WHEN every_primary IS NOT NULL THEN doubt > 0 END, primary_may_exist, doubt)
    FROM domain_answers
    UNION ALL
    SELECT 4, place, stratum, 'MX host address of the provider',
           census_of(basis = 'inferred', doubt := doubt)
    FROM endpoints JOIN classes USING (provider) GROUP BY place, stratum
    UNION ALL
    SELECT 5, place, stratum, 'MX host address asked or inferred from a sample of the provider',
           census(sum(size), sum(n), 0)
    FROM samples JOIN classes USING (provider) GROUP BY place, stratum
    UNION ALL
    SELECT 6, place, stratum, 'largest bound of the provider (3 by sessions of the smallest sample)',
           census(least(3, min(size)), min(size) - least(3, min(size)), 0)
    FROM samples JOIN classes USING (provider) GROUP BY place, stratum
)
SELECT stratum, unit, unnest("row") FROM rows ORDER BY "group", place;

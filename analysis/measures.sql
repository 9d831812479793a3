-- Four answers of each mail-capable domain, counted by what it can be grouped by. Needs domains.sql.

-- The provider of a mail-capable domain: that of most of its primary MX hosts, the first by name among
-- equals; null when no primary exchange is usable. One provider each, so that shares add up to one.
CREATE TABLE domain_providers AS
WITH counted AS (
    SELECT domain, provider, count(*) AS hosts FROM P JOIN mx_hosts USING (mx_host) GROUP BY domain, provider
),
first_of_each AS (
    SELECT domain, arg_min(provider, (-hosts, provider)) AS provider FROM counted GROUP BY domain
)
SELECT D2.domain, provider FROM D2 LEFT JOIN first_of_each USING (domain);

-- Providers by size, the largest first; last, with an empty name, domains without one.
CREATE TABLE provider_sizes AS
SELECT coalesce(provider, '') AS provider, count(*) AS n,
       row_number() OVER (ORDER BY provider IS NULL, count(*) DESC, provider) AS place
FROM domain_providers GROUP BY domain_providers.provider;

-- The four questions, and how many mail-capable domains (D2) gave which answer, by provider, top-level domain
-- and class of rank. place: the same in every figure that asks all four.
--   STARTTLS             the headline: every reached primary MX host supports it
--   valid certificates   ... and their certificates have a path, are valid in time and name the MX host
--   post-quantum         ... and chose a hybrid group with ML-KEM
--   MTA-STS record       one valid record, whatever the MX hosts do
-- yes, no, unknown, never, inferred: as in a figure row. doubts: in 10^-9.
CREATE TABLE measure_counts AS
WITH domains_measured AS (
    SELECT coalesce(provider, '') AS provider, split_part(D2.domain, '.', -1) AS tld,
           CASE WHEN rank <= 1000 THEN 1 WHEN rank <= 10000 THEN 2 WHEN rank <= 100000 THEN 3
                WHEN rank IS NOT NULL THEN 4 ELSE 5 END AS rank_class,
           answer, and_passes(answer, path_ok AND time_ok AND name_mx_ok) AS certificates,
           and_passes(answer, post_quantum) AS post_quantum, is_one_of(sts_record, ['valid']) AS sts,
           may_be, doubt
    FROM D2 JOIN domain_providers USING (domain)
    JOIN (FROM tls_answers WHERE place = 2) AS answers ON answers.member = D2.domain
    JOIN (FROM record_verdicts WHERE place = 2) USING (domain)
),
answers AS (
    SELECT provider, tld, rank_class, unnest([
        {place: 1, measure: 'STARTTLS', yes: answer, may_be: may_be, doubt: doubt},
        {place: 2, measure: 'valid certificates', yes: certificates, may_be: may_be, doubt: doubt},
        {place: 3, measure: 'post-quantum', yes: post_quantum, may_be: may_be, doubt: doubt},
        {place: 4, measure: 'MTA-STS record', yes: sts, may_be: true, doubt: 0}
    ], recursive := true)
    FROM domains_measured
)
SELECT place, measure, provider, tld, rank_class,
       count(*) FILTER (yes) AS yes, count(*) FILTER (NOT yes) AS "no",
       count(*) FILTER (yes IS NULL AND may_be) AS unknown, count(*) FILTER (yes IS NULL AND NOT may_be) AS never,
       inferred_of(yes, doubt) AS inferred, coalesce(sum(doubt) FILTER (yes IS NOT NULL), 0) AS doubts
FROM answers
GROUP BY ALL;
CREATE MACRO census_of_counts(yes, "no", unknown, never, inferred, doubts) AS census(
    coalesce(sum(yes), 0), coalesce(sum("no"), 0), coalesce(sum(unknown), 0), never := coalesce(sum(never), 0),
    inferred := coalesce(sum(inferred), 0), inference_bound := in_whole_units(sum(doubts))
);
-- The unit of an answer, over a part of the domains; null: all of them.
CREATE MACRO unit_of(place, part) AS
    CASE place WHEN 4 THEN 'mail-capable domain' || coalesce(part, ' (D2)') || ', lookup answered'
               ELSE 'reachable mail domain' || coalesce(part, '') || ', determined (of D3)' END;

-- The populations of the survey, and what each exclusion takes out.
-- numerator = members; denominator = the population they are drawn from. Facts of the run: no bounds.
-- not deliverable = no MX host (of those meant) has a usable name and an address, so nobody can be asked; no
-- answer = there may be a server. determined = the headline's rule gives yes or no; for H: supports STARTTLS.
-- The word after "not determined" is of the primary MX host (of H: of the address) that got furthest.
WITH undelivered AS (
    SELECT domain,
           CASE WHEN count(domain_hosts.mx_host) = 0 THEN 'not deliverable, no usable exchange'
                WHEN count(mail_hosts.mx_host) = 0 THEN 'not deliverable, no MX host has an address'
                WHEN sum(addresses) = 0 THEN 'no answer, address lookups failed'
                ELSE 'no answer, no 220 greeting'
           END AS why
    FROM D2 LEFT JOIN domain_hosts USING (domain) LEFT JOIN mail_hosts USING (mx_host)
    WHERE domain NOT IN (SELECT domain FROM D3)
    GROUP BY domain
),
members AS (
    SELECT 0 AS place, 'D0 listed' AS stratum, 'listed domain (D0)' AS unit,
           (SELECT count(*) FROM D0) AS n, (SELECT count(*) FROM D0) AS total
    UNION ALL
    SELECT 1, 'D1 resolvable', 'listed domain (D0)', (SELECT count(*) FROM D1), (SELECT count(*) FROM D0)
    UNION ALL
    SELECT 2, 'not in D1: MX lookup ' || mx.status, 'listed domain (D0)', count(*), (SELECT count(*) FROM D0)
    FROM D0 WHERE domain NOT IN (SELECT domain FROM D1) GROUP BY mx.status
    UNION ALL
    SELECT 3, 'D2 mail-capable', 'resolvable domain (D1)',
           (SELECT count(*) FROM D2), (SELECT count(*) FROM D1)
    UNION ALL
    SELECT 4, 'D2 by ' || mx_stratum, 'resolvable domain (D1)', count(*), (SELECT count(*) FROM D1)
    FROM D2 GROUP BY mx_stratum
    UNION ALL
    SELECT 5, 'not in D2: ' || why, 'resolvable domain (D1)', count(*), (SELECT count(*) FROM D1)
    FROM (SELECT CASE WHEN mx_kind = 'null_mx' THEN 'null MX'
                      WHEN mx_kind <> 'no_mx' THEN 'MX answer not understood'
                      WHEN was_answered(a.status) AND was_answered(aaaa.status) THEN 'no MX and no address'
                      ELSE 'no MX, and the address lookups failed' END AS why
          FROM D1 LEFT JOIN mx_hosts ON mx_host = domain WHERE domain NOT IN (SELECT domain FROM D2))
    GROUP BY why
    UNION ALL
    SELECT 6, 'D3 reachable', 'mail-capable domain (D2)', (SELECT count(*) FROM D3), (SELECT count(*) FROM D2)
    UNION ALL
    SELECT 7, 'not in D3: ' || why, 'mail-capable domain (D2)', count(*), (SELECT count(*) FROM D2)
    FROM undelivered GROUP BY why
    UNION ALL
    SELECT 8, 'D3 determined', 'reachable mail domain (D3)',
           count(*) FILTER (every_primary IS NOT NULL), count(*)
    FROM domain_answers WHERE domain IN (SELECT domain FROM D3)
    UNION ALL
    SELECT 9, 'not determined: ' || CASE WHEN primary_may_exist THEN 'no answer, ' ELSE 'not deliverable, ' END
              || why, 'reachable mail domain (D3)', count(*), (SELECT count(*) FROM D3)
    FROM undetermined_domains WHERE domain IN (SELECT domain FROM D3) GROUP BY primary_may_exist, why
    UNION ALL
    SELECT 10, 'P primary', 'pair of domain and MX host',
           (SELECT count(*) FROM P), (SELECT count(*) FROM domain_hosts)
    UNION ALL
    SELECT 11, 'H reached', 'MX host', (SELECT count(*) FROM H), (SELECT count(*) FROM mail_hosts)
    UNION ALL
    SELECT 12, 'H determined', 'reached MX host (H)', count(*) FILTER (supports IS NOT NULL), count(*)
    FROM host_answers WHERE reached
    UNION ALL
    SELECT 13, 'not determined: no answer, ' || why, 'reached MX host (H)', count(*), (SELECT count(*) FROM H)
    FROM (SELECT arg_max(outcome, how_far(outcome)) AS why
          FROM host_answers JOIN address_answers USING (mx_host)
          WHERE host_answers.reached AND host_answers.supports IS NULL GROUP BY mx_host)
    GROUP BY why
    UNION ALL
    SELECT 14, 'I reached', 'MX host address', count(*) FILTER (reached), count(*) FROM address_answers
    UNION ALL
    SELECT 15, 'I reached, IPv' || family, 'MX host address, IPv' || family,
           count(*) FILTER (reached), count(*)
    FROM address_answers GROUP BY family
)
SELECT stratum, unit, unnest(census(n, total - n, 0)) FROM members ORDER BY place, stratum;

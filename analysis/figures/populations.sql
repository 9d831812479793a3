-- The populations of the survey, and what each exclusion takes out.
-- numerator = members; denominator = the population they are drawn from. Facts of the run: no bounds.
-- not deliverable = no MX host (of those meant) has a usable name and an address, so nobody can be asked; no
-- answer = there may be a server; not asked = there may be one too, and nobody asked, for the reason named:
-- opted_out, over_limit (beyond the MX hosts asked of one domain), session_cap, backed_off, sampled (left to
-- a sample that did not agree), special_purpose_address. An opted-out domain has no MX lookup: not in D1.
-- determined = the headline's rule gives yes or no; for H: supports STARTTLS. The word after "not determined"
-- is of the primary MX host (of H: of the address) that got furthest.
-- inferred = of the denominator, those that stand on a sample, whether it is reached or not.
WITH undelivered AS (
    SELECT domain, count(domain_hosts.mx_host) AS hosts,
           max({far: far, why: why}) FILTER (far IS NOT NULL) AS "most"
    FROM D2 LEFT JOIN domain_hosts USING (domain) LEFT JOIN silent_hosts USING (mx_host)
    WHERE domain NOT IN (SELECT domain FROM D3)
    GROUP BY domain
),
listed AS (SELECT count(*) AS total FROM D0),
resolvable AS (SELECT count(*) AS total FROM D1),
mail_capable AS (
    SELECT count(*) AS total, inferred_of(true, doubt) AS inferred, bound_of(true, doubt) AS inference_bound
    FROM domain_answers
),
reachable AS (
    SELECT count(*) AS total, inferred_of(true, doubt) AS inferred, bound_of(true, doubt) AS inference_bound
    FROM domain_answers WHERE domain IN (SELECT domain FROM D3)
),
may_exist AS (
    SELECT count(*) AS total, inferred_of(true, doubt) AS inferred, bound_of(true, doubt) AS inference_bound
    FROM host_answers
),
reached AS (
    SELECT count(*) AS total, inferred_of(true, doubt) AS inferred, bound_of(true, doubt) AS inference_bound
    FROM host_answers WHERE reached
),
named AS (
    SELECT count(*) AS total, inferred_of(true, doubt) AS inferred, bound_of(true, doubt) AS inference_bound
    FROM endpoints
),
members AS (
    SELECT 0 AS place, 'D0 listed' AS stratum, 'listed domain (D0)' AS unit, total AS n, total,
           0 AS inferred, 0 AS inference_bound
    FROM listed
    UNION ALL
    SELECT 1, 'D1 resolvable', 'listed domain (D0)', (SELECT count(*) FROM D1), total, 0, 0 FROM listed
    UNION ALL
    SELECT 2, 'not in D1: ' || CASE mx_kind WHEN 'opted_out' THEN 'not asked, opted_out'
                                            ELSE 'MX lookup ' || mx.status END AS stratum,
           'listed domain (D0)', count(*), any_value(total), 0, 0
    FROM D0 CROSS JOIN listed WHERE domain NOT IN (SELECT domain FROM D1) GROUP BY stratum
    UNION ALL
    SELECT 3, 'D2 mail-capable', 'resolvable domain (D1)', (SELECT count(*) FROM D2), total, 0, 0
    FROM resolvable
    UNION ALL
    SELECT 4, 'D2 by ' || mx_stratum, 'resolvable domain (D1)', count(*), any_value(total), 0, 0
    FROM D2 CROSS JOIN resolvable GROUP BY mx_stratum
    UNION ALL
    SELECT 5, 'not in D2: ' || why, 'resolvable domain (D1)', count(*), any_value(total), 0, 0
    FROM (SELECT CASE WHEN mx_kind = 'null_mx' THEN 'null MX'
                      WHEN mx_kind <> 'no_mx' THEN 'MX answer not understood'
                      WHEN was_answered(a.status) AND was_answered(aaaa.status) THEN 'no MX and no address'
                      WHEN why_not_looked_up(a, aaaa) IS NOT NULL
                      THEN 'no MX, and not asked for addresses, ' || why_not_looked_up(a, aaaa)
                      ELSE 'no MX, and the address lookups failed' END AS why
          FROM D1 LEFT JOIN mx_hosts ON mx_host = domain WHERE domain NOT IN (SELECT domain FROM D2))
         CROSS JOIN resolvable
    GROUP BY why
    UNION ALL
    SELECT 6, 'D3 reachable', 'mail-capable domain (D2)', (SELECT count(*) FROM D3),
           total, inferred, inference_bound
    FROM mail_capable
    UNION ALL
    SELECT 7, 'not in D3: ' || CASE WHEN hosts = 0 THEN 'not deliverable, no usable exchange'
                                    WHEN "most" IS NULL THEN 'not deliverable, no MX host has an address'
                                    ELSE why_not_reached("most".far, "most".why) END AS stratum,
           'mail-capable domain (D2)', count(*),
           any_value(total), any_value(inferred), any_value(inference_bound)
    FROM undelivered CROSS JOIN mail_capable GROUP BY stratum
    UNION ALL
    SELECT 8, 'D3 determined', 'reachable mail domain (D3)',
           (SELECT count(*) FROM domain_answers WHERE every_primary IS NOT NULL),
           total, inferred, inference_bound
    FROM reachable
    UNION ALL
    SELECT 9, 'not determined: ' || CASE WHEN primary_may_exist THEN why_not_known(why)
                                         ELSE 'not deliverable, ' || why END AS stratum,
           'reachable mail domain (D3)', count(*),
           any_value(total), any_value(inferred), any_value(inference_bound)
    FROM undetermined_domains CROSS JOIN reachable
    WHERE domain IN (SELECT domain FROM D3) GROUP BY stratum
    UNION ALL
    SELECT 10, 'P primary', 'pair of domain and MX host',
           (SELECT count(*) FROM P), (SELECT count(*) FROM domain_hosts), 0, 0
    UNION ALL
    SELECT 11, 'H reached', 'MX host', (SELECT count(*) FROM H), total, inferred, inference_bound
    FROM may_exist
    UNION ALL
    SELECT 12, 'not in H: ' || why_not_reached(far, why) AS stratum, 'MX host', count(*),
           any_value(total), any_value(inferred), any_value(inference_bound)
    FROM silent_hosts CROSS JOIN may_exist WHERE mx_host NOT IN (SELECT mx_host FROM H) GROUP BY stratum
    UNION ALL
    SELECT 13, 'H determined', 'reached MX host (H)',
           (SELECT count(*) FROM host_answers WHERE supports IS NOT NULL), total, inferred, inference_bound
    FROM reached
    UNION ALL
    SELECT 14, 'not determined: ' || why_not_known(why) AS stratum, 'reached MX host (H)', count(*),
           any_value(total), any_value(inferred), any_value(inference_bound)
    FROM silent_hosts CROSS JOIN reached WHERE mx_host IN (SELECT mx_host FROM H) GROUP BY stratum
    UNION ALL
    SELECT 15, 'I reached', 'MX host address', (SELECT count(*) FROM I), total, inferred, inference_bound
    FROM named
    UNION ALL
    SELECT 16, 'not in I: ' || why_not_reached(how_far(outcome), silence) AS stratum, 'MX host address',
           count(*), any_value(total), any_value(inferred), any_value(inference_bound)
    FROM address_answers CROSS JOIN named WHERE NOT reached GROUP BY stratum
    UNION ALL
    SELECT 17, 'I reached, IPv' || family, 'MX host address, IPv' || family,
           count(*) FILTER (reached), count(*), inferred_of(true, doubt), bound_of(true, doubt)
    FROM endpoints GROUP BY family
)
SELECT stratum, unit,
       unnest(census(n, total - n, 0, inferred := inferred, inference_bound := inference_bound))
FROM members ORDER BY place, stratum;

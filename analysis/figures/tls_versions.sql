-- TLS versions, each host and domain under the lowest one met. The handshake offers TLS 1.0 to 1.3 and takes
-- what the server chooses.
-- MX host with TLS: the lowest version that any of its addresses chose. Hosts without an answer move the
-- bounds. Reachable mail domain: the lowest version among its reached primary MX hosts, or "no TLS" when the
-- headline is a no; the denominator is the headline's, and so are the bounds. Versions of a unit add up to
-- the whole. Rules: domains.sql.
WITH versions AS (SELECT unnest(['TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1', 'no TLS']) AS stratum,
                         generate_subscripts(range(5), 1) AS version_place)
SELECT stratum, unit,
       unnest(census_of(CASE WHEN answer THEN version = stratum
                             WHEN NOT answer THEN stratum = 'no TLS' END, may_be, doubt))
FROM tls_answers CROSS JOIN versions
WHERE place = 2 OR stratum <> 'no TLS'
GROUP BY place, unit, version_place, stratum
ORDER BY place, version_place;

-- How far certificates go: a path to a root of the store; valid in time; a DNS-ID of the MX host; a DNS-ID of
-- the mail domain (RFC 9525). "only" = that test by itself; "+" = that test and those named before it.
-- MX host with TLS: hosts that support STARTTLS; all addresses that completed TLS must pass. A host that gave
-- no answer may have TLS or not, so it moves the bounds.
-- Reachable mail domain (D3): every reached primary MX host supports STARTTLS and passes, so a domain that
-- fails the headline fails here too, and the denominator is the headline's. Bounds: D2. The name of the mail
-- domain is tested at domains alone, since one host serves many.
WITH reached_primaries AS (
    SELECT P.domain, path_ok, time_ok, name_mx_ok FROM P JOIN host_answers USING (mx_host) WHERE reached
),
judged_domains AS (
    SELECT domain_answers.domain, every_primary,
           every_one(path_ok) AS path_ok, every_one(time_ok) AS time_ok,
           every_one(name_mx_ok) AS name_mx_ok, any_value(name_domain_ok) AS name_domain_ok
    FROM domain_answers LEFT JOIN domain_verdicts USING (domain) LEFT JOIN reached_primaries USING (domain)
    GROUP BY domain_answers.domain, every_primary
),
judged AS (
    SELECT 1 AS "group", 'MX host with TLS' AS unit, supports, path_ok, time_ok, name_mx_ok,
           NULL::BOOLEAN AS name_domain_ok
    FROM host_answers WHERE supports IS NOT false
    UNION ALL
    SELECT 2, 'reachable mail domain (D3)', every_primary, path_ok, time_ok, name_mx_ok, name_domain_ok
    FROM judged_domains
),
steps AS (
    SELECT *, unnest([
        {place: 1, stratum: 'path', passed: path_ok},
        {place: 2, stratum: '+ time', passed: path_ok AND time_ok},
        {place: 3, stratum: '+ name of the MX host', passed: path_ok AND time_ok AND name_mx_ok},
        {place: 4, stratum: '+ name of the mail domain',
         passed: path_ok AND time_ok AND name_mx_ok AND name_domain_ok},
        {place: 5, stratum: 'time only', passed: time_ok},
        {place: 6, stratum: 'name of the MX host only', passed: name_mx_ok},
        {place: 7, stratum: 'name of the mail domain only', passed: name_domain_ok}
    ], recursive := true)
    FROM judged
)
SELECT stratum, unit, unnest(census_of(CASE WHEN supports THEN passed WHEN NOT supports THEN false END))
FROM steps
WHERE "group" = 2 OR place NOT IN (4, 7)
GROUP BY "group", unit, place, stratum
ORDER BY "group", place;

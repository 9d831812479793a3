-- How far certificates go: a path to a root of the store; valid in time; a DNS-ID of the MX host; a DNS-ID of
-- the mail domain (RFC 9525). "only" = that test by itself; "+" = that test and those named before it.
-- MX host with TLS: hosts that support STARTTLS; all addresses that completed TLS must pass. A host that gave
-- no answer may have TLS or not, so it moves the bounds.
-- Reachable mail domain: every reached primary MX host supports STARTTLS and passes, so a domain that fails
-- the headline fails here too, and the denominator is the headline's, as are the bounds. The name of the mail
-- domain is tested at domains alone, since one host serves many. Rules: domains.sql.
WITH steps AS (
    SELECT place, unit, answer, may_be, doubt, unnest([
        {step: 1, stratum: 'path', passed: path_ok},
        {step: 2, stratum: '+ time', passed: path_ok AND time_ok},
        {step: 3, stratum: '+ name of the MX host', passed: path_ok AND time_ok AND name_mx_ok},
        {step: 4, stratum: '+ name of the mail domain',
         passed: path_ok AND time_ok AND name_mx_ok AND name_domain_ok},
        {step: 5, stratum: 'time only', passed: time_ok},
        {step: 6, stratum: 'name of the MX host only', passed: name_mx_ok},
        {step: 7, stratum: 'name of the mail domain only', passed: name_domain_ok}
    ], recursive := true)
    FROM tls_answers
)
SELECT stratum, unit, unnest(census_of(and_passes(answer, passed), may_be, doubt))
FROM steps
WHERE place = 2 OR step NOT IN (4, 7)
GROUP BY place, unit, step, stratum
ORDER BY place, step;

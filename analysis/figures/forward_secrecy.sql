-- Forward secrecy: TLS 1.3, or an ephemeral key exchange (ECDHE, DHE) below it, by the cipher suite.
-- MX host with TLS: at every address that completed TLS. Hosts that gave no answer move the bounds.
-- Reachable mail domain: every reached primary MX host supports STARTTLS with forward secrecy; the
-- denominator is the headline's, and so are the bounds. Rules: domains.sql.
SELECT 'forward secrecy' AS stratum, unit,
       unnest(census_of(and_passes(answer, forward_secrecy), may_be, doubt))
FROM tls_answers
GROUP BY place, unit
ORDER BY place;

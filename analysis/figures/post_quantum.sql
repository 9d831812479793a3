-- Post-quantum key exchange: a hybrid group with ML-KEM (X25519MLKEM768 is offered first) was chosen.
-- MX host with TLS: at every address that completed TLS. Hosts that gave no answer move the bounds.
-- Reachable mail domain: every reached primary MX host supports STARTTLS with such a group; the denominator
-- is the headline's, and so are the bounds. Rules: domains.sql.
SELECT 'hybrid group with ML-KEM' AS stratum, unit,
       unnest(census_of(and_passes(answer, post_quantum), may_be, doubt))
FROM tls_answers
GROUP BY place, unit
ORDER BY place;

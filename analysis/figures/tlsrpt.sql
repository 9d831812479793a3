-- SMTP TLS reporting: the TXT RRset at _smtp._tls.<domain> (RFC 8460 s3).
-- valid record = exactly one record that starts with "v=TLSRPTv1;", with at least one mailto: or https: rua.
-- Units: listed domain (D0), where one that does not exist has no record, and mail-capable domain (D2), as far
-- as the lookup was answered: one that failed, or was not made as the domain is opted out, is not known and
-- moves the bounds.
WITH strata AS (
    SELECT unnest([
        {step: 1, stratum: 'valid record', words: ['valid']},
        {step: 2, stratum: 'any record', words: ['valid', 'multiple', 'invalid_rua', 'malformed']}
    ], recursive := true)
)
SELECT stratum, unit, unnest(census_of_each(is_one_of(tlsrpt, words), n))
FROM record_counts CROSS JOIN strata
GROUP BY place, unit, step, stratum
ORDER BY place, step;

-- SMTP TLS reporting: the TXT RRset at _smtp._tls.<domain> (RFC 8460 s3).
-- valid record = exactly one record that starts with "v=TLSRPTv1;", with at least one mailto: or https: rua.
-- Units: mail-capable domain (D2), and listed domain (D0), where one that does not exist has no record.
-- A failed lookup is not known: it moves the bounds.
WITH verdicts AS (
    SELECT 1 AS "group", 'mail-capable domain (D2)' AS unit, tlsrpt FROM domain_verdicts
    WHERE domain IN (SELECT domain FROM D2)
    UNION ALL
    SELECT 2, 'listed domain (D0)', tlsrpt FROM domain_verdicts
),
strata AS (
    SELECT unnest([
        {place: 1, stratum: 'valid record', words: ['valid']},
        {place: 2, stratum: 'any record', words: ['valid', 'multiple', 'invalid_rua', 'malformed']}
    ], recursive := true)
)
SELECT stratum, unit,
       unnest(census_of(CASE WHEN tlsrpt <> 'lookup_failed' THEN list_contains(words, tlsrpt) END))
FROM verdicts CROSS JOIN strata
GROUP BY "group", unit, place, stratum
ORDER BY "group", place;

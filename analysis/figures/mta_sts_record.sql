-- MTA-STS records: the TXT RRset at _mta-sts.<domain> (RFC 8461 s3.1).
-- valid record = exactly one record that starts with "v=STSv1;", with a valid id. any record = one or more
-- that start so, valid or not; the broken ones follow by kind. A domain that does not exist has no record.
-- Units: listed domain (D0), mail-capable domain (D2). A failed lookup is not known: it moves the bounds.
WITH verdicts AS (
    SELECT 1 AS "group", 'listed domain (D0)' AS unit, sts_record FROM domain_verdicts
    UNION ALL
    SELECT 2, 'mail-capable domain (D2)', sts_record FROM domain_verdicts
    WHERE domain IN (SELECT domain FROM D2)
),
strata AS (
    SELECT unnest([
        {place: 1, stratum: 'valid record', words: ['valid']},
        {place: 2, stratum: 'any record', words: ['valid', 'multiple', 'invalid_id', 'malformed']},
        {place: 3, stratum: 'broken: multiple', words: ['multiple']},
        {place: 4, stratum: 'broken: invalid_id', words: ['invalid_id']},
        {place: 5, stratum: 'broken: malformed', words: ['malformed']}
    ], recursive := true)
)
SELECT stratum, unit,
       unnest(census_of(CASE WHEN sts_record <> 'lookup_failed' THEN list_contains(words, sts_record) END))
FROM verdicts CROSS JOIN strata
GROUP BY "group", unit, place, stratum
ORDER BY "group", place;

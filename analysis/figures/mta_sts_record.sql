-- MTA-STS records: the TXT RRset at _mta-sts.<domain> (RFC 8461 s3.1).
-- valid record = exactly one record that starts with "v=STSv1;", with a valid id. any record = one or more
-- that start so, valid or not; the broken ones follow by kind. A domain that does not exist has no record.
-- Units: listed domain (D0), mail-capable domain (D2), as far as the lookup was answered: one that
-- failed, or was not made as the domain is opted out, is not known and moves the bounds.
WITH strata AS (
    SELECT unnest([
        {step: 1, stratum: 'valid record', words: ['valid']},
        {step: 2, stratum: 'any record', words: ['valid', 'multiple', 'invalid_id', 'malformed']},
        {step: 3, stratum: 'broken: multiple', words: ['multiple']},
        {step: 4, stratum: 'broken: invalid_id', words: ['invalid_id']},
        {step: 5, stratum: 'broken: malformed', words: ['malformed']}
    ], recursive := true)
)
SELECT stratum, unit, unnest(census_of_each(is_one_of(sts_record, words), n))
FROM record_counts CROSS JOIN strata
GROUP BY place, unit, step, stratum
ORDER BY place, step;

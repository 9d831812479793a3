-- Security of the MX RRset, or of the denial of one (RFC 4033 s5), each by itself.
-- mail domain (D2): secure and insecure are shares of those that a trusted resolver could tell apart; what it
-- could not (unvalidated, indeterminate) moves the bounds, and stands in rows of its own with all of D2
-- below. bogus is no part of D2: a bogus answer is a failed lookup, so nobody knows the MX. It shows among
-- the listed domains (D0), where every status is a plain count: they add up to the whole. not_attempted =
-- nothing was asked, since the domain is opted out.
WITH statuses AS (
    SELECT unnest(['secure', 'insecure', 'bogus', 'indeterminate', 'unvalidated', 'not_attempted']) AS status,
           generate_subscripts(range(6), 1) AS place
)
SELECT stratum, unit, unnest("row")
FROM (
    SELECT 1 AS place, 'secure' AS stratum, 'mail-capable domain (D2), status known' AS unit,
           census_of(CASE mx.dnssec_status WHEN 'secure' THEN true WHEN 'insecure' THEN false
                     WHEN 'bogus' THEN false END)
           AS "row"
    FROM D2
    UNION ALL
    SELECT 2, 'insecure', 'mail-capable domain (D2), status known',
           census_of(CASE mx.dnssec_status WHEN 'insecure' THEN true WHEN 'secure' THEN false
                     WHEN 'bogus' THEN false END)
    FROM D2
    UNION ALL
    SELECT 3, 'status not known', 'mail-capable domain (D2)',
           census_of(mx.dnssec_status IN ('indeterminate', 'unvalidated')) FROM D2
    UNION ALL
    SELECT 10 + place, status, 'listed domain (D0)', census_of(mx.dnssec_status = status)
    FROM D0 CROSS JOIN statuses GROUP BY place, status
)
ORDER BY place;

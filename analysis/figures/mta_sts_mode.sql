-- MTA-STS policies of listed domains with a valid record (RFC 8461 s3.2); a policy without one does not
-- count. policy fetched and valid: of the domains with a valid record. Not known, so in the bounds: the
-- policy host gave no answer (dns, tcp, timeout). Every other failure is the domain's own.
-- mode: of the domains with a valid record and a valid policy; "none" withdraws a policy, it is not adoption.
-- Domains whose policy host gave no answer may have any mode: they move the bounds of the modes too.
WITH adopters AS (
    SELECT sts_mode,
           CASE WHEN sts_policy = 'valid' THEN true
                WHEN sts_policy NOT IN ('dns', 'tcp', 'timeout') THEN false END AS valid
    FROM domain_verdicts WHERE sts_record = 'valid'
)
SELECT stratum, unit, unnest("row")
FROM (
    SELECT 1 AS place, 'policy fetched and valid' AS stratum, 'listed domain with a valid record' AS unit,
           census_of(valid) AS "row" FROM adopters
    UNION ALL
    SELECT 2, 'mode: enforce', 'listed domain with a valid record and policy',
           census_of(CASE WHEN valid THEN sts_mode = 'enforce' END) FROM adopters WHERE valid IS NOT false
    UNION ALL
    SELECT 3, 'mode: testing', 'listed domain with a valid record and policy',
           census_of(CASE WHEN valid THEN sts_mode = 'testing' END) FROM adopters WHERE valid IS NOT false
    UNION ALL
    SELECT 4, 'mode: none', 'listed domain with a valid record and policy',
           census_of(CASE WHEN valid THEN sts_mode = 'none' END) FROM adopters WHERE valid IS NOT false
)
ORDER BY place;

-- MTA-STS policies of listed domains with a valid record (RFC 8461 s3.2); a policy without one does not
-- count. Policies that gave no answer are not known and move the bounds; what is an answer, and what is none,
-- stands in domains.sql (policy_answers).
-- mode: of the domains with a valid record and a valid policy; "none" withdraws a policy, it is not adoption.
-- Domains whose policy is unknown may have any mode: they move the bounds of the modes too.
WITH adopters AS (FROM policy_answers JOIN domain_verdicts USING (domain))
SELECT stratum, unit, unnest("row")
FROM (
    SELECT 1 AS place, 'policy fetched and valid' AS stratum,
           'listed domain with a valid record, policy known' AS unit, census_of(valid) AS "row" FROM adopters
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

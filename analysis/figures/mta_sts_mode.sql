-- MTA-STS policies of listed domains with a valid record (RFC 8461 s3.2); a policy without one does not
-- count. A sender treats every failed fetch alike (s3.3), but an answer that did not come is no answer:
--   yes      fetched and valid
--   no       an answer, and no valid policy in it: the policy host provably has no address, refused the
--            connection, ended the handshake with an alert or no TLS; its certificate, status, content type,
--            size or text is wrong
--   unknown  no answer: address lookup failed, an address never asked (special purpose, opted out), no route,
--            timeout, reset, closed, or this machine's own fault. Moves the bounds.
-- mode: of the domains with a valid record and a valid policy; "none" withdraws a policy, it is not adoption.
-- Domains whose policy is unknown may have any mode: they move the bounds of the modes too.
WITH adopters AS (
    SELECT sts_mode,
           CASE WHEN sts_policy = 'valid' THEN true
                WHEN sts_policy NOT IN ('not_attempted', 'dns', 'tcp', 'tls', 'timeout', 'http')
                  OR failure IN ('no_address', 'refused', 'tls_alert', 'tls_error', 'malformed_reply',
                                 'reply_too_long') THEN false END AS valid
    FROM domain_verdicts LEFT JOIN sts_policies USING (domain)
    WHERE sts_record = 'valid'
)
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

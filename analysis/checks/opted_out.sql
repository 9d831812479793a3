-- Of an opted-out domain nothing was looked up; of a lookup that was not made there is no attempt. Only that a
-- name is an alias of an opted-out one takes a lookup to know: its CNAME chain is kept, and nothing else.
SELECT domain AS subject, 'opted out, but something was looked up' AS violation
FROM domains
WHERE (mx_kind = 'opted_out') <> (mx.status = 'opted_out')
   OR (mx_kind = 'opted_out' AND (sts_txt IS NOT NULL OR tlsrpt_txt IS NOT NULL OR len(mx.records) > 0
                                  OR (mx.attempts > 0 AND len(mx.cname_chain) = 0)
                                  OR domain IN (SELECT domain FROM sts_policies)))
UNION ALL
SELECT mx_host, 'not looked up (' || why_not_looked_up(a, aaaa) || '), but in part it was'
FROM mx_hosts
WHERE why_not_looked_up(a, aaaa) IS NOT NULL
  AND (a.status <> aaaa.status
       OR (a.attempts + aaaa.attempts > 0 AND len(a.cname_chain) + len(aaaa.cname_chain) = 0)
       OR len(a.addresses) + len(aaaa.addresses) > 0)
ORDER BY ALL;

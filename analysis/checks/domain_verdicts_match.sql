-- Every listed domain has exactly one verdict, and no other domain has one.
SELECT domain AS subject, n || ' domain verdicts' AS violation
FROM (SELECT domains.domain, count(domain_verdicts.domain) AS n
      FROM domains LEFT JOIN domain_verdicts USING (domain) GROUP BY domains.domain)
WHERE n <> 1
UNION ALL
SELECT domain, 'judged, but not listed' FROM domain_verdicts WHERE domain NOT IN (SELECT domain FROM domains)
ORDER BY ALL;

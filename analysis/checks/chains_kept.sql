-- Every certificate that a server sent is in certificates, once.
WITH sent AS (
    SELECT unnest(tls.chain) AS sha256 FROM sessions
    UNION
    SELECT unnest(tls.chain) FROM sts_policies
)
SELECT sha256 AS subject, n || ' rows in certificates' AS violation
FROM (SELECT sent.sha256, count(certificates.sha256) AS n
      FROM sent LEFT JOIN certificates USING (sha256) GROUP BY sent.sha256)
WHERE n <> 1
UNION ALL
SELECT sha256, 'stands ' || count(*) || ' times in certificates'
FROM certificates GROUP BY sha256 HAVING count(*) > 1
ORDER BY ALL;

-- Every (MX host, address, attempt) stands exactly once in sessions.
SELECT mx_host || ' ' || address AS subject,
       'attempt ' || attempt || ' stands ' || count(*) || ' times' AS violation
FROM sessions GROUP BY mx_host, address, attempt HAVING count(*) > 1
ORDER BY ALL;

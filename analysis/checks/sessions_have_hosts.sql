-- Every session, and every verdict on one, is of an MX host that was looked up.
SELECT DISTINCT mx_host AS subject, 'session without a row in mx_hosts' AS violation
FROM sessions ANTI JOIN mx_hosts USING (mx_host)
UNION ALL
SELECT DISTINCT mx_host, 'session verdict without a row in mx_hosts'
FROM session_verdicts ANTI JOIN mx_hosts USING (mx_host)
ORDER BY ALL;

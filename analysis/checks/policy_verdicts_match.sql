-- A verdict on an MTA-STS or TLSRPT record stands on a lookup, one on a policy on a fetch; and what stands on a
-- valid policy, or on a step of the ladder, stands on what comes before it.
SELECT domain AS subject, 'MTA-STS record ' || sts_record || ' without a lookup' AS violation
FROM domain_verdicts JOIN domains USING (domain) WHERE sts_txt IS NULL AND sts_record <> 'not_attempted'
UNION ALL
SELECT domain, 'TLSRPT record ' || tlsrpt || ' without a lookup'
FROM domain_verdicts JOIN domains USING (domain) WHERE tlsrpt_txt IS NULL AND tlsrpt <> 'not_attempted'
UNION ALL
SELECT domain, 'policy ' || sts_policy || ' without a fetch'
FROM domain_verdicts ANTI JOIN sts_policies USING (domain) WHERE sts_policy <> 'not_attempted'
UNION ALL
SELECT domain, 'policy valid without a text'
FROM domain_verdicts JOIN sts_policies USING (domain) WHERE sts_policy = 'valid' AND NOT has_body
UNION ALL
SELECT domain, 'policy ' || sts_policy || ', mode ' || coalesce(sts_mode, 'none known')
FROM domain_verdicts WHERE (sts_policy = 'valid') <> (sts_mode IS NOT NULL)
UNION ALL
SELECT domain, 'step ' || sts_step || ' with record ' || sts_record || ', policy ' || sts_policy
FROM domain_verdicts
WHERE (sts_step >= 1 AND sts_record <> 'valid') OR (sts_step >= 4 AND sts_policy <> 'valid')
   OR (sts_step >= 5 AND sts_mode = 'none')
   OR (sts_step = 6) <> coalesce(sts_consistent AND sts_record = 'valid', false)
ORDER BY ALL;

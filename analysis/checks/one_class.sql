-- A domain falls into one class of each division: a mail-capable one (D2) has one provider, one answer of each
-- kind, and one verdict of each kind; and its verdicts do not contradict each other.
SELECT division AS subject, n || ' rows, but ' || total || ' mail-capable domains' AS violation
FROM (SELECT 'headline' AS division, count(*) AS n FROM domain_answers
      UNION ALL SELECT 'provider', count(*) FROM domain_providers
      UNION ALL SELECT 'records', count(*) FROM record_verdicts WHERE place = 2
      UNION ALL SELECT 'transport', count(*) FROM transport_answers)
     CROSS JOIN (SELECT count(*) AS total FROM D2)
WHERE n <> total
UNION ALL
SELECT domain, 'mail-capable ' || count(*) || ' times over'
FROM D2 WHERE mx_stratum = 'implicit MX' GROUP BY domain HAVING count(*) > 1
UNION ALL
SELECT domain, 'DANE ' || dane || ', but its MX records are ' || mx.dnssec_status
FROM domain_verdicts JOIN domains USING (domain)
WHERE (dane = 'full' AND mx.dnssec_status <> 'secure') OR (dane = 'hosted' AND mx.dnssec_status = 'secure')
UNION ALL
SELECT domain, 'authenticated by ' || authenticated_by || ', but DANE is ' || dane || ', and its policy '
               || CASE WHEN sts_mode = 'enforce' AND sts_consistent THEN 'enforced' ELSE 'not' END
FROM domain_verdicts
WHERE (authenticated_by IN ('dane', 'both')) <> (dane = 'full')
   OR (authenticated_by IN ('sts', 'both'))
      <> coalesce(sts_record = 'valid' AND sts_mode = 'enforce' AND sts_consistent, false)
ORDER BY ALL;

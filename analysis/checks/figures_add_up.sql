-- The numbers of every figure row fit together: a share is its numerator by its denominator, and its bounds are
-- what the unknown make of it, or the interval that the row names. Known, unknown and never together are the
-- population that the unit names. What is inferred is part of the denominator, and has a bound no larger than
-- itself; what is not has none. The effective number of providers is the one figure that is no share.
WITH wholes AS (
    FROM (VALUES
        ('listed domain (D0)', (SELECT count(*) FROM D0)),
        ('listed domain (D0), lookup answered', (SELECT count(*) FROM D0)),
        ('listed domain with a valid record, policy known',
         (SELECT count(*) FROM domain_verdicts WHERE sts_record = 'valid')),
        ('resolvable domain (D1)', (SELECT count(*) FROM D1)),
        ('mail-capable domain (D2)', (SELECT count(*) FROM D2)),
        ('mail-capable domain (D2), determined', (SELECT count(*) FROM D2)),
        ('mail-capable domain (D2), lookup answered', (SELECT count(*) FROM D2)),
        ('mail-capable domain (D2), status known', (SELECT count(*) FROM D2)),
        ('reachable mail domain (D3)', (SELECT count(*) FROM D3)),
        ('reachable mail domain, determined (of D3)', (SELECT count(*) FROM D2)),
        ('reachable mail domain, determined by all three rules (of D3)', (SELECT count(*) FROM D2)),
        ('mail-capable domain with secure MX records (D2)', (SELECT count(*) FROM secure_D2)),
        ('mail-capable domain with secure MX records (D2), determined', (SELECT count(*) FROM secure_D2)),
        ('mail domain with TLSA records that count (of D2), tried', (SELECT count(*) FROM dane_domains)),
        ('TLSA RRset that counts, tried', (SELECT count(DISTINCT owner) FROM tlsa_endpoints)),
        ('TLSA RRset', (SELECT count(DISTINCT owner) FROM tlsa_lookups)),
        ('listed domain that enforces',
         (SELECT count(*) FROM policy_answers JOIN domain_verdicts USING (domain)
          WHERE valid AND sts_mode = 'enforce')),
        ('listed domain with a valid record and policy, determined',
         (SELECT count(*) FROM policy_answers WHERE valid IS NOT false)),
        ('MX host', (SELECT count(*) FROM mail_hosts)),
        ('MX host, determined (of H)', (SELECT count(*) FROM mail_hosts)),
        ('MX host with TLS', (SELECT count(*) FROM host_answers WHERE supports IS NOT false)),
        ('reached MX host (H)', (SELECT count(*) FROM H)),
        ('MX host address', (SELECT count(*) FROM address_answers)),
        ('MX host address, IPv4, determined (of I)', (SELECT count(*) FROM endpoints WHERE family = 4)),
        ('MX host address, IPv6, determined (of I)', (SELECT count(*) FROM endpoints WHERE family = 6)),
        ('reached MX host address (I), determined', (SELECT count(*) FROM I)),
        ('MX host that offers STARTTLS', (SELECT count(DISTINCT mx_host) FROM address_answers WHERE offered)),
        ('MX host that offers STARTTLS, determined',
         (SELECT count(DISTINCT mx_host) FROM address_answers WHERE offered)),
        ('listed domain with a record (S0)', (SELECT count(*) FROM domain_verdicts WHERE sts_step >= 0)),
        ('listed domain with a record (S0), step known',
         (SELECT count(*) FROM domain_verdicts WHERE sts_step >= 0)),
        ('MX host address asked', (SELECT count(DISTINCT (mx_host, address)) FROM sessions
                                   WHERE stage <> 'not_attempted')),
        ('MX host address that failed for now at first',
         (SELECT count(*) FROM sessions
          WHERE attempt = 1 AND failed_for_now(stage, failure, pushed_back)))
    ) AS named (unit, whole)
),
rows AS (
    SELECT *, denominator + unknown + never AS "all", stratum = 'effective number of providers' AS is_index,
           CASE WHEN figure = 'starttls_by_domain' AND stratum <> 'all'
                THEN (SELECT count(*) FROM D2 WHERE mx_stratum = stratum) ELSE whole END AS population
    FROM figure_rows LEFT JOIN wholes USING (unit)
)
SELECT figure || ': ' || stratum || ' (' || unit || ')' AS subject,
       numerator || ' of ' || denominator || ', ' || unknown || ' unknown, ' || never || ' never, bounds '
       || coalesce(low || '..' || high, 'none') || ', ' || inferred || ' inferred, off by ' || inference_bound
       || coalesce(', of a population of ' || population, '')
       AS violation
FROM rows
WHERE least(numerator, denominator, unknown, never, inferred, inference_bound) < 0
   OR inference_bound > inferred OR inferred > denominator OR (inferred = 0) <> (inference_bound = 0)
   OR (numerator > denominator AND NOT is_index)
   OR estimate IS DISTINCT FROM share(numerator, denominator)
   OR NOT CASE "interval"
          WHEN 'nonresponse' THEN
              low IS NOT DISTINCT FROM CASE WHEN denominator > 0 THEN share(numerator, denominator + unknown) END
              AND high IS NOT DISTINCT FROM
                  CASE WHEN denominator > 0 THEN share(numerator + unknown, denominator + unknown) END
          WHEN 'wilson' THEN
              (low, high) IS NOT DISTINCT FROM (wilson(numerator, denominator).low, wilson(numerator, denominator).high)
          WHEN 'cluster' THEN coalesce(0 <= low AND low <= high AND high <= 1, low IS NULL AND high IS NULL)
          ELSE false END
   OR "all" <> population
ORDER BY ALL;

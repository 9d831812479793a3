-- All verdicts of a run were made by one version of the rules, with the root store that run.json names.
SELECT 'rule version ' || rule_version AS subject, 'root store ' || root_store_sha256 AS violation
FROM (SELECT rule_version, root_store_sha256 FROM session_verdicts
      UNION SELECT rule_version, root_store_sha256 FROM domain_verdicts)
QUALIFY count(*) OVER () > 1 OR root_store_sha256 <> getvariable('root_store')
ORDER BY ALL;

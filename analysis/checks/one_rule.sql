-- All verdicts of a run were made by one version of the rules with one root store.
SELECT 'rule version ' || rule_version AS subject, 'root store ' || root_store_sha256 AS violation
FROM (SELECT rule_version, root_store_sha256 FROM session_verdicts
      UNION SELECT rule_version, root_store_sha256 FROM domain_verdicts)
QUALIFY count(*) OVER () > 1
ORDER BY ALL;

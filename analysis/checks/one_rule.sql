-- All verdicts of a run were made by one version of the rules, with the root store that run.json names.
SELECT 'rule version ' || rule_version AS subject, 'root store ' || root_store_sha256 AS violation
FROM verdict_rules
QUALIFY count(*) OVER () > 1 OR root_store_sha256 <> getvariable('root_store')
ORDER BY ALL;

-- The list as run.json counts it and the table domains have the same number of domains.
SELECT 'domains' AS subject, count(*) || ' rows, but ' || getvariable('listed') || ' listed' AS violation
FROM domains HAVING count(*) <> getvariable('listed');

-- Every listed domain stands exactly once in domains, and the positions of the list have no gap.
SELECT domain AS subject, 'stands ' || count(*) || ' times in domains' AS violation
FROM domains GROUP BY domain HAVING count(*) > 1
UNION ALL
SELECT position::VARCHAR, 'position used ' || count(*) || ' times'
FROM domains GROUP BY position HAVING count(*) > 1
UNION ALL
SELECT max(position)::VARCHAR, 'last position, but ' || count(*) || ' domains' FROM domains
HAVING max(position) <> count(*)
ORDER BY ALL;

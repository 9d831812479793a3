-- Flip rate: how many answers differ between the two runs where nothing else is known to have changed.
-- Of the figures: panel members on the same provider. Of addresses: the same MX host at the same address,
-- asked itself in both runs, with a determined answer in both. Between runs a day apart this is mostly noise of
-- the measurement; between runs far apart it holds the real change too.
-- gains = no to yes, losses = yes to no.
SELECT figure, 'domain on the same provider' AS unit, count(*) AS members,
       count(*) FILTER (old_state = 'no' AND new_state = 'yes') AS gains,
       count(*) FILTER (old_state = 'yes' AND new_state = 'no') AS losses
FROM paired WHERE class = 'same provider' GROUP BY figure
UNION ALL
SELECT 'starttls_by_address', 'MX host address', count(*),
       count(*) FILTER (NOT old.supports AND new.supports),
       count(*) FILTER (old.supports AND NOT new.supports)
FROM asked_addresses AS old JOIN asked_addresses AS new USING (mx_host, address)
WHERE old.run = getvariable('old') AND new.run = getvariable('new')
  AND old.supports IS NOT NULL AND new.supports IS NOT NULL
ORDER BY unit, figure;

-- Where the real change is: panel members on the same provider, by provider, where any answer changed.
-- members = panel members on that provider; gains = no to yes, losses = yes to no.
SELECT figure, new_provider AS provider, count(*) AS members,
       count(*) FILTER (old_state = 'no' AND new_state = 'yes') AS gains,
       count(*) FILTER (old_state = 'yes' AND new_state = 'no') AS losses
FROM paired WHERE class = 'same provider'
GROUP BY figure, provider
HAVING gains + losses > 0
ORDER BY figure, gains + losses DESC, provider;

-- Provider moves: panel members whose primary provider changed, from where to where, and what it did to the
-- answer. A provider that is not named stands for no usable primary exchange.
SELECT figure, coalesce(old_provider, '') AS old_provider, coalesce(new_provider, '') AS new_provider,
       count(*) AS members,
       count(*) FILTER (old_state = 'no' AND new_state = 'yes') AS gains,
       count(*) FILTER (old_state = 'yes' AND new_state = 'no') AS losses
FROM paired WHERE class = 'provider move'
GROUP BY ALL
ORDER BY figure, members DESC, gains + losses DESC, old_provider, new_provider;

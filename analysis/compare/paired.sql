-- Two runs side by side: one row per figure and domain of either list, with the class that it falls into.
-- Needs answers(run, domain, provider, states), and the variables `old` and `new`: positions of the two runs.
-- Panel = domains listed in both runs with a determined answer in both. Its two classes:
--   same provider    the primary provider is the same; where the answer changed, that is real change
--   provider move    the primary provider changed; a change of the answer came with the move
-- Determined in one run only, so no change of any answer, but a change of what the share is of:
--   not determined   listed in both; no answer is known in the other run (non-response)
--   population       listed in both; in the other run known to be outside: no mail, no mail host, no such name
--   list churn       in one list only
-- Whatever is determined in neither run is in no cross-section and so in no class.
CREATE OR REPLACE TABLE paired AS
WITH old AS (FROM answers WHERE run = getvariable('old')),
new AS (FROM answers WHERE run = getvariable('new')),
joined AS (
    SELECT old.provider AS old_provider, new.provider AS new_provider,
           unnest(coalesce(old.states, new.states)).figure AS figure,
           unnest(old.states).state AS old_state, unnest(new.states).state AS new_state
    FROM old FULL JOIN new USING (domain)
),
determined AS (
    SELECT *, coalesce(old_state IN ('yes', 'no'), false) AS in_old,
           coalesce(new_state IN ('yes', 'no'), false) AS in_new
    FROM joined
)
SELECT figure, old_provider, new_provider, old_state, new_state,
       CASE WHEN in_old AND in_new THEN
                CASE WHEN old_provider IS DISTINCT FROM new_provider THEN 'provider move'
                     ELSE 'same provider' END
            WHEN old_state IS NULL OR new_state IS NULL THEN 'list churn'
            WHEN 'outside' IN (old_state, new_state) THEN 'population'
            ELSE 'not determined' END AS class
FROM determined WHERE in_old OR in_new;

-- No figure row has a numerator above its denominator, an estimate outside its bounds, or a share of nothing.
-- The effective number of providers is the one figure that is no share.
SELECT figure || ': ' || stratum || ' (' || unit || ')' AS subject,
       numerator || ' of ' || denominator || ', bounds ' || coalesce(low || '..' || high, 'none') AS violation
FROM figure_rows
WHERE numerator < 0
   OR (numerator > denominator AND stratum <> 'effective number of providers')
   OR (denominator = 0) <> (estimate IS NULL)
   OR estimate < low OR estimate > high OR low < 0
   OR (high > 1 AND stratum <> 'effective number of providers')
ORDER BY ALL;

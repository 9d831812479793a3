-- The classes add up: their counts to both cross-sections, as the figures of the runs say them, and their
-- effects, as whole numbers, to the difference of the two shares. Needs decomposition.
WITH summed AS (
    SELECT figure, sum(old_yes) AS old_yes, sum(old_no) AS old_no, sum(new_yes) AS new_yes,
           sum(new_no) AS new_no, sum(effect_numerator) AS effects,
           sum(members) FILTER (class IN ('same provider', 'provider move')) AS panel
    FROM decomposition GROUP BY figure
),
beside AS (
    SELECT summed.*, old.numerator AS old_numerator, old.denominator AS old_denominator,
           new.numerator AS new_numerator, new.denominator AS new_denominator
    FROM summed
    JOIN cross_sections AS old ON old.figure = summed.figure AND old.run = getvariable('old')
    JOIN cross_sections AS new ON new.figure = summed.figure AND new.run = getvariable('new')
)
SELECT figure AS subject,
       'classes hold ' || old_yes || ' of ' || old_yes + old_no || ', then ' || new_yes || ' of '
       || new_yes + new_no || '; cross-sections ' || old_numerator || ' of ' || old_denominator || ', then '
       || new_numerator || ' of ' || new_denominator AS violation
FROM beside
WHERE (old_yes, old_yes + old_no, new_yes, new_yes + new_no)
   <> (old_numerator, old_denominator, new_numerator, new_denominator)
UNION ALL
SELECT figure, 'effects sum to ' || effects || ' in place of '
               || (new_numerator * old_denominator - old_numerator * new_denominator) * panel
FROM beside
WHERE effects <> (new_numerator * old_denominator - old_numerator * new_denominator) * panel;

-- Why a cross-section differs from the earlier one: every figure in five classes, which add up exactly.
-- Needs paired. members = domains of the class; old_yes, old_no, new_yes, new_no = those of them that stand so
-- in the cross-section of that run; gains = no to yes, losses = yes to no, in the panel alone.
-- With p the panel's share, N a cross-section's denominator and Y, n the class's yes and members in a run:
--   panel classes      effect = (gains - losses) / panel members
--   the other classes  effect = (Y_new - n_new * p_new) / N_new - (Y_old - n_old * p_old) / N_old
-- that is: what the domains counted in one run only pull its share away from the panel's. The five effects
-- sum to (new cross-section) - (old cross-section), exactly; so they are kept as whole numbers over the
-- common denominator. Null without a panel.
WITH classes AS (
    SELECT unnest(['same provider', 'provider move', 'not determined', 'population', 'list churn']) AS class,
           generate_subscripts(range(5), 1) AS place
),
counted AS (
    SELECT figure, class, count(*) AS members,
           count(*) FILTER (old_state = 'yes') AS old_yes, count(*) FILTER (old_state = 'no') AS old_no,
           count(*) FILTER (new_state = 'yes') AS new_yes, count(*) FILTER (new_state = 'no') AS new_no,
           count(*) FILTER (old_state = 'no' AND new_state = 'yes') AS gains,
           count(*) FILTER (old_state = 'yes' AND new_state = 'no') AS losses
    FROM paired GROUP BY figure, class
),
complete AS (
    SELECT figures.figure, class, place, COLUMNS(* EXCLUDE (figure, class, place))
    FROM (SELECT DISTINCT figure FROM cross_sections) AS figures CROSS JOIN classes
    LEFT JOIN counted USING (figure, class)
),
filled AS (
    SELECT figure, class, place, coalesce(members, 0)::HUGEINT AS members,
           coalesce(old_yes, 0)::HUGEINT AS old_yes, coalesce(old_no, 0)::HUGEINT AS old_no,
           coalesce(new_yes, 0)::HUGEINT AS new_yes, coalesce(new_no, 0)::HUGEINT AS new_no,
           coalesce(gains, 0)::HUGEINT AS gains, coalesce(losses, 0)::HUGEINT AS losses
    FROM complete
),
totals AS (
    SELECT figure, sum(old_yes + old_no) AS old_all, sum(new_yes + new_no) AS new_all,
           sum(members) FILTER (place <= 2) AS panel,
           sum(old_yes) FILTER (place <= 2) AS panel_old_yes,
           sum(new_yes) FILTER (place <= 2) AS panel_new_yes
    FROM filled GROUP BY figure
)
SELECT figure, class, members, old_yes, old_no, new_yes, new_no, gains, losses,
       CASE WHEN panel = 0 THEN NULL
            WHEN place <= 2 THEN (gains - losses) * old_all * new_all
            ELSE (new_yes * panel - (new_yes + new_no) * panel_new_yes) * old_all
                 - (old_yes * panel - (old_yes + old_no) * panel_old_yes) * new_all
       END AS effect_numerator,
       CASE WHEN panel > 0 THEN panel * old_all * new_all END AS effect_denominator
FROM filled JOIN totals USING (figure)
ORDER BY figure, place;

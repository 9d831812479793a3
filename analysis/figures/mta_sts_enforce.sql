-- What becomes of policies that enforce: listed domains with a valid MTA-STS record and a valid policy (S4) of mode
-- enforce, whose senders refuse an MX host that fails.
-- an MX host fails: the policy does not name it, or it answered without STARTTLS or without a certificate that is
-- valid for its own name, at some address. Not known: none gave an answer, or one was not asked, or refused for
-- now, and no other fails. reason: the words of RFC 8460 s4.3, the first in their order that applies to any MX
-- host; they add up to it. sts-policy-invalid = not named.
-- Never: domains that enforce, and have no mail host to fail or to keep to it: no such name, null MX, or no address
-- at any MX host. They are in no share of failures, whatever their policy names.
-- sender: what a sender that does MTA-STS would do; undeliverable: no mail host; unknown, where it hangs on what is
-- not known.
-- Domains whose policy gave no answer may enforce: they move the bounds. Rules: transport.sql, domains.sql.
WITH adopters AS (
    SELECT domain, valid, sts_mode, sts_action, meets, why, coalesce(enforcers.doubt, 0) AS doubt,
           coalesce(host_may_exist, domain NOT IN (FROM without_mail)) AS may_have_host
    FROM policy_answers JOIN domain_verdicts USING (domain) LEFT JOIN enforcers USING (domain)
    LEFT JOIN domain_answers USING (domain)
    WHERE valid IS NOT false
),
answered AS (
    SELECT *, CASE WHEN valid AND sts_mode <> 'enforce' THEN false
                   WHEN valid AND may_have_host THEN NOT meets END AS fails
    FROM adopters
),
enforcing AS (FROM answered WHERE valid IS NULL OR sts_mode = 'enforce'),
reasons AS (
    SELECT unnest(['sts-policy-invalid', 'starttls-not-supported', 'validation-failure', 'certificate-not-trusted',
                   'certificate-expired', 'certificate-host-mismatch']) AS reason,
           generate_subscripts(range(6), 1) AS place
),
actions AS (
    SELECT unnest(['deliver', 'fall_back', 'refuse', 'undeliverable', 'unknown']) AS action,
           generate_subscripts(range(5), 1) AS place
),
rows AS (
    SELECT 1 AS "group", 0 AS place, 'enforce, and an MX host fails' AS stratum,
           'listed domain with a valid record and policy, determined' AS unit,
           census_of(fails, may_have_host, doubt) AS "row"
    FROM answered
    UNION ALL
    SELECT 2, 0, 'an MX host fails', 'listed domain that enforces, determined',
           census_of(fails, may_have_host, doubt)
    FROM enforcing
    UNION ALL
    SELECT 2, place, 'reason: ' || reason, 'listed domain that enforces, determined',
           census_of(CASE WHEN fails THEN why = place WHEN NOT fails THEN false END, may_have_host, doubt)
    FROM enforcing CROSS JOIN reasons GROUP BY place, reason
    UNION ALL
    SELECT 3, place, 'sender: ' || action, 'listed domain that enforces',
           census_of(CASE WHEN NOT may_have_host THEN 'undeliverable'
                          WHEN sts_action IN ('fall_back', 'refuse') AND meets IS NULL THEN 'unknown'
                          ELSE sts_action END = action, doubt := doubt)
    FROM enforcing CROSS JOIN actions WHERE valid GROUP BY place, action
)
SELECT stratum, unit, unnest("row") FROM rows ORDER BY "group", place;

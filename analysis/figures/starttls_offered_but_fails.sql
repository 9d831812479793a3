-- MX hosts that offer STARTTLS and then do not go through with it, by reason.
-- Unit: MX host that was seen to offer STARTTLS at some address. Fails: at one of the addresses that offered
-- it the command was refused for good, or the handshake failed by an alert or by octets that are not TLS.
-- Does not: each that gave an answer completed TLS. Not known: all of them fell silent, or sent a reply for
-- now or about this scanner; such hosts move the bounds. Hosts never heard to offer it are no part of this.
-- reason: stage and failure, or the alert and who sent it, at the address that got furthest; the twelve commonest,
-- then the rest together; they add up to "any reason". not known: how those ended for which neither is known; of
-- all hosts that offer, so without bounds. Rules: domains.sql.
WITH offering AS (
    SELECT *, stage || CASE WHEN tls.alert IS NOT NULL
                            THEN ', ' || tls.alert.side || ' alert ' || tls.alert.name
                            ELSE ', ' || failure END AS why
    FROM address_answers WHERE offered
),
hosts AS (
    SELECT mx_host, NOT bool_and(supports) AS fails, least(sum(doubt), 1000000000)::BIGINT AS doubt,
           (max({far: how_far(outcome), why: why}) FILTER (NOT supports)).why AS reason,
           (max({far: how_far(outcome), why: why}) FILTER (supports IS NULL)).why AS silence
    FROM offering GROUP BY mx_host
),
reasons AS (
    SELECT CASE WHEN place > 12 THEN 'all other reasons' ELSE 'reason: ' || reason END AS stratum, sum(n) AS n
    FROM (SELECT reason, count(*) AS n, row_number() OVER (ORDER BY count(*) DESC, reason) AS place
          FROM hosts WHERE fails GROUP BY reason)
    GROUP BY stratum
),
totals AS (
    SELECT count(*) FILTER (fails IS NOT NULL) AS known, count(*) FILTER (fails IS NULL) AS unknown,
           inferred_of(fails, doubt) AS inferred, bound_of(fails, doubt) AS inference_bound,
           count(*) AS total, inferred_of(true, doubt) AS inferred_in_all, bound_of(true, doubt) AS bound_in_all
    FROM hosts
),
rows AS (
    SELECT 1 AS place, 'any reason' AS stratum, 'MX host that offers STARTTLS, determined' AS unit,
           census_of(fails, doubt := doubt) AS "row"
    FROM hosts
    UNION ALL
    SELECT CASE stratum WHEN 'all other reasons' THEN 3 ELSE 2 END, stratum,
           'MX host that offers STARTTLS, determined',
           census(n, known - n, unknown, inferred := inferred, inference_bound := inference_bound)
    FROM reasons CROSS JOIN totals
    UNION ALL
    SELECT 4, 'not known: ' || silence, 'MX host that offers STARTTLS',
           census(n, total - n, 0, inferred := inferred_in_all, inference_bound := bound_in_all)
    FROM (SELECT silence, count(*) AS n FROM hosts WHERE fails IS NULL GROUP BY silence) CROSS JOIN totals
)
SELECT stratum, unit, unnest("row") FROM rows
ORDER BY place, CASE WHEN place > 1 THEN -"row".numerator END, stratum;

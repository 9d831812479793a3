-- How far MTA-STS gets (RFC 8461), each step with all before it, and where it stops.
--   S0 record           a TXT record at _mta-sts.<domain> that starts with "v=STSv1;"
--   S1 one, and valid   exactly one, with a valid id
--   S2 policy host      TLS with the policy host, whose certificate has a path, is valid in time and names it
--   S3 policy fetched   status 200 and text/plain, in full; redirects are not followed
--   S4 policy valid     its text keeps to the grammar: "deployed", in whatever mode
--   S5 MX hosts named   mode enforce or testing, and every MX host matches a pattern
--   S6 MX hosts valid   every MX host that answered has STARTTLS and a valid certificate, and one did:
--                       "consistent"
-- Steps: shares of listed domains (D0), of mail-capable ones (D2), and of those with a record (S0). Not known,
-- and in the bounds: the record's lookup failed or was not made; the policy fetch got no answer; the MX lookup
-- failed; no MX host answered.
-- stops: of the domains with a record, the step that is not reached and why; with "S6 MX hosts valid" these add
-- up to the whole. "no answer" = not known to be missing. Facts of the run: no bounds. Rules: domains.sql, and
-- the verdict column sts_step.
WITH steps AS (
    SELECT unnest(['S0 record', 'S1 one, and valid', 'S2 policy host', 'S3 policy fetched', 'S4 policy valid',
                   'S5 MX hosts named', 'S6 MX hosts valid']) AS stratum,
           generate_subscripts(range(7), 1) - 1 AS step
),
-- highest: the last step that the domain may have reached, as far as is known.
climbs AS (
    SELECT place, unit, record_verdicts.sts_record, sts_policy, sts_policy_syntax, sts_mode, mx_kind,
           len(sts_uncovered) > 0 AS is_uncovered, coalesce(sts_step, -1) AS reached,
           CASE WHEN record_verdicts.sts_record = 'lookup_failed' THEN 6
                WHEN record_verdicts.sts_record = 'valid' AND valid IS NULL THEN 6
                WHEN sts_step = 4 AND sts_mode <> 'none' AND mx_kind = 'unknown' THEN 6
                WHEN sts_step = 5 AND sts_consistent IS NULL THEN 6
                ELSE coalesce(sts_step, -1) END AS highest
    FROM record_verdicts JOIN domain_verdicts USING (domain) JOIN D0 USING (domain)
    LEFT JOIN policy_answers USING (domain)
),
levels AS (SELECT place, unit, reached, highest, count(*) AS n FROM climbs GROUP BY ALL),
adopters AS (FROM climbs WHERE place = 1 AND reached >= 0),
stops AS (
    SELECT reached, CASE reached
               WHEN 0 THEN 'stops before S1: ' || sts_record
               WHEN 1 THEN 'stops before S2: ' || sts_policy
               WHEN 2 THEN 'stops before S3: ' || sts_policy
               WHEN 3 THEN 'stops before S4: ' || coalesce(sts_policy_syntax, sts_policy)
               WHEN 4 THEN 'stops before S5: ' || CASE WHEN sts_mode = 'none' THEN 'mode none'
                                                       WHEN is_uncovered THEN 'an MX host not named'
                                                       ELSE 'no MX host' END
               WHEN 5 THEN 'stops before S6: ' || CASE WHEN highest = 6 THEN 'no MX host answered'
                                                       ELSE 'an MX host not valid' END
           END || CASE WHEN highest > reached AND reached < 5 THEN ', no answer' ELSE '' END AS stratum,
           count(*) AS n
    FROM adopters WHERE reached < 6 GROUP BY ALL
),
rows AS (
    SELECT place, step, stratum, unit,
           census_of_each(CASE WHEN step <= reached THEN true WHEN step > highest THEN false END, n) AS "row"
    FROM levels CROSS JOIN steps GROUP BY place, step, stratum, unit
    UNION ALL
    SELECT 3, step, stratum, 'listed domain with a record (S0), step known',
           census_of_each(CASE WHEN step <= reached THEN true WHEN step > highest THEN false END, n)
    FROM levels CROSS JOIN steps WHERE place = 1 AND reached >= 0 AND step > 0 GROUP BY step, stratum
    UNION ALL
    SELECT 4, reached, stratum, 'listed domain with a record (S0)',
           census(n, (SELECT count(*) FROM adopters) - n, 0)
    FROM stops
)
SELECT stratum, unit, unnest("row") FROM rows
ORDER BY place, step, CASE WHEN place = 4 THEN -"row".numerator END, stratum;

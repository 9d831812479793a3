-- How many mail domains tell senders how to authenticate their mail hosts, and keep to it: by DANE,
-- by MTA-STS, or by both. A sender that looks for neither is not held by any of it.
--   by DANE        secure MX records, and every reached primary MX host authenticated by secure TLSA records
--                  (figure dane_correct)
--   by MTA-STS     a valid record, a valid policy of mode enforce that names every MX host, and a certificate
--                  valid for its name at each that answered (figures mta_sts_ladder, mta_sts_enforce)
--   authenticated  at least one of the two; not known, where one is not known and the other is a no
-- Two denominators. Reachable mail domains (D3): beside the headline. Bounds: of D3, and of the mail-capable
-- domains (D2) never reached whose policies may make them a yes; those never reached that DNS alone makes a no
-- are in no bound ('never'): nobody knows whether they are in D3. Mail-capable domains (D2): there these are a no,
-- since neither a TLSA record that counts nor an MTA-STS record makes one whoever answers. Bounds: of D2. Never: no
-- MX host has a usable name and an address.
-- The table: DANE x MTA-STS x PKIX in D3, each yes, no or not known; the 27 classes add up to it. PKIX: every reached
-- primary MX host has STARTTLS and a certificate with a path, valid in time, that names it, whether or not
-- anything tells senders so (figure certificate_ladder). Rules: transport.sql.
WITH shares AS (
    SELECT is_reachable, host_may_exist, unnest([
        {place: 1, stratum: 'authenticated', yes: authenticated, may_be: may_be_dane OR may_be_sts,
         doubt: greatest(dane_doubt, sts_doubt)},
        {place: 2, stratum: 'by DANE', yes: dane_correct, may_be: may_be_dane, doubt: dane_doubt},
        {place: 3, stratum: 'by MTA-STS', yes: sts_enforced, may_be: may_be_sts, doubt: sts_doubt},
        {place: 4, stratum: 'by both', yes: dane_correct AND sts_enforced, may_be: may_be_dane AND may_be_sts,
         doubt: greatest(dane_doubt, sts_doubt)}
    ], recursive := true)
    FROM transport_answers
),
counted AS (
    SELECT dane_correct, sts_enforced, pkix, count(*) AS n
    FROM transport_answers WHERE is_reachable GROUP BY ALL
),
totals AS (
    SELECT count(*) AS total, inferred_of(true, greatest(dane_doubt, sts_doubt, pkix_doubt)) AS inferred,
           bound_of(true, greatest(dane_doubt, sts_doubt, pkix_doubt)) AS inference_bound
    FROM transport_answers WHERE is_reachable
),
answers AS (
    SELECT unnest([true, false, NULL]) AS answer, unnest(['yes', 'no', 'not known']) AS word,
           generate_subscripts(range(3), 1) AS place
),
classes AS (
    SELECT 9 * dane.place + 3 * sts.place + pkix.place AS place,
           'DANE ' || dane.word || ': MTA-STS ' || sts.word || ', PKIX ' || pkix.word AS stratum,
           coalesce(n, 0) AS n
    FROM answers AS dane CROSS JOIN answers AS sts CROSS JOIN answers AS pkix
    LEFT JOIN counted ON counted.dane_correct IS NOT DISTINCT FROM dane.answer
                     AND counted.sts_enforced IS NOT DISTINCT FROM sts.answer
                     AND counted.pkix IS NOT DISTINCT FROM pkix.answer
),
rows AS (
    SELECT 1 AS "group", place, stratum, 'reachable mail domain, determined (of D3)' AS unit,
           census_of(if_reachable(yes, is_reachable), may_be, doubt) AS "row"
    FROM shares GROUP BY place, stratum
    UNION ALL
    SELECT 2, place, stratum, 'mail-capable domain (D2), determined',
           census_of(CASE WHEN host_may_exist THEN yes END, may_be, doubt)
    FROM shares GROUP BY place, stratum
    UNION ALL
    SELECT 3, place, stratum, 'reachable mail domain (D3)',
           census(n, total - n, 0, inferred := inferred, inference_bound := inference_bound)
    FROM classes CROSS JOIN totals
)
SELECT stratum, unit, unnest("row") FROM rows ORDER BY "group", place;

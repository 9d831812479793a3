-- How many mail domains DANE authenticates (RFC 7672): the MX records are secure, and every primary MX host that
-- was reached has secure TLSA records of which one matches the server's certificate.
-- Two denominators. Mail-capable domains with secure MX records: those whose senders would look for TLSA records
-- at all, as published counts have it. Reachable mail domains (D3): beside the headline.
-- No, from the DNS alone: insecure MX records, whatever the hosts say; or no primary MX host has secure TLSA records
-- behind a secure address, of which one is usable (a bogus answer is none). No besides: a reached primary MX host
-- without such records, or that provably fails: no record matches, no TLS. Not known: no primary MX host with such
-- records gave an answer, or one was not asked, a TLSA lookup got no answer, no trusted resolver. Bounds of the
-- second: of D3, and of the mail-capable domains (D2) never reached that may be a yes; those that DNS alone makes a
-- no are in no bound ('never'): nobody knows whether they are in D3. Over all of D2, where they are a no: figure
-- authenticated_transport, by DANE.
-- class, sender: all domains with secure MX records. class: the verdict on the domain, and undeliverable: no
-- primary MX host has a usable name and an address. sender: what a sender that does DANE would do; unknown, where
-- it hangs on what is not known. Plain counts, so without bounds; each adds up to the whole. Rules: transport.sql.
WITH secure AS (FROM transport_answers WHERE is_secure),
classes AS (
    SELECT unnest(['full', 'partial', 'unauthenticated', 'broken', 'absent', 'unknown', 'undeliverable']) AS class,
           generate_subscripts(range(7), 1) AS place
),
actions AS (
    SELECT unnest(['deliver', 'fall_back', 'refuse', 'opportunistic', 'unknown']) AS action,
           generate_subscripts(range(5), 1) AS place
),
rows AS (
    SELECT 1 AS "group", 0 AS place, 'DANE correct' AS stratum,
           'mail-capable domain with secure MX records (D2), determined' AS unit,
           census_of(dane_correct, primary_may_exist, dane_doubt) AS "row"
    FROM secure
    UNION ALL
    SELECT 2, 0, 'DANE correct', 'reachable mail domain, determined (of D3)',
           census_of(if_reachable(dane_correct, is_reachable), may_be_dane, dane_doubt)
    FROM transport_answers
    UNION ALL
    SELECT 3, place, 'class: ' || class, 'mail-capable domain with secure MX records (D2)',
           census_of(dane = class, doubt := dane_doubt)
    FROM secure CROSS JOIN classes GROUP BY place, class
    UNION ALL
    SELECT 4, place, 'sender: ' || action, 'mail-capable domain with secure MX records (D2)',
           census_of(CASE WHEN dane_action IN ('fall_back', 'refuse') AND dane_correct IS NULL THEN 'unknown'
                          ELSE dane_action END = action, doubt := dane_doubt)
    FROM secure CROSS JOIN actions GROUP BY place, action
)
SELECT stratum, unit, unnest("row") FROM rows ORDER BY "group", place;

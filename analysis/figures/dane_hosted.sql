-- TLSA records that protect nobody, or not the way they could. Two denominators.
-- mail domain: mail-capable domains (D2) with TLSA records at a primary MX host, secure or not.
--   hosted             the MX records are not secure, so no sender looks further; every primary MX host that was
--                      reached would be authenticated. Typical: a provider with DANE, customers without DNSSEC
--   none is asked for  no primary MX host has secure TLSA records behind secure address records: known from DNS
--                      alone, whoever answers. Not known: a lookup that decides it got no answer
-- class: the verdict on each; a plain count, adding up to the whole; undeliverable: no primary MX host has a
-- usable name and an address.
-- TLSA RRset: by the name that it stands at (of the MX host, or of what it is an alias of), and the records in it.
--   no sender can validate it  the answer is insecure. Not known: bogus, so that nobody can tell what it holds
--                              (in the count of records those are not), or without a trusted resolver
--   secure, but not asked for  the address records are not secure, so no sender asks (RFC 7672 s2.2.2); or the
--                              name is an alias, and the records at its end count
-- TLSA records are looked up under every name, so none of these is inferred. Rules: transport.sql.
WITH rrsets AS (
    SELECT owner, max(records) AS records, min(security) FILTER (records > 0) AS security,
           CASE WHEN owner IN (SELECT dane_base_domain FROM endpoints WHERE dane_base_domain IS NOT NULL) THEN true
                WHEN NOT bool_or(mx_host IN (SELECT mx_host FROM endpoints WHERE dane = 'lookup_failed')) THEN false
           END AS is_used
    FROM tlsa_lookups GROUP BY owner
),
validated AS (
    SELECT *, CASE security WHEN 'insecure' THEN true WHEN 'secure' THEN false END AS is_insecure FROM rrsets
),
publishers AS (
    FROM transport_answers
    WHERE domain IN (SELECT domain FROM P JOIN tlsa_lookups USING (mx_host) WHERE records > 0)
),
classes AS (
    SELECT unnest(['full', 'hosted', 'partial', 'unauthenticated', 'broken', 'absent', 'unknown', 'withheld',
                   'undeliverable']) AS class,
           generate_subscripts(range(9), 1) AS place
),
rows AS (
    SELECT 1 AS "group", 0 AS place, 'hosted' AS stratum,
           'mail-capable domain with TLSA records (of D2), determined' AS unit,
           census_of(CASE WHEN dane = 'hosted' THEN nullif(every_primary, false)
                          WHEN dane = 'broken' AND NOT is_secure AND domain NOT IN (FROM dane_failing) THEN NULL
                          WHEN dane NOT IN ('unknown', 'withheld', 'undeliverable') THEN false END,
                     primary_may_exist, pkix_doubt) AS "row"
    FROM publishers
    UNION ALL
    SELECT 1, 1, 'none is asked for', 'mail-capable domain with TLSA records (of D2), determined',
           census_of(CASE WHEN dane = 'withheld' THEN NULL
                          WHEN domain IN (SELECT domain FROM P JOIN endpoints USING (mx_host)
                                          WHERE dane_base_domain IS NOT NULL) THEN false
                          WHEN domain NOT IN (SELECT domain FROM P JOIN endpoints USING (mx_host)
                                              WHERE endpoints.dane = 'lookup_failed') THEN true END)
    FROM publishers
    UNION ALL
    SELECT 2, place, 'class: ' || class, 'mail-capable domain with TLSA records (of D2)',
           census_of(dane = class, doubt := pkix_doubt)
    FROM publishers CROSS JOIN classes GROUP BY place, class
    UNION ALL
    SELECT 3, 0, 'no sender can validate it', 'TLSA RRset', census_of(is_insecure) FROM validated
    UNION ALL
    SELECT 3, 1, 'secure, but not asked for', 'TLSA RRset',
           census_of(CASE WHEN is_insecure THEN false WHEN NOT is_insecure THEN NOT is_used END)
    FROM validated
    UNION ALL
    SELECT 4, 0, 'no sender can validate it', 'TLSA record', census_of_each(is_insecure, records) FROM validated
    UNION ALL
    SELECT 4, 1, 'secure, but not asked for', 'TLSA record',
           census_of_each(CASE WHEN is_insecure THEN false WHEN NOT is_insecure THEN NOT is_used END, records)
    FROM validated
)
SELECT stratum, unit, unnest("row") FROM rows ORDER BY "group", place;

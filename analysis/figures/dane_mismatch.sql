-- How often TLSA records that a sender would use do not authenticate the server, three times over: the same
-- faults per record, per RRset and per domain differ by orders of magnitude, and are often confused.
--   TLSA record    usable, and not passed over for a stronger digest (RFC 7671 s9). Mismatched: it authenticates
--                  the server at no address. A key that is published before its use is such a record, and no fault
--   TLSA RRset     with a usable record, by the name that it stands at. Mismatched: at some address none of its
--                  records authenticates the server
--   mail domain    (D2) with such RRsets at a primary MX host. Mismatched: some primary MX host is, at some
--                  address; a certificate may be for the domain itself where its MX records are secure
-- Only secure TLSA records behind secure address records count: of others no sender asks (figure dane_hosted). They
-- count whatever the MX records are: also those of mail domains whose own MX records are insecure, whose senders
-- ask for none. That is as the published study has it, and tells whether servers are set up rightly; how many domains
-- DANE protects is figure dane_correct.
-- mismatched: of those whose server completed TLS, or provably has none; the reasons add up to it, the first in
-- their order that applies. no TLS: the server provably has none, so nothing can match. Not known: no server was
-- heard, it fell silent, or its refusal was for now.
-- use: what becomes of each secure TLSA record, in a sender's eyes; these add up to the whole. Rules: transport.sql.
WITH records AS (
    SELECT owner, fault AS server, is_heard, doubt, generate_subscripts(tlsa_records, 1) AS place,
           unnest(tlsa_records, max_depth := 2)
    FROM tlsa_endpoints
),
record_faults AS (
    SELECT owner, place, usage, selector, matching_type, doubt, is_heard,
           CASE WHEN is_matched THEN 'none' WHEN reason IS NOT NULL THEN reason
                WHEN server = 'no_tls' THEN 'no_tls' END AS fault
    FROM records WHERE problem IS NULL AND NOT is_passed_over
),
levels AS (
    SELECT 1 AS level, 'TLSA record that counts, tried' AS unit,
           CASE WHEN bool_or(is_heard) THEN any_one(is_heard AND fault = 'none') END AS fits,
           min(place_of_fault(fault)) FILTER (is_heard) AS worst,
           least(sum(doubt), 1000000000)::BIGINT AS doubt
    FROM record_faults GROUP BY owner, place, usage, selector, matching_type
    UNION ALL
    SELECT 2, 'TLSA RRset that counts, tried',
           CASE WHEN bool_or(is_heard) THEN every_one(fault = 'none' OR NOT is_heard) END,
           min(place_of_fault(fault)) FILTER (is_heard), least(sum(doubt), 1000000000)::BIGINT
    FROM tlsa_endpoints GROUP BY owner
    UNION ALL
    SELECT 3, 'mail domain with TLSA records that count (of D2), tried',
           CASE WHEN bool_or(is_heard) THEN every_one(fault = 'none' OR NOT is_heard) END,
           min(place_of_fault(fault)) FILTER (is_heard), any_value(domain_answers.doubt)
    FROM dane_routes JOIN domain_answers USING (domain)
    WHERE domain IN (FROM dane_domains) GROUP BY domain
),
strata AS (
    SELECT unnest([
        {step: 1, stratum: 'mismatched', places: [1, 2, 3, 4, 5]},
        {step: 2, stratum: 'reason: no_match', places: [1]},
        {step: 3, stratum: 'reason: no_path', places: [2]},
        {step: 4, stratum: 'reason: expired', places: [3]},
        {step: 5, stratum: 'reason: not_yet_valid', places: [4]},
        {step: 6, stratum: 'reason: name_mismatch', places: [5]},
        {step: 7, stratum: 'no TLS', places: [6]}
    ], recursive := true)
),
uses AS (
    SELECT CASE WHEN bool_or(problem IS NOT NULL) THEN 'unusable, ' || min(problem)
                WHEN bool_or(is_passed_over) THEN 'passed over for a stronger digest' ELSE 'counts' END AS use
    FROM (SELECT dane_base_domain AS owner, generate_subscripts(tlsa_records, 1) AS place,
                 unnest(tlsa_records, max_depth := 2)
          FROM address_answers WHERE dane_base_domain IS NOT NULL)
    GROUP BY owner, place, usage, selector, matching_type
),
rows AS (
    SELECT level, step, stratum, unit,
           census_of(CASE WHEN fits THEN false WHEN NOT fits THEN list_contains(places, worst) END,
                     doubt := doubt) AS "row"
    FROM levels CROSS JOIN strata GROUP BY level, step, stratum, unit
    UNION ALL
    SELECT 4, CASE use WHEN 'counts' THEN 1 ELSE 2 END, 'use: ' || use, 'secure TLSA record',
           census(count(*), (SELECT count(*) FROM uses) - count(*), 0)
    FROM uses GROUP BY use
)
SELECT stratum, unit, unnest("row") FROM rows ORDER BY level, step, stratum;

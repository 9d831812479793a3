-- The tables of a run folder, the arithmetic of a share, and the populations that figures count over.
-- Run it first, in one DuckDB session with the figure's own file:
--     SET VARIABLE run_folder = 'RUN';
-- Every exclusion below has its reason; the figure `populations` prints how many each one takes out.
-- What many figures count over is a table, made once; the rest are views.

-- What figures and checks read, out of Parquet and into tables once: a run has thousands of part files, and
-- every query would open all of them again. What no query needs stays out: a query that needs more takes it in.
-- Whether there is a struct is asked of a member that is never null: asked of itself, all its members are read.
CREATE MACRO part_files("table") AS getvariable('run_folder') || '/' || "table" || '/*.parquet';
CREATE MACRO code_of(reply) AS CASE WHEN reply.code IS NOT NULL THEN {code: reply.code} END;
CREATE MACRO lists_keyword(keywords, wanted) AS list_contains(
    list_transform(keywords, lambda keyword: upper(split_part(keyword, ' ', 1))), wanted
);
CREATE MACRO text_of("lookup") AS CASE WHEN "lookup".status IS NOT NULL THEN {status: "lookup".status} END;
CREATE MACRO addresses_of("lookup") AS {
    status: "lookup".status, dnssec_status: "lookup".dnssec_status, cname_chain: "lookup".cname_chain,
    attempts: "lookup".attempts, addresses: "lookup".addresses
};
CREATE MACRO tlsa_of("lookup") AS CASE WHEN "lookup".status IS NOT NULL THEN {
    status: "lookup".status, dnssec_status: "lookup".dnssec_status, records: "lookup".records
} END;
CREATE TABLE domains AS
SELECT domain, position, rank, mx_kind,
       {status: mx.status, dnssec_status: mx.dnssec_status, cname_chain: mx.cname_chain, attempts: mx.attempts,
        records: mx.records} AS mx,
       text_of(sts_txt) AS sts_txt, text_of(tlsrpt_txt) AS tlsrpt_txt
FROM read_parquet(part_files('domains'));
CREATE TABLE mx_hosts AS
SELECT mx_host, provider, addresses_of(a) AS a, addresses_of(aaaa) AS aaaa
FROM read_parquet(part_files('mx_hosts'));
CREATE TABLE sts_policies AS
SELECT domain, stage, failure, tls, body IS NOT NULL AS has_body FROM read_parquet(part_files('sts_policies'));
CREATE TABLE sessions AS
SELECT mx_host, address, family, attempt, stage, failure, code_of(greeting) AS greeting, greeting_masked,
       hello_command, starttls_offered, starttls_overwritten, code_of(starttls_reply) AS starttls_reply, tls,
       lists_keyword(ehlo_keywords_tls, 'REQUIRETLS') AS requiretls, pushed_back, tlsa_of(tlsa) AS tlsa, tlsa_of(tlsa_expanded) AS tlsa_expanded,
       started_at
FROM read_parquet(part_files('sessions'));
CREATE TABLE certificates AS
SELECT sha256, issuer, not_after, key_type, key_bits, dns_names, self_signed
FROM read_parquet(part_files('certificates'));
CREATE TABLE session_verdicts AS
SELECT * EXCLUDE (rule_version, root_store_sha256, tlsa_present) FROM read_parquet(part_files('session_verdicts'));
CREATE TABLE domain_verdicts AS
SELECT * EXCLUDE (rule_version, root_store_sha256, time_used, sts_id, sts_max_age, sts_mx_patterns,
                  sts_policy_result, tlsrpt_ruas, primary_pkix_ok, routes)
FROM read_parquet(part_files('domain_verdicts'));
-- Large, and read by few: not in memory.
CREATE VIEW domain_routes AS
SELECT domain, dane, sts_record, sts_policy, sts_mode, routes FROM read_parquet(part_files('domain_verdicts'));
CREATE VIEW verdict_rules AS
SELECT rule_version, root_store_sha256 FROM read_parquet(part_files('session_verdicts'))
UNION
SELECT rule_version, root_store_sha256 FROM read_parquet(part_files('domain_verdicts'));

-- A share with the bounds that non-response leaves. yes, no: the answers that are known. unknown: gave no
-- answer, and may be either. never: cannot be a yes, by what is known of it, and was not asked either.
-- estimate = yes of the known. low, high = the share with every unknown a no, and with every unknown a yes.
-- never stands outside all three: counted and named, so that nobody has to guess. No estimate without a
-- denominator.
-- inferred: of the denominator, how many answers stand on a sample in place of a session of their own.
-- inference_bound: at most so many of those are another answer. A sample that all agreed in leaves, with 95 %
-- confidence, at most 3 / size of the names that were not asked to differ (rule of three); this is the sum of
-- that over the units, rounded up. It is no part of low and high: those are about silence, this is about
-- sampling. Where units hang on several samples at once, or many units on one name, it is the number to
-- expect at most, were the names that differ no more used than the others.
CREATE MACRO share(numerator, denominator) AS
    CASE WHEN denominator > 0 THEN numerator::DOUBLE / denominator::DOUBLE END;
CREATE MACRO census(yes, "no", unknown, never := 0, inferred := 0, inference_bound := 0) AS struct_pack(
    numerator := yes,
    denominator := yes + "no",
    unknown := unknown,
    never := never,
    inferred := inferred,
    inference_bound := inference_bound,
    estimate := share(yes, yes + "no"),
    low := CASE WHEN yes + "no" > 0 THEN share(yes, yes + "no" + unknown) END,
    high := CASE WHEN yes + "no" > 0 THEN share(yes + unknown, yes + "no" + unknown) END,
    "interval" := 'nonresponse'
);
-- A share with another interval than that of non-response, where a wider claim is made than on the list: the
-- 95 % score interval of E. B. Wilson (1927), were the units drawn one by one; or what a bootstrap gives.
CREATE MACRO wilson_at(p, n, z2) AS struct_pack(
    low := greatest(0, (p + z2 / (2 * n) - sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n)))) / (1 + z2 / n)),
    high := least(1, (p + z2 / (2 * n) + sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n)))) / (1 + z2 / n))
);
CREATE MACRO wilson(yes, n) AS CASE WHEN n > 0 THEN wilson_at(yes::DOUBLE / n, n::DOUBLE, 3.841458820694124) END;
CREATE MACRO with_interval("row", name, bounds) AS
    struct_update("row", "interval" := name, low := bounds.low, high := bounds.high);
-- doubt: the share by which inferred answers may be off, in 10^-9 (whole numbers add up alike in any order);
-- 0 = asked itself.
CREATE MACRO inferred_of(answer, doubt) AS count(*) FILTER (answer IS NOT NULL AND doubt > 0);
CREATE MACRO in_whole_units(doubts) AS (coalesce(doubts, 0) + 999999999) // 1000000000;
CREATE MACRO bound_of(answer, doubt) AS in_whole_units(sum(doubt) FILTER (answer IS NOT NULL));
-- The same over a column of true (yes), false (no) and null: not known if it may be a yes, else never.
CREATE MACRO census_of(answer, may_be := true, doubt := 0) AS census(
    count(*) FILTER (answer), count(*) FILTER (NOT answer),
    count(*) FILTER (answer IS NULL AND may_be), never := count(*) FILTER (answer IS NULL AND NOT may_be),
    inferred := inferred_of(answer, doubt), inference_bound := bound_of(answer, doubt)
);
-- The same over rows that each stand for n units.
CREATE MACRO census_of_each(answer, n) AS census(
    coalesce(sum(n) FILTER (answer), 0), coalesce(sum(n) FILTER (NOT answer), 0),
    coalesce(sum(n) FILTER (answer IS NULL), 0)
);
-- Three-valued "and", "or" over a column: an unknown decides nothing, and is not passed over either.
CREATE MACRO every_one(answer) AS
    CASE WHEN bool_or(NOT answer) THEN false WHEN bool_or(answer IS NULL) THEN NULL ELSE bool_and(answer) END;
CREATE MACRO any_one(answer) AS
    CASE WHEN bool_or(answer) THEN true WHEN bool_or(answer IS NULL) THEN NULL ELSE bool_or(answer) END;

-- A lookup that was answered: without a record in it, there provably is none. A failure proves nothing, and
-- neither does a lookup that was never made (opted_out, over_limit).
CREATE MACRO was_answered(status) AS status IN ('noerror', 'nodata', 'nxdomain', 'name_too_long');

-- Endpoints: one row per (MX host, address), as judged, with the facts that the verdict stands on. Whatever
-- counts hosts or addresses counts from here, never from the rows of sessions: those hold second attempts
-- beside first ones, and of a name that was left to a sample nothing but that it was.
--   asked itself     the facts of its last session
--   inferred         the facts of a session of its sample; the certificate judged for its own name
--   asked of nobody  stage not_attempted; failure says why: opted_out, special_purpose_address, session_cap,
--                    backed_off, sampled (the sample did not agree). Not known, so never a no
-- reached: any attempt that the verdict stands on got a 220 greeting, though the last one may have got none.
CREATE TABLE endpoints AS
WITH judged AS (
    SELECT *, coalesce(sample_mx_host, mx_host) AS asked_mx_host,
           CASE WHEN basis = 'inferred' THEN floor(1e9 * sample_bound)::BIGINT ELSE 0 END AS doubt
    FROM session_verdicts
),
greeted AS (SELECT DISTINCT mx_host AS asked_mx_host, address FROM sessions WHERE greeting.code = 220)
SELECT judged.*, greeted.address IS NOT NULL AS reached, provider, family, stage, failure, pushed_back,
       greeting_masked, starttls_overwritten, starttls_offered, starttls_reply.code AS starttls_code, tls,
       requiretls, started_at
FROM judged
JOIN sessions ON sessions.mx_host = asked_mx_host AND sessions.address = judged.address
             AND sessions.attempt = judged.attempt
JOIN mx_hosts ON mx_hosts.mx_host = judged.mx_host
LEFT JOIN greeted ON greeted.asked_mx_host = judged.asked_mx_host AND greeted.address = judged.address;

-- Why nobody was asked; null: it was asked, or there is nobody to ask (a special-purpose address is no place
-- on the internet). What was not asked is not known to be out of reach either, so no rule passes it over.
CREATE MACRO why_not_asked(stage, failure) AS
    CASE WHEN stage = 'not_attempted' AND failure <> 'special_purpose_address' THEN failure END;
CREATE MACRO why_not_looked_up(a, aaaa) AS
    CASE WHEN a.status IN ('opted_out', 'over_limit') THEN a.status
         WHEN aaaa.status IN ('opted_out', 'over_limit') THEN aaaa.status END;

-- D0, listed: every distinct domain of the list. Lines that are no domain name never became a row; they
-- stand in rejected.csv.
CREATE TABLE D0 AS
SELECT domain, position, rank, mx_kind, {status: mx.status, dnssec_status: mx.dnssec_status} AS mx FROM domains;

-- D1, resolvable: the MX query was answered.
--   out: nxdomain                the name does not exist, so it can have no mail
--   out: servfail, timeout, ...  nobody knows what its MX is: a failure of the lookup, not of the domain
--   out: opted_out               nobody asked what its MX is: its operator, or ours, named it as not to be
--                                asked. As with a failed lookup, whether it has mail at all is not known
CREATE VIEW D1 AS FROM D0 WHERE mx.status IN ('noerror', 'nodata');

-- D2, mail-capable: explicit MX that is not null MX, or implicit MX with an address. The two are strata.
--   out: null MX                 says that it accepts no mail (RFC 7505)
--   out: no MX and no address    nowhere to deliver to (RFC 5321 s5.1)
--   out: no MX, address unknown  both address lookups together found none and one of them failed
--   in:  null MX beside others   the others are explicit MX: RFC 7505 is broken, mail still goes there
CREATE TABLE D2 AS
SELECT D1.*, CASE mx_kind WHEN 'no_mx' THEN 'implicit MX' ELSE 'explicit MX' END AS mx_stratum
FROM D1 LEFT JOIN mx_hosts ON D1.mx_kind = 'no_mx' AND mx_hosts.mx_host = D1.domain
WHERE mx_kind IN ('explicit', 'null_mx_with_others')
   OR (mx_kind = 'no_mx' AND len(mx_hosts.a.addresses) + len(mx_hosts.aaaa.addresses) > 0);

-- The usable exchanges of each mail-capable domain, each once with its lowest preference.
--   out: the exchange "."        no host at all; beside other records it decides nothing (RFC 7505)
--   out: unusable exchanges      no mail host has such a name; they still decide which preference is lowest
CREATE TABLE domain_hosts AS
WITH records AS (
    FROM (SELECT domain, unnest(mx.records, recursive := true) FROM domains
          WHERE domain IN (SELECT domain FROM D2 WHERE mx_stratum = 'explicit MX'))
    WHERE exchange <> '.'
),
best AS (SELECT domain, min(preference) AS preference FROM records GROUP BY domain)
SELECT records.domain, exchange AS mx_host, min(records.preference) = min(best.preference) AS is_primary
FROM records JOIN best USING (domain)
WHERE unusable IS NULL
GROUP BY records.domain, exchange
UNION ALL
SELECT domain, domain AS mx_host, true AS is_primary FROM D2 WHERE mx_stratum = 'implicit MX';

-- P, primary: the MX hosts with the lowest preference value of a domain; implicit MX: the domain itself.
CREATE VIEW P AS SELECT domain, mx_host FROM domain_hosts WHERE is_primary;

-- I, reached: distinct (MX host, address) that greeted with 220, itself or its sample in its place.
--   out: no connection, no greeting, another greeting than 220: they gave no answer (figure `nonresponse`)
--   out: asked of nobody: opted out, capped, backed off, ... (the same figure, each reason by itself)
CREATE VIEW I AS SELECT mx_host, address, family FROM endpoints WHERE reached;

-- The network of an address: /24 for IPv4, /48 for IPv6, as its first 24 or 48 bits in text.
CREATE MACRO hextets(part) AS list_filter(string_split(part, ':'), lambda hextet: hextet <> '');
CREATE MACRO all_hextets(head, tail) AS list_concat(head, repeat(['0'], 8 - len(head) - len(tail)), tail);
CREATE MACRO network_of(address) AS
    CASE WHEN contains(address, ':')
         THEN array_to_string(all_hextets(hextets(split_part(address, '::', 1)),
                                          hextets(split_part(address, '::', 2)))[1:3], ':') || '/48'
         ELSE array_to_string(string_split(address, '.')[1:3], '.') || '/24'
    END;

-- H, reached: MX hosts with at least one address in I.
CREATE TABLE H AS SELECT DISTINCT mx_host FROM I;

-- D3, reachable: mail-capable with at least one MX host in H, whatever its preference.
CREATE TABLE D3 AS FROM D2 WHERE domain IN (SELECT domain FROM domain_hosts JOIN H USING (mx_host));

-- The MX hosts that H was reached from, which bounds over hosts reach back to.
--   out: no address              both lookups were answered, and there is none: there is no such server
--   in:  lookup failed           there may be one
--   in:  lookup not made         opted out, or beyond the MX hosts asked of one domain: there may be one
CREATE TABLE mail_hosts AS
SELECT mx_host, len(a.addresses) + len(aaaa.addresses) AS addresses,
       why_not_looked_up(a, aaaa) AS not_looked_up
FROM mx_hosts
WHERE mx_host IN (SELECT mx_host FROM domain_hosts)
  AND (len(a.addresses) + len(aaaa.addresses) > 0
       OR NOT (was_answered(a.status) AND was_answered(aaaa.status)));

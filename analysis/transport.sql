-- What authenticates a mail domain's transport: DANE (RFC 7672) and MTA-STS (RFC 8461), as answers and not as
-- verdicts. Needs domains.sql. True = yes, false = no, null = not known.
-- A verdict takes any reply for an answer, and passes over who was not asked. Here a refusal for now, a TLSA
-- lookup that got no answer and a host that nobody asked are not known, as in every other figure.

-- D2 with secure MX records: where DANE begins (RFC 7672 s2.2.1).
CREATE VIEW secure_D2 AS FROM D2 WHERE mx.dnssec_status = 'secure';

-- TLSA lookups that found records, or were bogus. owner: the MX host, or what it is an alias of.
-- security: of the answer. A bogus one is known to be there, and not what it holds (records = 0).
CREATE TABLE tlsa_lookups AS
WITH lookups AS (
    SELECT mx_host, mx_host AS owner, tlsa AS looked_up FROM sessions
    UNION ALL
    SELECT mx_host, coalesce(a.cname_chain[-1].target, aaaa.cname_chain[-1].target), tlsa_expanded
    FROM sessions JOIN mx_hosts USING (mx_host) WHERE tlsa_expanded IS NOT NULL
)
SELECT DISTINCT mx_host, owner, len(looked_up.records) AS records, looked_up.dnssec_status AS security
FROM lookups WHERE len(looked_up.records) > 0 OR looked_up.dnssec_status = 'bogus';

-- What is wrong with a server whose TLSA records count; 'none': nothing, or no record counts there. Not known:
-- it was not heard, its refusal was for now, its lookup failed.
CREATE MACRO dane_fault(dane, dane_reason, supports) AS
    CASE WHEN dane IN ('matched', 'unusable', 'absent', 'not_applicable') THEN 'none'
         WHEN dane = 'mismatched' THEN dane_reason
         WHEN dane = 'no_tls' AND NOT supports THEN 'no_tls' END;
-- The faults, the worst first, as far as certificates go; the last is none of a certificate.
CREATE MACRO place_of_fault(fault) AS
    list_position(['no_match', 'no_path', 'expired', 'not_yet_valid', 'name_mismatch', 'no_tls'], fault);

-- (MX host, address) pairs with secure TLSA records that a sender would use, some of them usable.
-- is_heard: its answer counts; without it, it is passed over as out of reach.
CREATE TABLE tlsa_endpoints AS
SELECT mx_host, address, dane_base_domain AS owner, dane_fault(dane, dane_reason, supports) AS fault,
       reached OR not_asked IS NOT NULL AS is_heard, doubt, tlsa_records
FROM address_answers
WHERE dane_base_domain IS NOT NULL AND len(list_filter(tlsa_records, lambda r: r.problem IS NULL)) > 0;

-- Mail-capable domains with such records at a primary MX host.
CREATE TABLE dane_domains AS SELECT DISTINCT domain FROM P SEMI JOIN tlsa_endpoints USING (mx_host);

-- Routes that figures ask for: of those, of domains where DANE is broken, and of domains whose MTA-STS policy
-- enforces.
CREATE TABLE judged_routes AS
SELECT domain, dane = 'broken' OR has_records AS is_for_dane, enforces, unnest(routes) AS route
FROM (SELECT *, domain IN (FROM dane_domains) AS has_records,
             coalesce(sts_record = 'valid' AND sts_policy = 'valid' AND sts_mode = 'enforce', false) AS enforces
      FROM domain_routes)
WHERE dane = 'broken' OR has_records OR enforces;

-- The primary MX hosts at each address, as judged for the domain.
CREATE TABLE dane_routes AS
WITH routes AS (FROM judged_routes WHERE is_for_dane AND route.is_primary)
SELECT domain, route.dane AS dane, dane_fault(route.dane, route.dane_reason, supports) AS fault,
       coalesce(reached OR not_asked IS NOT NULL, false) AS is_heard,
       route.mx_host IN (SELECT mx_host FROM tlsa_lookups WHERE security = 'bogus') AS is_bogus
FROM routes
LEFT JOIN address_answers ON address_answers.mx_host = route.mx_host AND address_answers.address = route.address;

-- Domains, of those whose MX records are not insecure, that DANE cannot authenticate, whoever answers: the DNS
-- alone denies it. At an address it does if that is insecure; if the TLSA answer is a denial, insecure or bogus;
-- or if no record in it is usable. At a domain it does if so everywhere at the primary MX hosts that may exist,
-- or at one that was reached.
CREATE VIEW denied_hosts AS
SELECT mx_host, bool_and(is_denied) AS is_denied, bool_or(is_denied AND reached) AS is_denied_in_reach
FROM (SELECT mx_host, reached,
             dane IN ('absent', 'not_applicable', 'unusable')
             OR (len(tlsa_records) > 0 AND len(list_filter(tlsa_records, lambda r: r.problem IS NULL)) = 0)
             OR (dane = 'lookup_failed'
                 AND mx_host IN (SELECT mx_host FROM tlsa_lookups WHERE security = 'bogus')) AS is_denied
      FROM endpoints)
GROUP BY mx_host;
CREATE VIEW dane_denied AS
SELECT domain FROM P JOIN mail_hosts USING (mx_host) LEFT JOIN denied_hosts USING (mx_host)
WHERE domain IN (SELECT domain FROM D2 WHERE mx.dnssec_status <> 'insecure')
GROUP BY domain HAVING bool_and(coalesce(is_denied, false)) OR bool_or(is_denied_in_reach);

-- Domains that provably fail DANE at a primary MX host: what they publish does not fit, or is bogus.
CREATE VIEW dane_failing AS
SELECT DISTINCT domain FROM dane_routes
WHERE is_heard AND (place_of_fault(fault) IS NOT NULL OR (dane = 'lookup_failed' AND is_bogus));

-- Domains whose MTA-STS policy enforces, each MX host at each address. meets: the policy names it, and its
-- certificate is valid. counts: not named, or heard, or asked of nobody; what is out of reach is passed over.
CREATE TABLE enforced_routes AS
WITH routes AS (FROM judged_routes WHERE enforces)
SELECT domain, route.sts_result AS result, coalesce(address_answers.doubt, 0) AS doubt,
       CASE WHEN NOT route.sts_covered THEN false
            WHEN route.pkix_ok IS NOT NULL THEN route.pkix_ok
            WHEN NOT address_answers.supports THEN false END AS meets,
       NOT route.sts_covered OR coalesce(address_answers.reached, false)
       OR coalesce(host_answers.not_asked, false) AS counts
FROM routes
LEFT JOIN address_answers ON address_answers.mx_host = route.mx_host AND address_answers.address = route.address
LEFT JOIN host_answers ON host_answers.mx_host = route.mx_host;

-- Domains whose policy enforces: does every MX host meet it? why: the first that applies to any that does not,
-- in the words of RFC 8460 s4.3.
CREATE MACRO place_of_result(result) AS list_position(
    ['sts-policy-invalid', 'starttls-not-supported', 'validation-failure', 'certificate-not-trusted',
     'certificate-expired', 'certificate-host-mismatch'], result
);
CREATE TABLE enforcers AS
SELECT domain, CASE WHEN bool_or(counts) THEN every_one(meets OR NOT counts) END AS meets,
       min(place_of_result(result)) FILTER (counts AND NOT meets) AS why,
       least(sum(doubt), 1000000000)::BIGINT AS doubt
FROM enforced_routes GROUP BY domain;

-- One row per mail-capable domain (D2).
--   dane_correct   the MX records are secure, and every reached primary MX host is authenticated by its TLSA
--                  records. No = insecure MX records, or no primary MX host with secure TLSA records of which
--                  one is usable, whatever the hosts say; a reached primary MX host without such, or that
--                  provably fails
--   sts_enforced   a valid record, a valid policy of mode enforce, and every MX host meets it
--   pkix           every reached primary MX host has STARTTLS and a certificate valid for its own name
--   authenticated  one of the first two
-- is_reachable: in D3. may_be_*: where not known, or not reachable, it may be a yes.
-- dane: the verdict; 'undeliverable' if no primary MX host can have an answer. doubt: 0 where DNS alone decides.
CREATE TABLE transport_answers AS
WITH judged AS (
    SELECT domain, answers.every_primary, answers.primary_may_exist, answers.host_may_exist,
           answers.doubt, answers.hosts_doubt, mx.dnssec_status AS mx_status,
           dane, dane_action, domain_verdicts.sts_action, sts_mode,
           record_verdicts.sts_record, policy_answers.valid AS is_policy_valid, enforcers.meets,
           enforcers.doubt AS sts_doubt,
           domain IN (SELECT domain FROM D3) AS is_reachable,
           mx_status = 'insecure' OR domain IN (FROM dane_denied) AS is_denied,
           domain IN (FROM dane_failing) AS is_failing,
           and_passes(answers.every_primary, path_ok AND time_ok AND name_mx_ok) AS pkix
    FROM domain_answers AS answers
    JOIN D2 USING (domain)
    JOIN domain_verdicts USING (domain)
    JOIN (FROM record_verdicts WHERE place = 2) AS record_verdicts USING (domain)
    JOIN (FROM tls_answers WHERE place = 2) AS tls ON tls.member = domain
    LEFT JOIN policy_answers USING (domain)
    LEFT JOIN enforcers USING (domain)
),
answered AS (
    SELECT *,
           CASE WHEN is_denied THEN false
                WHEN dane = 'full' THEN nullif(every_primary, false)
                WHEN dane = 'broken' THEN nullif(NOT is_failing, true)
                WHEN dane NOT IN ('unknown', 'withheld') THEN false END AS dane_correct,
           CASE WHEN sts_record = 'lookup_failed' THEN NULL
                WHEN sts_record <> 'valid' THEN false
                WHEN is_policy_valid AND sts_mode = 'enforce' THEN meets
                WHEN is_policy_valid IS NOT NULL THEN false END AS sts_enforced
    FROM judged
)
SELECT domain, is_reachable, mx_status = 'secure' AS is_secure,
       CASE WHEN primary_may_exist THEN dane ELSE 'undeliverable' END AS dane, dane_action,
       dane_correct, sts_enforced, dane_correct OR sts_enforced AS authenticated, pkix,
       primary_may_exist, host_may_exist, primary_may_exist AND dane_correct IS NOT false AS may_be_dane,
       host_may_exist AND sts_enforced IS NOT false AS may_be_sts,
       CASE WHEN is_denied THEN 0 ELSE doubt END AS dane_doubt,
       coalesce(sts_doubt, 0) AS sts_doubt, doubt AS pkix_doubt, every_primary
FROM answered;

-- A share of reachable domains: the answer of one that is not reachable does not count, and it may be a yes only
-- where that is not known.
CREATE MACRO if_reachable(answer, is_reachable) AS CASE WHEN is_reachable THEN answer END;

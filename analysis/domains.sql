-- Answers of addresses, hosts and domains, from which the figures count. Needs populations.sql.
-- True = yes, false = no, null = not known. Tables, not views, because most figures read them.

-- What one session says of STARTTLS: accepted, and supported.
-- supports: yes = TLS handshake completed. No = STARTTLS not offered; refused for good (a 5yz reply, or one
-- that RFC 3207 s4 does not know, or no reply at all in form); handshake failed after 220, by an alert or by
-- octets that are not TLS. Not known = the server was never heard, or fell silent or went away at any stage
-- (454, 421, timeout, reset, closed), or its refusal was about this scanner (pushed back: too many
-- connections, a blocklist), or the fault was this machine's own, or nobody asked: that is never a no.
CREATE MACRO says_accepted(stage, failure, offered, starttls_code, pushed_back) AS
    CASE WHEN NOT offered THEN false
         WHEN starttls_code = 220 THEN true
         WHEN stage = 'starttls' AND pushed_back IS NOT true AND failure IN
             ('permanent_reply', 'unexpected_reply', 'malformed_reply', 'reply_too_long') THEN false
    END;
CREATE MACRO says_supported(stage, failure, offered, starttls_code, pushed_back) AS
    CASE WHEN stage = 'hello_tls' THEN true
         WHEN stage = 'handshake' THEN CASE WHEN failure IN ('tls_alert', 'tls_error') THEN false END
         ELSE says_accepted(stage, failure, offered, starttls_code, pushed_back)
    END;

-- One row per (MX host, address): what its endpoint says.
-- not_asked: why nobody was asked. silence: what came in place of an answer; means something where supports
-- is null.
CREATE VIEW address_answers AS
SELECT *, starttls_offered AS offered, why_not_asked(stage, failure) AS not_asked,
       says_accepted(stage, failure, starttls_offered, starttls_code, pushed_back) AS accepted,
       says_supported(stage, failure, starttls_offered, starttls_code, pushed_back) AS supports,
       CASE WHEN stage = 'not_attempted' THEN 'not asked, ' || failure ELSE outcome END AS silence
FROM endpoints;

-- The same, had there been no second attempt: of each endpoint that was judged on one, what its first session
-- said. An inferred endpoint keeps its answer if some session of its sample was good at the first attempt,
-- since all of the sample say the same; else nobody would have been asked in its place.
CREATE MACRO failed_for_now(stage, failure, pushed_back) AS
    stage <> 'hello_tls' AND failure IS NOT NULL
    AND (pushed_back IS true OR failure IN ('backed_off', 'timeout', 'reset', 'closed', 'service_closing',
                                            'temporary_reply', 'local_error'));
CREATE VIEW first_answers AS
WITH samples AS (
    SELECT DISTINCT provider, address FROM sessions JOIN mx_hosts USING (mx_host)
    WHERE attempt = 1 AND stage <> 'not_attempted' AND NOT failed_for_now(stage, failure, pushed_back)
),
judged AS (
    SELECT address_answers.*,
           CASE basis WHEN 'inferred' THEN attempt = 1 OR samples.address IS NOT NULL
                ELSE attempt = 1 END AS is_first
    FROM address_answers LEFT JOIN samples USING (provider, address)
)
SELECT mx_host, address, provider, reached, offered, accepted, supports, path_ok, time_ok, name_mx_ok, doubt,
       not_asked
FROM judged WHERE is_first
UNION ALL
SELECT judged.mx_host, judged.address, provider, coalesce(first.greeting.code = 220, false),
       first.starttls_offered,
       says_accepted(first.stage, first.failure, first.starttls_offered, first.starttls_reply.code,
                     first.pushed_back),
       says_supported(first.stage, first.failure, first.starttls_offered, first.starttls_reply.code,
                      first.pushed_back),
       NULL, NULL, NULL, 0, why_not_asked(first.stage, first.failure)
FROM judged JOIN sessions AS first
  ON first.mx_host = judged.mx_host AND first.address = judged.address AND first.attempt = 1
WHERE NOT is_first;

-- Answers of hosts and of domains from those of addresses: as judged, and as the first attempts alone would
-- have it.
--
-- One row per MX host that may exist. Every reached address that gave an answer counts: one no is a no
-- (a sender takes any of them); addresses that gave none are passed over; none known = not known.
-- Certificate columns: over the addresses that completed TLS; null unless the host supports STARTTLS.
-- not_asked: the host, or one of its addresses, was asked of nobody. doubt: of all its inferred addresses
-- together, and no more than the whole host.
CREATE MACRO hosts_by(addresses) AS TABLE
SELECT mail_hosts.mx_host,
       coalesce(bool_or(reached), false) AS reached,
       bool_and(offered) AS offered,
       bool_and(accepted) AS accepted,
       bool_and(supports) AS supports,
       CASE WHEN bool_and(supports) THEN every_one(path_ok OR supports IS NOT true) END AS path_ok,
       CASE WHEN bool_and(supports) THEN every_one(time_ok OR supports IS NOT true) END AS time_ok,
       CASE WHEN bool_and(supports) THEN every_one(name_mx_ok OR supports IS NOT true) END AS name_mx_ok,
       bool_or(coalesce(not_asked, not_looked_up) IS NOT NULL) AS not_asked,
       least(coalesce(sum(doubt), 0), 1000000000)::BIGINT AS doubt
FROM mail_hosts LEFT JOIN query_table(addresses) AS answers USING (mx_host)
GROUP BY mail_hosts.mx_host;

-- One row per mail-capable domain (D2). Rules over the *reached* MX hosts of the domain:
-- every_primary is the headline: every reached primary MX host supports STARTTLS. No primary reached = null.
-- A host that was not reached is passed over when it was asked and gave no greeting; when nobody asked it, it
-- may be in reach and say no, so it makes the answer not known, unless another host decides it.
-- may_exist: some MX host (some primary one) has an address, or its lookup failed or was not made. Without
-- one, mail cannot be delivered there, and null is not "gave no answer" but "never".
-- doubt: of the primary MX hosts; hosts_doubt: of all.
CREATE MACRO domains_by(hosts) AS TABLE
WITH named AS (FROM domain_hosts JOIN query_table(hosts) AS answers USING (mx_host)),
answers AS (
    SELECT domain,
           CASE WHEN bool_or(is_primary) THEN every_one(supports OR NOT is_primary) END AS every_primary,
           any_one(supports) AS any_host,
           every_one(supports) AS every_host
    FROM named WHERE reached OR not_asked
    GROUP BY domain
),
existing AS (
    SELECT domain, bool_or(is_primary) AS primary_may_exist,
           least(coalesce(sum(doubt) FILTER (is_primary), 0), 1000000000)::BIGINT AS doubt,
           least(sum(doubt), 1000000000)::BIGINT AS hosts_doubt
    FROM named GROUP BY domain
)
SELECT D2.domain, D2.rank, D2.mx_stratum, every_primary, any_host, every_host,
       coalesce(primary_may_exist, false) AS primary_may_exist, primary_may_exist IS NOT NULL AS host_may_exist,
       coalesce(doubt, 0) AS doubt, coalesce(hosts_doubt, 0) AS hosts_doubt
FROM D2 LEFT JOIN answers USING (domain) LEFT JOIN existing USING (domain);

CREATE TABLE host_answers AS FROM hosts_by('address_answers');
CREATE TABLE domain_answers AS FROM domains_by('host_answers');
CREATE VIEW first_host_answers AS FROM hosts_by('first_answers');
CREATE VIEW first_domain_answers AS FROM domains_by('first_host_answers');

-- One row per (MX host, address) that completed TLS, of hosts that support STARTTLS.
CREATE VIEW tls_addresses AS
FROM address_answers WHERE supports AND mx_host IN (SELECT mx_host FROM host_answers WHERE supports);

-- How far a conversation without an answer got; below it all, what was not asked.
CREATE MACRO how_far(outcome) AS list_position(
    ['not_attempted', 'unreachable', 'refused_greeting', 'not_smtp', 'hello_failed', 'starttls_refused',
     'tls_failed'], outcome
);

-- Why an MX host gave no answer: one row per MX host whose support of STARTTLS is not known. Of several
-- addresses the one that got furthest counts.
CREATE TABLE silent_hosts AS
SELECT mx_host, "most".why, "most".far
FROM (SELECT mx_host,
             max(CASE WHEN silence IS NOT NULL THEN {far: how_far(outcome), why: silence}
                      WHEN not_looked_up IS NOT NULL THEN {far: 0, why: 'not asked, ' || not_looked_up}
                      ELSE {far: 0, why: 'address lookups failed'} END) AS "most"
      FROM host_answers JOIN mail_hosts USING (mx_host) LEFT JOIN address_answers USING (mx_host)
      WHERE host_answers.supports IS NULL GROUP BY mx_host);

-- The same in words of populations: of what was not reached, and of what gave no answer.
CREATE MACRO why_not_known(why) AS
    CASE WHEN starts_with(why, 'not asked') THEN why ELSE 'no answer, ' || why END;
CREATE MACRO why_not_reached(far, why) AS
    CASE WHEN far >= how_far('unreachable') THEN 'no answer, no 220 greeting' ELSE why_not_known(why) END;

-- Why the headline of a mail-capable domain is not determined: one row per such domain. Of several primary MX
-- hosts the one that got furthest counts.
CREATE TABLE undetermined_domains AS
SELECT domain, primary_may_exist,
       CASE WHEN count(P.mx_host) = 0 THEN 'no usable primary exchange'
            WHEN NOT primary_may_exist THEN 'primary MX hosts have no address'
            ELSE (max({far: far, why: why}) FILTER (far IS NOT NULL)).why
       END AS why
FROM domain_answers LEFT JOIN P USING (domain) LEFT JOIN silent_hosts USING (mx_host)
WHERE every_primary IS NULL
GROUP BY domain, primary_may_exist;

-- What there is inside TLS, for both units that figures on it have: MX hosts that support STARTTLS (or may:
-- null), over all addresses that completed TLS; and mail-capable domains, over the reached primary MX hosts.
-- answer: supports STARTTLS; the headline. The other columns mean something where it is true. member: the
-- host or domain by name.
CREATE MACRO is_ephemeral(suite) AS
    starts_with(suite, 'TLS_') OR starts_with(suite, 'ECDHE-') OR starts_with(suite, 'DHE-');
CREATE TABLE tls_answers AS
WITH handshakes AS (
    SELECT mx_host, min(tls.version) AS version,
           every_one(is_ephemeral(tls.cipher_suite)) AS forward_secrecy,
           every_one(coalesce(tls."group", '') ILIKE '%MLKEM%') AS post_quantum
    FROM tls_addresses GROUP BY mx_host
),
hosts AS (FROM host_answers LEFT JOIN handshakes USING (mx_host)),
primaries AS (
    SELECT domain, min(version) AS version, every_one(forward_secrecy) AS forward_secrecy,
           every_one(post_quantum) AS post_quantum, every_one(path_ok) AS path_ok,
           every_one(time_ok) AS time_ok, every_one(name_mx_ok) AS name_mx_ok
    FROM P JOIN hosts USING (mx_host) WHERE reached GROUP BY domain
)
SELECT 1 AS place, 'MX host with TLS' AS unit, mx_host AS member, supports AS answer, true AS may_be,
       version, forward_secrecy, post_quantum, path_ok, time_ok, name_mx_ok, NULL::BOOLEAN AS name_domain_ok,
       doubt
FROM hosts WHERE supports IS NOT false
UNION ALL
SELECT 2, 'reachable mail domain, determined (of D3)', domain, every_primary, primary_may_exist, version,
       forward_secrecy, post_quantum, path_ok, time_ok, name_mx_ok, name_domain_ok, doubt
FROM domain_answers LEFT JOIN primaries USING (domain) LEFT JOIN domain_verdicts USING (domain);

-- "answer, and passes the test": without an answer not known, whatever the test says.
CREATE MACRO and_passes(answer, test) AS CASE WHEN answer THEN test WHEN NOT answer THEN false END;

-- How many MX hosts have TLS, or may have it.
CREATE VIEW hosts_with_tls AS
SELECT count(*) FILTER (supports) AS tls, count(*) FILTER (supports IS NULL) AS unknown,
       inferred_of(nullif(supports, false), doubt) AS inferred,
       bound_of(nullif(supports, false), doubt) AS inference_bound
FROM host_answers;

-- What MX hosts with TLS chose, by kind: the shares of the twelve commonest choices, and of hosts with any
-- other. A host counts for a choice when at least one of its addresses made it, so the shares of hosts whose
-- addresses differ add up to more than the whole. Hosts that gave no answer move the bounds.
-- A handshake without a named group: finite-field DHE (OpenSSL names none below TLS 1.3), or static RSA, told
-- apart by the cipher suite.
CREATE VIEW tls_choices AS
SELECT 'cipher suite' AS kind, mx_host, coalesce(tls.cipher_suite, 'not known') AS choice FROM tls_addresses
UNION
SELECT 'group', mx_host,
       CASE WHEN tls."group" IS NOT NULL THEN tls."group"
            WHEN starts_with(tls.cipher_suite, 'DHE-') THEN 'no group: finite-field DHE'
            WHEN NOT is_ephemeral(tls.cipher_suite) THEN 'no group: static RSA'
            ELSE 'not known' END
FROM tls_addresses;
CREATE MACRO shares_of_choices(wanted, others) AS TABLE
WITH chosen AS (FROM tls_choices WHERE kind = wanted),
ranked AS (
    SELECT choice, row_number() OVER (ORDER BY count(*) DESC, choice) AS place FROM chosen GROUP BY choice
),
classes AS (
    SELECT CASE WHEN place > 12 THEN others ELSE choice END AS stratum, min(place) AS place,
           count(DISTINCT mx_host) AS n
    FROM chosen JOIN ranked USING (choice) GROUP BY stratum
)
SELECT stratum, 'MX host with TLS' AS unit,
       unnest(census(n, tls - n, unknown, inferred := inferred, inference_bound := inference_bound))
FROM classes CROSS JOIN hosts_with_tls ORDER BY place;

-- Verdicts on TXT records (MTA-STS, TLSRPT), once for each unit that figures on them have. A failed lookup is
-- not known, nor is one that was not made since the domain is opted out; a domain that does not exist has no
-- record.
CREATE TABLE record_verdicts AS
WITH asked AS (
    SELECT domain, CASE WHEN mx_kind = 'opted_out' THEN 'lookup_failed' ELSE sts_record END AS sts_record,
           CASE WHEN mx_kind = 'opted_out' THEN 'lookup_failed' ELSE tlsrpt END AS tlsrpt
    FROM domain_verdicts JOIN D0 USING (domain)
)
SELECT 1 AS place, 'listed domain (D0), lookup answered' AS unit, domain, sts_record, tlsrpt FROM asked
UNION ALL
SELECT 2, 'mail-capable domain (D2), lookup answered', domain, sts_record, tlsrpt FROM asked
WHERE domain IN (SELECT domain FROM D2);
CREATE VIEW record_counts AS
SELECT place, unit, sts_record, tlsrpt, count(*) AS n FROM record_verdicts GROUP BY ALL;
CREATE MACRO is_one_of(verdict, words) AS
    CASE WHEN verdict <> 'lookup_failed' THEN list_contains(words, verdict) END;

-- Listed domains that provably have no mail host: no such name, null MX, or neither MX nor address.
CREATE VIEW without_mail AS
SELECT domain FROM D0 LEFT JOIN mx_hosts ON mx_kind = 'no_mx' AND mx_host = domain
WHERE mx_kind IN ('null_mx', 'no_domain')
   OR (was_answered(a.status) AND was_answered(aaaa.status) AND domain NOT IN (SELECT domain FROM D2));

-- Whether the policy of a domain with a valid MTA-STS record was had and is valid (RFC 8461 s3.2). A sender
-- treats every failed fetch alike (s3.3), but an answer that did not come is no answer:
--   yes      fetched and valid
--   no       an answer, and no valid policy in it: the policy host provably has no address, refused the
--            connection, ended the handshake with an alert or no TLS; its certificate, status, content type,
--            size or text is wrong
--   unknown  no answer: address lookup failed, an address never asked (special purpose, opted out), no route,
--            timeout, reset, closed, or this machine's own fault
CREATE VIEW policy_answers AS
SELECT domain, CASE WHEN sts_policy = 'valid' THEN true
                    WHEN sts_policy NOT IN ('not_attempted', 'dns', 'tcp', 'tls', 'timeout', 'http')
                      OR failure IN ('no_address', 'refused', 'tls_alert', 'tls_error', 'malformed_reply',
                                     'reply_too_long') THEN false END AS valid
FROM domain_verdicts LEFT JOIN sts_policies USING (domain)
WHERE sts_record = 'valid';

-- The server certificates that MX hosts with TLS sent: one row per pair, with the time it was first seen.
-- Inferred only if it was seen at none of the host's addresses itself.
CREATE TABLE leaves AS
SELECT mx_host, tls.chain[1] AS sha256, min(epoch_us(time_used)) AS seen_us, min(doubt) AS doubt
FROM tls_addresses WHERE len(tls.chain) > 0 GROUP BY mx_host, sha256;
CREATE VIEW leaf_totals AS
SELECT count(*) AS total, inferred_of(true, doubt) AS inferred, bound_of(true, doubt) AS inference_bound
FROM leaves JOIN certificates USING (sha256);

-- Answers of addresses, hosts and domains, from which the figures count. Needs populations.sql.
-- True = yes, false = no, null = not known. Tables, not views, because most figures read them.

-- One row per (MX host, address), as judged on its last attempt.
-- supports: yes = TLS handshake completed. No = STARTTLS not offered; refused for good (a 5yz reply, or one
-- that RFC 3207 s4 does not know, or no reply at all in form); handshake failed after 220, by an alert or by
-- octets that are not TLS. Not known = the server was never heard, or fell silent or went away at any stage
-- (454, 421, timeout, reset, closed), or the fault was this machine's own: that is never a no.
CREATE TABLE address_answers AS
SELECT verdicts.*, sessions.family, sessions.failure, sessions.tls, sessions.started_at,
       sessions.ehlo_keywords_tls,
       (verdicts.mx_host, verdicts.address) IN (SELECT (mx_host, address) FROM I) AS reached,
       starttls_offered AS offered,
       CASE WHEN NOT starttls_offered THEN false
            WHEN starttls_reply.code = 220 THEN true
            WHEN outcome = 'starttls_refused' AND sessions.failure IN
                ('permanent_reply', 'unexpected_reply', 'malformed_reply', 'reply_too_long') THEN false
       END AS accepted,
       CASE WHEN outcome = 'tls_ok' THEN true
            WHEN outcome = 'no_starttls' THEN false
            WHEN outcome = 'tls_failed'
            THEN CASE WHEN sessions.failure IN ('tls_alert', 'tls_error') THEN false END
            ELSE accepted
       END AS supports
FROM session_verdicts AS verdicts JOIN sessions USING (mx_host, address, attempt);

-- One row per MX host that may exist. Every reached address that gave an answer counts: one no is a no
-- (a sender takes any of them); addresses that gave none are passed over; none known = not known.
-- Certificate columns: over the addresses that completed TLS; null unless the host supports STARTTLS.
CREATE TABLE host_answers AS
SELECT mail_hosts.mx_host,
       coalesce(bool_or(reached), false) AS reached,
       bool_and(offered) AS offered,
       bool_and(accepted) AS accepted,
       bool_and(supports) AS supports,
       CASE WHEN bool_and(supports) THEN every_one(path_ok OR supports IS NOT true) END AS path_ok,
       CASE WHEN bool_and(supports) THEN every_one(time_ok OR supports IS NOT true) END AS time_ok,
       CASE WHEN bool_and(supports) THEN every_one(name_mx_ok OR supports IS NOT true) END AS name_mx_ok
FROM mail_hosts LEFT JOIN address_answers USING (mx_host)
GROUP BY mail_hosts.mx_host;

-- One row per (MX host, address) that completed TLS, of hosts that support STARTTLS.
CREATE VIEW tls_addresses AS
FROM address_answers WHERE supports AND mx_host IN (SELECT mx_host FROM host_answers WHERE supports);

-- One row per mail-capable domain (D2). Rules over the *reached* MX hosts of the domain:
-- every_primary is the headline: every reached primary MX host supports STARTTLS. No primary reached = null.
-- may_exist: some MX host (some primary one) has an address, or its lookup failed. Without one, mail cannot
-- be delivered there, and null is not "gave no answer" but "never".
CREATE TABLE domain_answers AS
WITH answers AS (
    SELECT domain,
           CASE WHEN bool_or(is_primary) THEN every_one(supports OR NOT is_primary) END AS every_primary,
           any_one(supports) AS any_host,
           every_one(supports) AS every_host
    FROM domain_hosts JOIN host_answers USING (mx_host)
    WHERE reached
    GROUP BY domain
),
hosts AS (
    SELECT domain, bool_or(is_primary) AS primary_may_exist
    FROM domain_hosts JOIN mail_hosts USING (mx_host)
    GROUP BY domain
)
SELECT D2.domain, D2.rank, D2.mx_stratum, every_primary, any_host, every_host,
       coalesce(primary_may_exist, false) AS primary_may_exist, primary_may_exist IS NOT NULL AS host_may_exist
FROM D2 LEFT JOIN answers USING (domain) LEFT JOIN hosts USING (domain);

-- How far a conversation without an answer got.
CREATE MACRO how_far(outcome) AS list_position(
    ['not_attempted', 'unreachable', 'refused_greeting', 'not_smtp', 'hello_failed', 'starttls_refused',
     'tls_failed'], outcome
);

-- Why the headline of a mail-capable domain is not determined: one row per such domain. Of several primary MX
-- hosts the one that got furthest counts.
CREATE VIEW undetermined_domains AS
SELECT domain, primary_may_exist,
       CASE WHEN count(P.mx_host) = 0 THEN 'no usable primary exchange'
            WHEN NOT primary_may_exist THEN 'primary MX hosts have no address'
            ELSE coalesce(arg_max(outcome, how_far(outcome)), 'address lookups failed')
       END AS why
FROM domain_answers LEFT JOIN P USING (domain)
     LEFT JOIN address_answers ON address_answers.mx_host = P.mx_host AND supports IS NULL
WHERE every_primary IS NULL
GROUP BY domain, primary_may_exist;

-- What there is inside TLS, for both units that figures on it have: MX hosts that support STARTTLS (or may:
-- null), over all addresses that completed TLS; and mail-capable domains, over the reached primary MX hosts.
-- answer: supports STARTTLS; the headline. The other columns mean something where it is true.
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
SELECT 1 AS place, 'MX host with TLS' AS unit, supports AS answer, true AS may_be, version, forward_secrecy,
       post_quantum, path_ok, time_ok, name_mx_ok, NULL::BOOLEAN AS name_domain_ok
FROM hosts WHERE supports IS NOT false
UNION ALL
SELECT 2, 'reachable mail domain, determined (of D3)', every_primary, primary_may_exist, version,
       forward_secrecy, post_quantum, path_ok, time_ok, name_mx_ok, name_domain_ok
FROM domain_answers LEFT JOIN primaries USING (domain) LEFT JOIN domain_verdicts USING (domain);

-- "answer, and passes the test": without an answer not known, whatever the test says.
CREATE MACRO and_passes(answer, test) AS CASE WHEN answer THEN test WHEN NOT answer THEN false END;

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
),
totals AS (
    SELECT count(*) FILTER (supports) AS tls, count(*) FILTER (supports IS NULL) AS unknown FROM host_answers
)
SELECT stratum, 'MX host with TLS' AS unit, unnest(census(n, tls - n, unknown))
FROM classes CROSS JOIN totals ORDER BY place;

-- Verdicts on TXT records (MTA-STS, TLSRPT), once for each unit that figures on them have. A failed lookup is
-- not known; a domain that does not exist has no record.
CREATE VIEW record_verdicts AS
SELECT 1 AS place, 'listed domain (D0), lookup answered' AS unit, sts_record, tlsrpt FROM domain_verdicts
UNION ALL
SELECT 2, 'mail-capable domain (D2), lookup answered', sts_record, tlsrpt FROM domain_verdicts
WHERE domain IN (SELECT domain FROM D2);
CREATE MACRO is_one_of(verdict, words) AS
    CASE WHEN verdict <> 'lookup_failed' THEN list_contains(words, verdict) END;

-- The server certificates that MX hosts with TLS sent: one row per pair, with the time it was first seen.
CREATE VIEW leaves AS
SELECT mx_host, tls.chain[1] AS sha256, min(epoch_us(time_used)) AS seen_us
FROM tls_addresses WHERE len(tls.chain) > 0 GROUP BY mx_host, sha256;

-- The provider of a mail-capable domain: that of most of its primary MX hosts, the first by name among
-- equals; null when no primary exchange is usable. One provider each, so that shares add up to one.
CREATE VIEW domain_providers AS
WITH counted AS (
    SELECT domain, provider, count(*) AS hosts FROM P JOIN mx_hosts USING (mx_host) GROUP BY domain, provider
),
first_of_each AS (
    SELECT domain, provider FROM counted
    QUALIFY row_number() OVER (PARTITION BY domain ORDER BY hosts DESC, provider) = 1
)
SELECT D2.domain, provider FROM D2 LEFT JOIN first_of_each USING (domain);

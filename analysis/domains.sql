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
CREATE TABLE domain_answers AS
WITH answers AS (
    SELECT domain,
           CASE WHEN bool_or(is_primary) THEN every_one(supports OR NOT is_primary) END AS every_primary,
           any_one(supports) AS any_host,
           every_one(supports) AS every_host
    FROM domain_hosts JOIN host_answers USING (mx_host)
    WHERE reached
    GROUP BY domain
)
SELECT D2.domain, D2.rank, D2.mx_stratum, every_primary, any_host, every_host
FROM D2 LEFT JOIN answers USING (domain);

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

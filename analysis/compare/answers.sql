-- What one run says of every listed domain, figure by figure: the answers that the figures count, by name.
-- Needs populations.sql, domains.sql, measures.sql and transport.sql. One row per listed domain (D0).
-- provider: of the domain's primary MX hosts, as in measures.sql; null: no mail, or no usable primary exchange.
-- state: yes, no      determined: in the denominator of the figure
--        unknown      no answer is known: silence, a lookup that failed, or nobody asked. May be either
--        outside      known to be no member of the figure's population: no such name, null MX, no mail host
-- The check `answers_are_the_figures` holds the sums against the figures themselves.
CREATE MACRO state_of(answer, otherwise) AS
    CASE WHEN answer THEN 'yes' WHEN NOT answer THEN 'no' ELSE otherwise END;

CREATE TABLE answers AS
WITH memberships AS (
    SELECT domain, mx,
           CASE WHEN domain IN (FROM without_mail) THEN 'outside' ELSE 'unknown' END AS without_answer
    FROM D0
),
-- Where no mail can be delivered to any primary MX host, no server can have an answer.
reach AS (
    SELECT memberships.*, memberships.mx.dnssec_status, D2.domain IS NOT NULL AS is_mail_capable,
           CASE WHEN primary_may_exist IS false THEN 'outside' ELSE without_answer END AS without_server
    FROM memberships
    LEFT JOIN D2 USING (domain)
    LEFT JOIN domain_answers USING (domain)
)
SELECT reach.domain, provider, [
    {figure: 'starttls_by_domain', state: state_of(answer, without_server)},
    {figure: 'certificate_ladder',
     state: state_of(and_passes(answer, path_ok AND time_ok AND name_mx_ok), without_server)},
    {figure: 'tls_versions',
     state: state_of(and_passes(answer, version = 'TLSv1.3'), without_server)},
    {figure: 'post_quantum', state: state_of(and_passes(answer, post_quantum), without_server)},
    {figure: 'dnssec_mx',
     state: state_of(CASE WHEN is_mail_capable THEN
                          CASE dnssec_status WHEN 'secure' THEN true WHEN 'insecure' THEN false
                                             WHEN 'bogus' THEN false END END, without_answer)},
    {figure: 'dane_correct', state: state_of(if_reachable(dane_correct, is_reachable), without_server)},
    {figure: 'mta_sts_record',
     state: state_of(CASE WHEN is_mail_capable THEN is_one_of(sts_record, ['valid']) END, without_answer)},
    {figure: 'tlsrpt',
     state: state_of(CASE WHEN is_mail_capable THEN is_one_of(tlsrpt, ['valid']) END, without_answer)},
    {figure: 'authenticated_transport',
     state: state_of(if_reachable(authenticated, is_reachable), without_server)}
] AS states
FROM reach
LEFT JOIN domain_providers USING (domain)
LEFT JOIN domain_verdicts USING (domain)
LEFT JOIN (SELECT domain, is_reachable, dane_correct, authenticated FROM transport_answers) USING (domain)
LEFT JOIN tls_answers ON tls_answers.place = 2 AND tls_answers.member = reach.domain;

-- What each MX host said at each address that was asked itself. is_marked: a sign of stripping in the session.
CREATE TABLE asked_addresses AS
SELECT answers.mx_host, answers.address, answers.provider, answers.offered, answers.supports,
       coalesce(sessions.greeting_masked, false) OR coalesce(sessions.starttls_overwritten, false) AS is_marked
FROM address_answers AS answers JOIN sessions USING (mx_host, address, attempt)
WHERE answers.basis = 'direct' AND answers.stage <> 'not_attempted';

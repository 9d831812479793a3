-- What the second attempt changed. An address whose first attempt failed for now (timeout, reset, closed, 421
-- or another 4yz, pushed back, backed off, this machine's own fault) is asked once more, later and with
-- patience.
-- resolved = after the second attempt it is known whether the address supports STARTTLS.
-- after attempt 2: how the second attempt ended; "none made" = there is no second attempt. These add up to
-- the whole.
-- first failure: resolved, of those whose first attempt ended so (stage, failure); the ten commonest, then the
-- rest together.
-- headlines: starttls_by_host and starttls_by_domain as they would be with first attempts alone, beside the
-- same as they are; determined = MX hosts and mail-capable domains that gave a yes or no only thanks to the
-- second. Inferred answers count with the first attempts if one of their sample was good at the first.
-- Answers of addresses left to a sample that fell apart later, and were asked then, count with the second.
WITH firsts AS (
    SELECT mx_host, address, stage, failure FROM sessions
    WHERE attempt = 1 AND failed_for_now(stage, failure, pushed_back)
),
seconds AS (
    SELECT firsts.stage || ', ' || firsts.failure AS first,
           CASE WHEN sessions.attempt IS NOT NULL THEN silence ELSE 'none made' END AS ending,
           sessions.attempt IS NOT NULL AND supports IS NOT NULL AS is_resolved
    FROM firsts JOIN address_answers USING (mx_host, address)
         LEFT JOIN sessions ON sessions.mx_host = firsts.mx_host AND sessions.address = firsts.address
                           AND sessions.attempt = 2
),
first_hosts AS MATERIALIZED (FROM first_host_answers),
first_domains AS MATERIALIZED (FROM first_domain_answers),
ranked AS (
    SELECT first, row_number() OVER (ORDER BY count(*) DESC, first) AS rank FROM seconds GROUP BY first
),
rows AS (
    SELECT 1 AS place, 'resolved' AS stratum, 'MX host address that failed for now at first' AS unit,
           census_of(is_resolved) AS "row"
    FROM seconds
    UNION ALL
    SELECT 2, 'after attempt 2: ' || ending, 'MX host address that failed for now at first',
           census(count(*), (SELECT count(*) FROM seconds) - count(*), 0)
    FROM seconds GROUP BY ending
    UNION ALL
    SELECT CASE WHEN rank > 10 THEN 3.5 ELSE 3 END,
           CASE WHEN rank > 10 THEN 'all other first failures' ELSE 'first failure: ' || first END AS stratum,
           'MX host address that failed so at first', census_of(is_resolved)
    FROM seconds JOIN ranked USING (first) GROUP BY ALL
    UNION ALL
    SELECT 4, 'TLS handshake completed, attempt 1 alone', 'MX host, determined (of H)',
           census_of(supports, doubt := doubt)
    FROM first_hosts
    UNION ALL
    SELECT 5, 'TLS handshake completed, as judged', 'MX host, determined (of H)',
           census_of(supports, doubt := doubt)
    FROM host_answers
    UNION ALL
    SELECT 6, 'headline, attempt 1 alone', 'reachable mail domain, determined (of D3)',
           census_of(every_primary, primary_may_exist, doubt)
    FROM first_domains
    UNION ALL
    SELECT 7, 'headline, as judged', 'reachable mail domain, determined (of D3)',
           census_of(every_primary, primary_may_exist, doubt)
    FROM domain_answers
    UNION ALL
    SELECT 8, 'determined only by attempt 2', 'MX host',
           census_of(host_answers.supports IS NOT NULL AND firsts.supports IS NULL,
                     doubt := host_answers.doubt)
    FROM host_answers JOIN first_hosts AS firsts USING (mx_host)
    UNION ALL
    SELECT 9, 'determined only by attempt 2', 'mail-capable domain (D2)',
           census_of(domain_answers.every_primary IS NOT NULL AND firsts.every_primary IS NULL,
                     doubt := domain_answers.doubt)
    FROM domain_answers JOIN first_domains AS firsts USING (domain)
)
SELECT stratum, unit, unnest("row") FROM rows
ORDER BY place, CASE WHEN place IN (2, 3) THEN -"row".denominator END,
         CASE WHEN place = 2 THEN -"row".numerator END, stratum;

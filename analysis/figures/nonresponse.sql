-- Who gave no answer, and how. Facts of the run, so without bounds; classes of a unit add up to its "any
-- class". mail-capable domain (D2): the headline is not determined; the class is that of the primary MX host
-- that got furthest (a temporary refusal of STARTTLS before a failed EHLO, before a refused greeting, ...).
-- MX host address (all that have a session row): nobody knows whether it supports STARTTLS; the class is
-- outcome and failure. By family and by hour of the day (UTC) of the same.
WITH furthest AS (
    SELECT ['not_attempted', 'unreachable', 'refused_greeting', 'not_smtp', 'hello_failed',
            'starttls_refused', 'tls_failed'] AS outcomes
),
undetermined AS (
    SELECT domain,
           CASE WHEN count(P.mx_host) = 0 THEN 'no usable primary exchange'
                WHEN count(mail_hosts.mx_host) = 0 THEN 'primary MX hosts have no address'
                WHEN max(list_position(outcomes, outcome)) IS NULL THEN 'address lookups failed'
                ELSE any_value(outcomes)[max(list_position(outcomes, outcome))]
           END AS class
    FROM domain_answers LEFT JOIN P USING (domain) LEFT JOIN mail_hosts USING (mx_host)
         LEFT JOIN address_answers ON address_answers.mx_host = mail_hosts.mx_host AND supports IS NULL
         CROSS JOIN furthest
    WHERE every_primary IS NULL
    GROUP BY domain
),
rows AS (
    SELECT 1 AS place, 'any class' AS stratum, 'mail-capable domain (D2)' AS unit,
           (SELECT count(*) FROM undetermined) AS n, (SELECT count(*) FROM D2) AS total
    UNION ALL
    SELECT 2, 'class: ' || class, 'mail-capable domain (D2)', count(*), (SELECT count(*) FROM D2)
    FROM undetermined GROUP BY class
    UNION ALL
    SELECT 3, 'any class', 'MX host address', count(*) FILTER (supports IS NULL), count(*)
    FROM address_answers
    UNION ALL
    SELECT 4, 'class: ' || outcome || coalesce(', ' || failure, ''), 'MX host address', count(*),
           (SELECT count(*) FROM address_answers)
    FROM address_answers WHERE supports IS NULL GROUP BY outcome, failure
    UNION ALL
    SELECT 5, 'family: IPv' || family, 'MX host address of the family',
           count(*) FILTER (supports IS NULL), count(*)
    FROM address_answers GROUP BY family
    UNION ALL
    SELECT 6, 'hour: ' || strftime(make_timestamp(epoch_us(started_at)), '%H') || ' UTC',
           'MX host address asked in the hour', count(*) FILTER (supports IS NULL), count(*)
    FROM address_answers GROUP BY ALL
)
SELECT stratum, unit, unnest(census(n, total - n, 0)) FROM rows
ORDER BY place, CASE WHEN place IN (2, 4) THEN -n END, stratum;

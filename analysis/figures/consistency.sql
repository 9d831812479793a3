-- Whether what should agree does. Three tests, and how often each fails.
-- addresses of one host: MX hosts with two or more addresses whose answer is known, and which were asked
-- themselves. A sender takes any of them, so the headline counts such a host as a no when one is; this is how
-- often that decides. version, certificate: of hosts with two or more addresses that completed TLS; the
-- certificate is the server's own, by digest.
-- names of one address: addresses asked under two or more MX host names, each in a session of its own: the same
-- server asked several times over. Whether STARTTLS is supported should not depend on the name.
-- attempts: (MX host, address) pairs that were contacted twice. The second contact follows only on one that
-- failed for now, so this is the flip rate of what both attempts saw before that, not that of any address
-- asked twice: greeted with 220, STARTTLS offered, TLS handshake completed. "flips" = the two attempts differ;
-- pairs where one attempt did not get so far move the bounds.
-- The first two are facts of those that answered: no bounds. Rules: domains.sql.
WITH direct AS (FROM address_answers WHERE basis = 'direct' AND supports IS NOT NULL),
hosts AS (
    SELECT mx_host, count(*) AS answers, count(DISTINCT supports) > 1 AS supports_differ,
           count(*) FILTER (supports) AS with_tls, count(DISTINCT tls.version) > 1 AS versions_differ,
           count(DISTINCT tls.chain[1]) > 1 AS certificates_differ
    FROM direct GROUP BY mx_host HAVING count(*) > 1
),
names AS (
    SELECT address, count(DISTINCT supports) > 1 AS supports_differ
    FROM direct GROUP BY address HAVING count(*) > 1
),
contacts AS (
    SELECT one.greeting.code IS NOT DISTINCT FROM 220 AS greeted1,
           two.greeting.code IS NOT DISTINCT FROM 220 AS greeted2,
           one.starttls_offered AS offered1, two.starttls_offered AS offered2,
           says_supported(one.stage, one.failure, one.starttls_offered, one.starttls_reply.code,
                          one.pushed_back) AS supports1,
           says_supported(two.stage, two.failure, two.starttls_offered, two.starttls_reply.code,
                          two.pushed_back) AS supports2
    FROM sessions AS one JOIN sessions AS two USING (mx_host, address)
    WHERE one.attempt = 1 AND two.attempt = 2 AND one.stage <> 'not_attempted' AND two.stage <> 'not_attempted'
),
rows AS (
    SELECT 1 AS place, 'addresses differ: STARTTLS' AS stratum,
           'MX host with two or more answering addresses' AS unit, census_of(supports_differ) AS "row"
    FROM hosts
    UNION ALL
    SELECT 2, 'addresses differ: TLS version', 'MX host with TLS at two or more addresses',
           census_of(versions_differ)
    FROM hosts WHERE with_tls > 1
    UNION ALL
    SELECT 3, 'addresses differ: certificate', 'MX host with TLS at two or more addresses',
           census_of(certificates_differ)
    FROM hosts WHERE with_tls > 1
    UNION ALL
    SELECT 4, 'names differ: STARTTLS', 'address asked under two or more MX host names, determined',
           census_of(supports_differ)
    FROM names
    UNION ALL
    SELECT 5, 'attempts flip: greeted with 220', 'MX host address contacted twice, seen both times',
           census_of(greeted1 <> greeted2)
    FROM contacts
    UNION ALL
    SELECT 6, 'attempts flip: STARTTLS offered', 'MX host address contacted twice, seen both times',
           census_of(offered1 <> offered2)
    FROM contacts
    UNION ALL
    SELECT 7, 'attempts flip: TLS handshake completed', 'MX host address contacted twice, seen both times',
           census_of(supports1 <> supports2)
    FROM contacts
)
SELECT stratum, unit, unnest("row") FROM rows ORDER BY place;

-- Signs that something on the way takes STARTTLS out of the conversation, by fingerprint and by network.
-- Fingerprints: an EHLO keyword of the form XXXXXXXA in the place of STARTTLS; a greeting of 220 and stars.
-- Suspicion, not proof: a firewall before the server, or the server itself, leaves the same signs; and what
-- takes out the whole line leaves none, so this is a lower limit. By the last session of each address, or that
-- of its sample.
-- address: reached (MX host, address) pair (I). A greeting in order and no EHLO reply: not known, moves the
-- bounds. By family of the same. "and STARTTLS not offered": the suspects where the stripping worked.
-- network: /24 (IPv4) or /48 (IPv6) with at least one such address, each address once however many MX hosts it
-- has. any = at least one suspect; more than one = at least two; every = all its known addresses are suspects,
-- of networks with two known ones or more, which points to the network more than to a server.
-- Rules: populations.sql, domains.sql.
WITH addresses AS (
    SELECT address, network_of(address) AS network, family, offered, doubt, greeting_masked AS masked,
           starttls_overwritten AS overwritten, any_of_two AS suspect
    FROM (SELECT *, CASE WHEN greeting_masked OR starttls_overwritten THEN true
                         WHEN NOT greeting_masked AND NOT starttls_overwritten THEN false END AS any_of_two
          FROM address_answers WHERE reached)
),
facts AS (
    SELECT family, doubt, unnest([
        {step: 1, stratum: 'any fingerprint', yes: suspect},
        {step: 2, stratum: 'fingerprint: keyword overwritten', yes: overwritten},
        {step: 3, stratum: 'fingerprint: greeting masked', yes: masked},
        {step: 4, stratum: 'fingerprint: both', yes: overwritten AND masked},
        {step: 5, stratum: 'any fingerprint, and STARTTLS not offered', yes: suspect AND NOT offered}
    ], recursive := true)
    FROM addresses
),
places AS (
    SELECT address, any_value(network) AS network, count(suspect) > 0 AS is_known,
           bool_or(suspect) IS true AS is_suspect, max(doubt) AS doubt
    FROM addresses GROUP BY address
),
networks AS (
    SELECT network, CASE WHEN contains(network, ':') THEN '/48' ELSE '/24' END AS size,
           count(*) FILTER (is_known) AS known, count(*) FILTER (is_suspect) AS suspects,
           least(sum(doubt), 1000000000)::BIGINT AS doubt
    FROM places GROUP BY network
),
rows AS (
    SELECT 1 AS place, step, stratum, 'reached MX host address (I), determined' AS unit,
           census_of(yes, doubt := doubt) AS "row"
    FROM facts GROUP BY step, stratum
    UNION ALL
    SELECT 2, family, 'any fingerprint, IPv' || family,
           'reached MX host address (I) of the family, determined', census_of(yes, doubt := doubt)
    FROM facts WHERE step = 1 GROUP BY family
    UNION ALL
    SELECT 3, 1, 'any suspect, ' || size, 'network with a reached address, determined',
           census_of(CASE WHEN suspects > 0 THEN true WHEN known > 0 THEN false END, doubt := doubt)
    FROM networks GROUP BY size
    UNION ALL
    SELECT 3, 2, 'more than one suspect, ' || size, 'network with a reached address, determined',
           census_of(CASE WHEN suspects > 1 THEN true WHEN known > 0 THEN false END, doubt := doubt)
    FROM networks GROUP BY size
    UNION ALL
    SELECT 4, 1, 'every address a suspect, ' || size, 'network with two determined addresses or more',
           census_of(suspects = known, doubt := doubt)
    FROM networks WHERE known > 1 GROUP BY size
)
SELECT stratum, unit, unnest("row") FROM rows ORDER BY place, step, stratum;

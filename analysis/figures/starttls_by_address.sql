-- How many addresses of MX hosts support STARTTLS, IPv4 and IPv6 apart, and whether one host says the same over
-- both. An address under two MX host names counts twice: it is asked under each.
-- address: reached (MX host, address) pair (I) of the family whose answer is determined; the three facts of
-- starttls_by_host, without any rule over several addresses. Bounds: all addresses of the family that MX
-- hosts have; those that gave no answer move them.
-- parity: MX hosts that have addresses of both families, determined over both. Over one family a host says
-- yes when every address of it that gave an answer does. The first four add up to the whole; "same answer" is
-- the first and the last of them. Not known over one family: moves the bounds. Rules: domains.sql.
WITH facts AS (
    SELECT family, doubt, unnest([
        {step: 1, fact: 'TLS handshake completed', yes: supports},
        {step: 2, fact: 'STARTTLS accepted (220)', yes: accepted},
        {step: 3, fact: 'STARTTLS offered', yes: offered}
    ], recursive := true)
    FROM address_answers
),
sides AS (
    SELECT mx_host, bool_and(supports) FILTER (family = 4) AS over4,
           bool_and(supports) FILTER (family = 6) AS over6,
           least(sum(doubt), 1000000000)::BIGINT AS doubt
    FROM address_answers
    GROUP BY mx_host HAVING bool_or(family = 4) AND bool_or(family = 6)
),
known AS (SELECT *, over4 IS NOT NULL AND over6 IS NOT NULL AS is_known FROM sides),
parity AS (
    SELECT doubt, is_known, unnest([
        {step: 1, stratum: 'STARTTLS over both', yes: over4 AND over6},
        {step: 2, stratum: 'STARTTLS over IPv4 alone', yes: over4 AND NOT over6},
        {step: 3, stratum: 'STARTTLS over IPv6 alone', yes: NOT over4 AND over6},
        {step: 4, stratum: 'STARTTLS over neither', yes: NOT over4 AND NOT over6},
        {step: 5, stratum: 'same answer over both', yes: over4 = over6}
    ], recursive := true)
    FROM known
),
rows AS (
    SELECT family AS place, step, fact || ', IPv' || family AS stratum,
           'MX host address, IPv' || family || ', determined (of I)' AS unit, census_of(yes, doubt := doubt) AS "row"
    FROM facts GROUP BY family, step, fact
    UNION ALL
    SELECT 10, step, stratum, 'MX host with addresses of both families, determined over both',
           census_of(CASE WHEN is_known THEN yes END, doubt := doubt)
    FROM parity GROUP BY step, stratum
)
SELECT stratum, unit, unnest("row") FROM rows ORDER BY place, step;

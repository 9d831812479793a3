-- The parts into which a figure divides a population add up to all of it, so that no unit is in two classes, or in
-- none: the mail-capable domains by provider, rank and top-level domain, for each answer by itself; each
-- population and what is left out of it; classes, actions and uses of a whole.
WITH shares AS (
    SELECT figure, CASE figure WHEN 'by_tld' THEN 'STARTTLS' ELSE split_part(stratum, ': ', 1) END AS division,
           sum(denominator + unknown + never) AS parts, (SELECT count(*) FROM D2) AS whole
    FROM figure_rows WHERE figure IN ('by_provider', 'by_rank', 'by_tld') GROUP BY ALL
),
populations AS (
    SELECT figure, unit || ': ' || split_part(members.remainder, ':', 1) AS division, sum(numerator) AS parts,
           max(denominator) AS whole
    FROM figure_rows JOIN (FROM (VALUES
        ('listed domain (D0)', 'D1 resolvable', 'not in D1: '),
        ('resolvable domain (D1)', 'D2 mail-capable', 'not in D2: '),
        ('mail-capable domain (D2)', 'D3 reachable', 'not in D3: '),
        ('reachable mail domain (D3)', 'D3 determined', 'not determined: '),
        ('MX host', 'H reached', 'not in H: '),
        ('reached MX host (H)', 'H determined', 'not determined: '),
        ('MX host address', 'I reached', 'not in I: ')
    ) AS members(unit, member, remainder)) AS members USING (unit)
    WHERE figure = 'populations' AND (stratum = member OR starts_with(stratum, remainder)) GROUP BY ALL
),
classes AS (
    SELECT figure, split_part(stratum, ': ', 1) || ', ' || unit AS division, sum(numerator) AS parts,
           max(denominator) AS whole
    FROM figure_rows
    WHERE figure IN ('dane_correct', 'dane_hosted', 'dane_mismatch', 'mta_sts_enforce')
      AND split_part(stratum, ': ', 1) IN ('class', 'sender', 'use')
    GROUP BY ALL
    UNION ALL
    SELECT figure, 'DANE x MTA-STS x PKIX', sum(numerator), max(denominator)
    FROM figure_rows WHERE figure = 'authenticated_transport' AND unit = 'reachable mail domain (D3)' GROUP BY figure
)
SELECT figure || ': ' || division AS subject, 'parts of ' || parts || ', but there are ' || whole AS violation
FROM (FROM shares UNION ALL FROM populations UNION ALL FROM classes)
WHERE parts <> whole
ORDER BY ALL;

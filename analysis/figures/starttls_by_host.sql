-- How many MX hosts support STARTTLS. Unit: reached MX host (H) whose answer is determined, each once
-- however many domains name it.
-- A host counts yes when every reached address that gave an answer does, no when any of them does not; it is
-- left out of the denominator, and moves the bounds, when none is known (never asked, never reached, 454, 421,
-- timeout).
-- Three facts: STARTTLS offered among the EHLO keywords; accepted with 220; TLS handshake completed. The last
-- is what "supports STARTTLS" means. Bounds: every MX host that has an address, or whose lookup failed or was
-- not made. inferred: the host has an address where a sample of its provider's names was asked in its place.
SELECT stratum, 'MX host, determined (of H)' AS unit, unnest("row")
FROM (
    SELECT 1 AS place, 'TLS handshake completed' AS stratum, census_of(supports, doubt := doubt) AS "row"
    FROM host_answers
    UNION ALL
    SELECT 2, 'STARTTLS accepted (220)', census_of(accepted, doubt := doubt) FROM host_answers
    UNION ALL
    SELECT 3, 'STARTTLS offered', census_of(offered, doubt := doubt) FROM host_answers
)
ORDER BY place;

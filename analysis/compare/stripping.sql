-- Suspects of STARTTLS stripping: the same MX host at the same address, asked from two vantages on one day; to
-- one it offered STARTTLS, to the other it did not. Needs vantage_pairs(one, other): positions of runs.
-- disagreements = pairs of runs that disagree so, of `compared`; is_marked = a session without the offer bears
-- a sign of stripping (masked greeting, overwritten keyword). Suspect = marked, or disagreed twice.
-- runs_without = positions of the runs that were not offered it.
WITH compared AS (
    SELECT mx_host, address, one.provider, one.offered IS DISTINCT FROM other.offered AS disagrees,
           CASE WHEN one.offered THEN other.run ELSE one.run END AS run_without,
           CASE WHEN one.offered THEN other.is_marked ELSE one.is_marked END AS is_marked
    FROM vantage_pairs
    JOIN asked_addresses AS one ON one.run = vantage_pairs.one
    JOIN asked_addresses AS other USING (mx_host, address)
    WHERE other.run = vantage_pairs.other AND one.offered IS NOT NULL AND other.offered IS NOT NULL
)
SELECT mx_host, address, min(provider) AS provider, count(*) FILTER (disagrees) AS disagreements,
       count(*) AS compared, bool_or(is_marked) FILTER (disagrees) AS is_marked,
       list_sort(list(DISTINCT run_without) FILTER (disagrees)) AS runs_without
FROM compared
GROUP BY mx_host, address
HAVING disagreements > 0
ORDER BY is_marked DESC, disagreements DESC, mx_host, address;

-- For the paired test: the panel's net changes by cluster, of clusters where it is not zero.
-- A cluster is one provider, since its domains share one configuration; domains that moved are one cluster for
-- each pair of providers, since a provider that closes, or is bought, moves all of its customers at once.
-- size = domains by which gains and losses differ; clusters = how many differ by so many; rising = of these,
-- those with more gains than losses.
WITH nets AS (
    SELECT figure, count(*) FILTER (new_state = 'yes') - count(*) FILTER (old_state = 'yes') AS net
    FROM paired WHERE class IN ('same provider', 'provider move')
    GROUP BY figure, old_provider, new_provider
)
SELECT figure, abs(net) AS size, count(*) AS clusters, count(*) FILTER (net > 0) AS rising
FROM nets WHERE net <> 0
GROUP BY figure, size
ORDER BY figure, size;

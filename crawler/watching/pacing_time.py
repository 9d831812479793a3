"""How long pacing alone makes a stage take: its longest queue at that queue's rate."""

from crawler.entrance import gap_of
from crawler.settings import Settings
from crawler.stage import Stage, shard_sizes
from crawler.storing.run_database import lists, run_database
from crawler.storing.run_folder import RunFolder

# Between n sessions there are n - 1 gaps. What is not asked waits for nobody.
_LEAST_SECONDS = """
    WITH due AS (
        SELECT address, network, pacing_group, not_before
        FROM read_parquet(getvariable('work'))
        WHERE withheld IS NULL AND shard IN (SELECT unnest(getvariable('missing')))
    ),
    queues AS (
        SELECT (count(*) - 1) * getvariable('address_gap') AS seconds FROM due GROUP BY address
        UNION ALL
        SELECT (count(*) - 1) * getvariable('network_gap') FROM due GROUP BY network
        UNION ALL
        SELECT (count(*) - 1) * getvariable('provider_gap') FROM due GROUP BY pacing_group
        UNION ALL
        SELECT (count(*) - 1) * getvariable('whole_gap') FROM due
        UNION ALL
        SELECT least(epoch(max(not_before)) - epoch(now()), getvariable('retry_delay')) FROM due
        HAVING max(not_before) IS NOT NULL
    )
    SELECT greatest(coalesce(max(seconds), 0), 0)::DOUBLE AS seconds FROM queues
"""


def least_seconds(run: RunFolder, stage: Stage, settings: Settings) -> float:
    """Return the seconds that the missing shards of a paced stage take at least, however fast hosts are."""
    gaps = {
        "address_gap": settings.address_gap_seconds / settings.sessions_per_address,
        "network_gap": gap_of(settings.sessions_per_second_per_network),
        "provider_gap": gap_of(settings.sessions_per_second_per_provider),
        "whole_gap": gap_of(settings.sessions_per_second),
    }
    missing = sorted(shard_sizes(run, stage.name).keys() - set(run.shards(stage.tables[-1])))
    if not missing or not any(gaps.values()):
        return 0.0
    with run_database(
        run,
        work=lists(run, stage.name),
        missing=missing,
        retry_delay=settings.retry_delay_seconds,
        **gaps,
    ) as database:
        seconds: float = database.batches(_LEAST_SECONDS).read_all()["seconds"][0].as_py()
    return seconds

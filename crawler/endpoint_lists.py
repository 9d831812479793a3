"""The work lists of the stages that hold sessions: which endpoints, in which order, and what is withheld.

All endpoints of a pacing group stand in one queue (`shard % QUEUES`), so that one worker paces them.
"""

import pyarrow as pa

from crawler.control_checks import outages, recorded_checks
from crawler.protocol.addresses import network_of
from crawler.samples import define_is_for_now, write_samples
from crawler.settings import Settings
from crawler.stage import QUEUES, shard_sizes, work_list
from crawler.storing.run_database import RunDatabase, lists, parts, run_database
from crawler.storing.run_folder import RunFolder

_LEFT_OUT = "left_out"
"""The names that are not in a sample, until it is known whether it agrees."""

# The order of work, which is also what samples and caps are drawn by.
_DRAW = "CREATE MACRO draw(mx_host, address) AS md5(mx_host || address || getvariable('seed'))"

# `expanded` is what a name is an alias of, in the end; each address family is asked for by itself.
_ENDPOINTS = """
    CREATE TABLE endpoints AS
    SELECT DISTINCT mx_host, unnest(looked_up.addresses) AS address, provider,
           looked_up.cname_chain[-1].target AS expanded
    FROM (
        SELECT mx_host, provider, unnest([
            {'addresses': a.addresses, 'cname_chain': a.cname_chain},
            {'addresses': aaaa.addresses, 'cname_chain': aaaa.cname_chain}
        ]) AS looked_up
        FROM read_parquet(getvariable('mx_hosts'))
    )
"""

_ADDRESSES = "SELECT DISTINCT address FROM endpoints"

# A network belongs to the provider of most of its names, whoever else has some there. A sample is drawn where
# one provider has more names at an address than a sample has.
_PLACED = """
    CREATE TABLE placed AS
    WITH shares AS (
        SELECT network, provider, count(DISTINCT mx_host) AS names
        FROM endpoints JOIN networks USING (address) GROUP BY network, provider
    ),
    majorities AS (
        SELECT network, provider AS pacing_group FROM shares
        QUALIFY row_number() OVER (
            PARTITION BY network ORDER BY names DESC, md5(provider || getvariable('seed')), provider
        ) = 1
    )
    SELECT mx_host, address, provider, expanded, network, pacing_group,
           getvariable('sample_size') > 0 AND row_number() OVER (
               PARTITION BY address, provider ORDER BY draw(mx_host, address)
           ) > getvariable('sample_size') AS is_left_out
    FROM endpoints JOIN networks USING (address) JOIN majorities USING (network)
"""

_WRITE_LEFT_OUT = "SELECT * EXCLUDE (is_left_out) FROM placed WHERE is_left_out"

# What a list may hold, and what it holds once the caps are applied.
_CANDIDATES = """
    CREATE TABLE candidates (
        mx_host VARCHAR, address VARCHAR, provider VARCHAR, expanded VARCHAR, network VARCHAR,
        pacing_group VARCHAR, attempt BIGINT, withheld VARCHAR, not_before TIMESTAMPTZ
    )
"""
_LISTED = "CREATE TABLE listed AS FROM candidates"

_PROBED = """
    INSERT INTO candidates
    SELECT * EXCLUDE (is_left_out), 1, NULL, NULL FROM placed WHERE NOT is_left_out
"""

# Where a whole sample was pushed back nothing was learnt, and to ask the rest too would be worse.
_REMAINING = """
    INSERT INTO candidates
    SELECT left_out.*, 1, CASE WHEN agrees OR (size = 0 AND is_backed_off) THEN 'sampled' END, NULL
    FROM read_parquet(getvariable('left_out')) AS left_out
    LEFT JOIN read_parquet(getvariable('samples')) USING (address, provider)
"""

_UNSETTLED = """
    INSERT INTO candidates
    SELECT mx_host, address, provider, expanded, network, pacing_group, 2, NULL, NULL
    FROM read_parquet(getvariable('remainder')) AS remainder
    JOIN read_parquet(getvariable('samples')) USING (address, provider)
    WHERE withheld = 'sampled' AND NOT agrees
"""

_HELD = """
    CREATE TABLE held AS
    SELECT address, provider, count(*) AS sessions FROM read_parquet(getvariable('earlier'))
    WHERE withheld IS NULL GROUP BY address, provider
"""

_NOTHING_HELD = "CREATE TABLE held (address VARCHAR, provider VARCHAR, sessions BIGINT)"

# What does not fit at its address does not count for its provider.
_CAPPED = """
    INSERT INTO listed
    WITH held_at AS (SELECT address, sum(sessions) AS sessions FROM held GROUP BY address),
    held_with AS (SELECT provider, sum(sessions) AS sessions FROM held GROUP BY provider),
    at_address AS (
        SELECT candidates.*, withheld IS NULL AND coalesce(sessions, 0) + row_number() OVER (
            PARTITION BY address, withheld IS NULL ORDER BY draw(mx_host, address)
        ) <= getvariable('address_cap') AS fits_address
        FROM candidates LEFT JOIN held_at USING (address)
    ),
    with_provider AS (
        SELECT at_address.*, fits_address AND coalesce(sessions, 0) + row_number() OVER (
            PARTITION BY provider, fits_address ORDER BY draw(mx_host, address)
        ) <= getvariable('provider_cap') AS fits
        FROM at_address LEFT JOIN held_with USING (provider)
    )
    SELECT mx_host, address, provider, expanded, network, pacing_group, attempt,
           CASE WHEN fits THEN NULL ELSE coalesce(withheld, 'session_cap') END, not_before
    FROM with_provider
"""

_FAILED_FOR_NOW = """
    INSERT INTO listed
    SELECT mx_host, address, provider, expanded, network, pacing_group, 2, NULL,
           started_at + to_microseconds(getvariable('delay_microseconds'))
    FROM read_parquet(getvariable('earlier')) JOIN (
        SELECT mx_host, address, started_at FROM read_parquet(getvariable('sessions'))
        WHERE attempt = 1 AND (
            is_for_now(stage, failure, pushed_back)
            OR stage = 'connect' AND EXISTS (FROM outages WHERE started_at BETWEEN begun AND ended)
        )
    ) USING (mx_host, address)
"""

# The groups with the most sessions are dealt first, one to each queue in turn.
_SHARDED = """
    WITH queues AS (
        SELECT pacing_group, (row_number() OVER (
            ORDER BY count(*) FILTER (withheld IS NULL) DESC, count(*) DESC,
                     md5(pacing_group || getvariable('seed')), pacing_group
        ) - 1) % getvariable('queues') AS queue
        FROM listed GROUP BY pacing_group
    ),
    numbered AS (
        SELECT listed.*, queue, row_number() OVER (
            PARTITION BY queue ORDER BY not_before, draw(mx_host, address)
        ) - 1 AS place
        FROM listed JOIN queues USING (pacing_group)
    )
    SELECT * EXCLUDE (queue, place), getvariable('first_shard')
           + place // getvariable('shard_size') * getvariable('queues') + queue AS shard
    FROM numbered ORDER BY shard, place
"""


def list_endpoints(run: RunFolder, settings: Settings) -> None:
    """Write the work list of the probe stage: every (MX host, address) that is not left to a sample."""
    with run_database(run, mx_hosts=parts(run, "mx_hosts"), sample_size=settings.sample_size) as database:
        _begin(database, settings)
        database.execute(_ENDPOINTS)
        database.register("networks", _networks(database))
        database.execute(_PLACED)
        database.write(_WRITE_LEFT_OUT, work_list(run, _LEFT_OUT))
        database.execute(_PROBED)
        database.execute("DROP TABLE placed")
        database.execute(_NOTHING_HELD)
        database.execute(_CAPPED)
        _write(database, run, "probe", after=())


def _networks(database: RunDatabase) -> pa.Table:
    """Return the network of each address, which SQL cannot say of IPv6."""
    with database.batches(_ADDRESSES) as addresses:
        batches = [
            pa.record_batch(
                {"address": batch.column("address"), "network": _networks_of(batch.column("address"))}
            )
            for batch in addresses
        ]
    schema = pa.schema({"address": pa.string(), "network": pa.string()})
    return pa.Table.from_batches(batches, schema)


def _networks_of(addresses: pa.Array) -> pa.Array:
    return pa.array([network_of(address) for address in addresses.to_pylist()], pa.string())


def list_remainder(run: RunFolder, settings: Settings) -> None:
    """Write the work list of the names that are not in a sample: withheld where it agrees, else asked."""
    samples = write_samples(run)
    (left_out,), earlier = lists(run, _LEFT_OUT), lists(run, "probe")
    with run_database(run, samples=str(samples), left_out=left_out, earlier=earlier) as database:
        _begin(database, settings)
        for statement in (_REMAINING, _HELD, _CAPPED):
            database.execute(statement)
        _write(database, run, "remainder", after=("probe",))


def list_retries(run: RunFolder, settings: Settings) -> None:
    """Write the work list of second attempts: all that failed for now, each not before its delay is over.

    While this machine's own network was out, every connection that failed did so for now.
    """
    earlier = ("probe", "remainder")
    delay = round(settings.retry_delay_seconds * 1_000_000)
    with run_database(
        run, sessions=parts(run, "sessions"), earlier=lists(run, *earlier), delay_microseconds=delay
    ) as database:
        _begin(database, settings)
        define_is_for_now(database)
        database.register("outages", _outages(run))
        database.execute(_FAILED_FOR_NOW)
        _write(database, run, "retry", after=earlier)


def _outages(run: RunFolder) -> pa.Table:
    times = outages(recorded_checks(run))
    instant = pa.timestamp("us", tz="UTC")
    columns = {"begun": [begun for begun, _ in times], "ended": [ended for _, ended in times]}
    return pa.table({name: pa.array(values, instant) for name, values in columns.items()})


def list_unsettled(run: RunFolder, settings: Settings) -> None:
    """Write the work list of names that were left to a sample which does not agree any more."""
    samples = write_samples(run)
    (remainder,), earlier = lists(run, "remainder"), lists(run, "probe", "remainder")
    with run_database(run, samples=str(samples), remainder=remainder, earlier=earlier) as database:
        _begin(database, settings)
        for statement in (_UNSETTLED, _HELD, _CAPPED):
            database.execute(statement)
        _write(database, run, "settle", after=("probe", "remainder", "retry"))


def _begin(database: RunDatabase, settings: Settings) -> None:
    database.set(
        seed=str(settings.seed),
        address_cap=settings.address_cap,
        provider_cap=settings.provider_cap,
        shard_size=settings.shard_size,
        queues=QUEUES,
    )
    for statement in (_DRAW, _CANDIDATES, _LISTED):
        database.execute(statement)


def _write(database: RunDatabase, run: RunFolder, stage: str, *, after: tuple[str, ...]) -> None:
    """Write what is listed, in shards whose numbers begin at a multiple of QUEUES above all those before."""
    last = max((shard for earlier in after for shard in shard_sizes(run, earlier)), default=-1)
    database.set(first_shard=(last // QUEUES + 1) * QUEUES)
    database.write(_SHARDED, work_list(run, stage))

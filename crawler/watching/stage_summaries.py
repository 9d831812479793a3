"""What each stage of a run came to, read off its tables: the same however often the run was stopped."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from crawler.outcomes import LookupStatus, Outcome
from crawler.stage import Stage, shard_sizes
from crawler.storing.run_database import RunDatabase, parts, run_database
from crawler.storing.run_folder import RunFolder

LONGEST_PAUSE_SECONDS = 60.0
"""Of a longer time in which no row was begun or ended, so much counts: the run was stopped, or waited."""

# A lookup's failure is a status that tells neither that there are records nor that there are none. Each stage
# that holds sessions has shard numbers of its own. A policy's fetch is part of its domain's row.
_OBSERVED = """
    CREATE TEMP VIEW observed AS
    SELECT 'resolve' AS stage, TRUE AS is_row,
           CASE WHEN NOT list_contains(getvariable('known'), mx.status) THEN mx.status END AS failure,
           resolved_at AS begun_at,
           mx.elapsed_seconds + coalesce(sts_txt.elapsed_seconds, 0) + coalesce(tlsrpt_txt.elapsed_seconds, 0)
           AS seconds
    FROM read_parquet(getvariable('domains'))
    UNION ALL
    SELECT 'resolve', FALSE, NULL, fetched_at, total_seconds FROM read_parquet(getvariable('sts_policies'))
    UNION ALL
    SELECT 'hosts', TRUE,
           CASE WHEN NOT list_contains(getvariable('known'), a.status) THEN a.status
                WHEN NOT list_contains(getvariable('known'), aaaa.status) THEN aaaa.status
           END,
           resolved_at, greatest(a.elapsed_seconds, aaaa.elapsed_seconds)
    FROM read_parquet(getvariable('mx_hosts'))
    UNION ALL
    SELECT stage, TRUE, failure, started_at, total_seconds
    FROM (
        SELECT failure, started_at, total_seconds,
               regexp_extract(filename, 'part-(\\d+)\\.parquet$', 1)::BIGINT AS shard
        FROM read_parquet(getvariable('sessions'), filename = true)
    )
    JOIN (
        SELECT unnest(getvariable('stages')) AS stage, unnest(getvariable('first_shards')) AS first_shard,
               unnest(getvariable('last_shards')) AS last_shard
    ) ON shard BETWEEN first_shard AND last_shard
"""
_COUNTS = """
    SELECT stage, failure, count(*) AS number FROM observed WHERE is_row
    GROUP BY ALL ORDER BY stage, number DESC, failure
"""
# Tenths of a second are few enough to be sorted, whatever the rows are.
_TIMES = """
    WITH moments AS (
        SELECT DISTINCT stage, unnest([
            epoch_ms(begun_at) // 100, (epoch_ms(begun_at) + round(1000 * seconds)::BIGINT) // 100
        ]) AS moment
        FROM observed
    ),
    gaps AS (
        SELECT stage, moment,
               (moment - lag(moment, 1, moment) OVER (PARTITION BY stage ORDER BY moment)) / 10 AS seconds
        FROM moments
    )
    SELECT stage, min(moment) / 10 AS first, max(moment) / 10 AS last,
           sum(least(seconds, getvariable('longest'))) AS seconds
    FROM gaps GROUP BY stage
"""
_JUDGED = """
    SELECT failure, count(*) AS number FROM (
        SELECT CASE WHEN outcome = getvariable('tls_ok') THEN reason ELSE outcome END AS failure
        FROM read_parquet(getvariable('session_verdicts'))
    ) WHERE failure IS NOT NULL GROUP BY ALL ORDER BY number DESC, failure
"""


def summarize_stages(run: RunFolder, stages: Sequence[Stage]) -> dict[str, dict[str, Any]]:
    """Return for each stage, all of them complete, its rows, failures by word, begin, end and seconds.

    The seconds leave out when the run was stopped. A stage without rows has no times.
    """
    summaries: dict[str, dict[str, Any]] = {
        stage.name: {"rows": 0, "failures": {}, "begun_at": None, "ended_at": None, "seconds": 0.0}
        for stage in stages
    }
    with run_database(
        run,
        known=[status.value for status in LookupStatus if status.have_records is not None],
        longest=LONGEST_PAUSE_SECONDS,
        **{table: parts(run, table) for table in ("domains", "sts_policies", "mx_hosts", "sessions")},
        **_shard_ranges(run, stages),
    ) as database:
        database.execute(_OBSERVED)
        for row in _rows(database, _COUNTS):
            summary = summaries[row["stage"]]
            summary["rows"] += row["number"]
            if row["failure"] is not None:
                summary["failures"][row["failure"]] = row["number"]
        for row in _rows(database, _TIMES):
            summaries[row["stage"]] |= {
                "begun_at": _utc(row["first"]),
                "ended_at": _utc(row["last"]),
                "seconds": round(row["seconds"], 1),
            }
    return summaries


def summarize_judging(run: RunFolder, seconds: float) -> dict[str, Any]:
    """Return the same of the verdicts that stand, which were made in so many seconds, all at once."""
    verdicts = parts(run, "session_verdicts")
    with run_database(run, session_verdicts=verdicts, tls_ok=Outcome.TLS_OK.value) as database:
        failures = {row["failure"]: row["number"] for row in _rows(database, _JUDGED)}
    rows = run.count("session_verdicts") + run.count("domain_verdicts")
    return {"rows": rows, "failures": failures, "seconds": round(seconds, 1)}


def _shard_ranges(run: RunFolder, stages: Sequence[Stage]) -> dict[str, list[Any]]:
    """Return the stages that hold sessions, and the first and last shard of each."""
    shards = {stage.name: shard_sizes(run, stage.name) for stage in stages if "sessions" in stage.tables}
    begun = {name: sizes for name, sizes in shards.items() if sizes}
    return {
        "stages": [*begun],
        "first_shards": [min(sizes) for sizes in begun.values()],
        "last_shards": [max(sizes) for sizes in begun.values()],
    }


def _rows(database: RunDatabase, sql: str) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = database.batches(sql).read_all().to_pylist()
    return rows


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")

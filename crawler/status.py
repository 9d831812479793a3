"""How a run stands: what is done, running and left, and how fast; read from its folder alone.

Needs no lock, and disturbs no process that works on the run.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crawler.control_checks import outages
from crawler.mending import is_being_judged
from crawler.open_shard import partials_folder, rows_in_partials
from crawler.preparing import read_manifest
from crawler.records import TABLES
from crawler.stage import Stage, shard_sizes, work_list
from crawler.storing.object_store import ObjectPath, written_since
from crawler.storing.parquet_files import count_rows, open_parquet
from crawler.storing.run_folder import RunFolder, shard_of
from crawler.survey import STAGES
from crawler.watching.progress import duration_text, rate_text, waits_text
from crawler.watching.run_now import read_now

RATE_SECONDS = 300.0
"""The rate is that of the rows begun in this last time."""

_BEGUN_AT = {"domains": "resolved_at", "mx_hosts": "resolved_at", "sessions": "started_at"}
_JUDGED = ("session_verdicts", "domain_verdicts")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StageStatus:
    """How one stage stands."""

    name: str
    done: int
    """Rows written down; what is under way, and what was finished since the last save, is not counted."""
    total: int | None
    """None: not known before the stages before it are done."""
    rows_per_second: float | None = None
    """Of the last minutes; None for a stage that is not under way, or just begun."""

    @property
    def is_done(self) -> bool:
        """Tell whether nothing is left."""
        return self.done == self.total

    @property
    def seconds_left(self) -> float | None:
        """Return how long it takes at this rate; None: nobody knows."""
        if self.total is None or not self.rows_per_second:
            return None
        return (self.total - self.done) / self.rows_per_second


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """How a run stands."""

    run_id: str
    started_at: str
    finished_at: str | None
    process: int | None
    """Number of the process that works on it now."""
    stages: tuple[StageStatus, ...]
    attempts: Mapping[int, int]
    """Rows of sessions by number of the attempt."""
    control_checks: int
    """Those that run.json keeps."""
    outages: tuple[tuple[datetime, datetime], ...]
    """Times in which the control hosts failed, and no session was begun; of an outage that lasts, so far."""
    is_out: bool
    """The last check failed."""
    table_octets: int
    work_octets: int
    now: Mapping[str, Any] | None
    """What the process that works on it said last that it is at; None: none does, or it has not said so."""

    @property
    def state(self) -> str:
        """Return 'finished', 'running', 'paused' or 'stopped': the same command goes on with the last."""
        if self.process is not None:
            return "paused" if self.is_out else "running"
        return "finished" if self.finished_at is not None and self.stages[-1].is_done else "stopped"


def read_status(run: RunFolder, now: datetime | None = None) -> RunStatus:
    """Return how a run stands. Raises RunFolderError for a folder that is no run."""
    manifest = read_manifest(run)
    process = run.process()
    checks = manifest.get("control_checks", [])
    stages = [_stage_status(run, stage) for stage in STAGES]
    under_way = next((n for n, stage in enumerate(stages) if not stage.is_done), None)
    if under_way is not None:
        rate = _rate(run, STAGES[under_way], now or datetime.now(UTC))
        stages[under_way] = dataclasses.replace(stages[under_way], rows_per_second=rate)
    return RunStatus(
        run_id=manifest["run_id"],
        started_at=manifest["started_at"],
        finished_at=manifest["finished_at"],
        process=process,
        stages=(*stages, _judge_status(run, manifest)),
        attempts=_attempts(run),
        control_checks=len(checks),
        outages=tuple(outages(checks)),
        is_out=bool(checks) and not checks[-1]["is_well"],
        table_octets=sum(_octets(run.table_folder(table)) for table in TABLES),
        work_octets=_octets(run.work_path("")),
        now=None if process is None else read_now(run, now or datetime.now(UTC)),
    )


def to_json(status: RunStatus) -> dict[str, Any]:
    """Return a status as JSON has it."""
    return {
        **dataclasses.asdict(status),
        "state": status.state,
        "stages": [
            {**dataclasses.asdict(stage), "seconds_left": stage.seconds_left} for stage in status.stages
        ],
        "attempts": {str(attempt): rows for attempt, rows in status.attempts.items()},
        "outages": [[begun.isoformat(), ended.isoformat()] for begun, ended in status.outages],
    }


# --- stages --------------------------------------------------------------------------------------------


def _stage_status(run: RunFolder, stage: Stage) -> StageStatus:
    if not work_list(run, stage.name).exists():
        return StageStatus(name=stage.name, done=0, total=None)
    sizes = shard_sizes(run, stage.name)
    saved = rows_in_partials(run, stage)  # before the parts: a shard is in one of them at any moment
    standing = set(run.shards(stage.tables[-1]))
    done = sum(size if shard in standing else saved.get(shard, 0) for shard, size in sizes.items())
    return StageStatus(name=stage.name, done=done, total=sum(sizes.values()))


def _judge_status(run: RunFolder, manifest: Mapping[str, Any]) -> StageStatus:
    done = sum(_rows(path) for table in _JUDGED for path in _parts(run, table))
    is_judged = manifest["finished_at"] is not None and not is_being_judged(manifest)
    return StageStatus(name="judge", done=done, total=done if is_judged else None)


def _rate(run: RunFolder, stage: Stage, now: datetime) -> float | None:
    """Return the rows per second that were begun lately, from the first of them to the last."""
    since = now - timedelta(seconds=RATE_SECONDS)
    table = stage.tables[-1]
    shards = shard_sizes(run, stage.name) if work_list(run, stage.name).exists() else {}
    recent = written_since(run.table_folder(table), "part-*.parquet", since.timestamp())
    files = [path for path in recent if shard_of(path) in shards]
    files += written_since(partials_folder(run, stage), f"{table}-*.parquet", since.timestamp())
    count, first, last = 0, now, since
    for path in files:
        column = _column(path, _BEGUN_AT[table])
        recent = column.filter(pc.greater_equal(column, pa.scalar(since, column.type)))
        if len(recent):
            ends = pc.min_max(recent).as_py()
            count, first, last = count + len(recent), min(first, ends["min"]), max(last, ends["max"])
    seconds = (last - first).total_seconds()
    return count / seconds if count > 1 and seconds > 0 else None


def _column(path: Path, name: str) -> pa.ChunkedArray:
    """Return a column of times of a file; empty if it is gone."""
    with contextlib.suppress(FileNotFoundError):
        return _read_column(path, name)
    return pa.chunked_array([], pa.timestamp("us", tz="UTC"))


# --- the folder ----------------------------------------------------------------------------------------


def _attempts(run: RunFolder) -> dict[int, int]:
    files = [path for stage in STAGES for path in partials_folder(run, stage).glob("sessions-*.parquet")]
    counts: dict[int, int] = {}
    for path in [*files, *_parts(run, "sessions")]:
        with contextlib.suppress(FileNotFoundError):
            for entry in _read_column(path, "attempt").value_counts().to_pylist():
                counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
    return dict(sorted(counts.items()))


def _read_column(path: Path, name: str) -> pa.ChunkedArray:
    with open_parquet(path) as file:
        return file.read([name])[name]


def _parts(run: RunFolder, table: str) -> Iterator[Path]:
    return (run.part_path(table, shard) for shard in run.shards(table))


def _rows(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return count_rows(path)
    return 0


def _octets(folder: Path) -> int:
    if isinstance(folder, ObjectPath):
        return sum(info.size for _, info in folder.objects())
    octets = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            octets += path.stat().st_size if path.is_file() else 0
    return octets


# --- as text -------------------------------------------------------------------------------------------


def status_lines(status: RunStatus) -> Sequence[str]:
    """Return a status as lines for people."""
    process = f", process {status.process}" if status.process else ""
    hint = "; the same command goes on" if status.state == "stopped" else ""
    ended = f", finished {status.finished_at}" if status.finished_at else ""
    attempts = ", ".join(f"{rows:,} of attempt {attempt}" for attempt, rows in status.attempts.items())
    return [
        f"{status.run_id}: {status.state}{process}{hint}",
        f"begun {status.started_at}{ended}",
        *(_stage_line(stage, status.now) for stage in status.stages),
        *_now_lines(status),
        f"sessions: {attempts or 'none'}",
        f"control hosts: {status.control_checks:,} checks kept, {_outages_text(status)}",
        f"on disk: {_size(status.table_octets)} of tables, {_size(status.work_octets)} of work files",
    ]


def _stage_line(stage: StageStatus, now: Mapping[str, Any] | None) -> str:
    if stage.total is None:
        return f"{stage.name:<10}{f'{stage.done:,}' if stage.done else 'not begun'}"
    line = f"{stage.name:<10}{stage.done:,} / {stage.total:,}"
    if stage.is_done:
        return f"{line}, done"
    line += f", {stage.total - stage.done:,} left"
    if now is not None and now["stage"] == stage.name:
        return line  # the process itself knows better how fast it is
    if stage.rows_per_second is not None and stage.seconds_left is not None:
        left = timedelta(seconds=round(stage.seconds_left))
        line += f", {stage.rows_per_second:,.1f}/s lately, {left} at this rate"
    return line


def _now_lines(status: RunStatus) -> Iterator[str]:
    now = status.now
    if now is None or not now["lanes"]:
        return
    left = "? left" if now["seconds_left"] is None else f"{duration_text(now['seconds_left'])} left"
    waits = waits_text(now["waiting"]) or "none waiting"
    yield (
        f"now: {now['stage']}, {rate_text(now['rows_per_second'])}, {left}; "
        f"{now['under_way']:,} under way, {waits}"
    )


def _outages_text(status: RunStatus) -> str:
    if not status.outages:
        return "no outage"
    times = [f"{begun:%Y-%m-%d %H:%M:%S} to {ended:%H:%M:%S}" for begun, ended in status.outages]
    lasting = " and lasting" if status.is_out else ""
    return f"{len(times)} outage{'s' if len(times) > 1 else ''} ({', '.join(times)} UTC{lasting})"


def _size(octets: int) -> str:
    return f"{octets / 1e6:,.1f} MB" if octets < 1e9 else f"{octets / 1e9:,.1f} GB"

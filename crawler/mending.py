"""Makes a run that was broken off fit to go on: no leftovers, and no file that is not as it was written."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crawler.open_shard import partials_folder, remove_partial, remove_partials
from crawler.records import TABLES
from crawler.stage import Stage, certificate_parts, shard_sizes, work_list
from crawler.storing.digests import sha256_of
from crawler.storing.object_store import ObjectPath
from crawler.storing.run_folder import RunFolder, RunFolderError
from crawler.storing.run_lock import is_alive
from crawler.storing.whole_file import remove_folder, wanted_name
from crawler.watching.feedback import Feedback

_CERTIFICATE_PART = re.compile(r"(?P<stage>[a-z_]+)-(?P<shard>\d+)(-\d+)?\.parquet")

_VERDICTS = ("session_verdicts/", "domain_verdicts/")

Noted = Mapping[str, set[str]]


def mend(run: RunFolder, stages: Sequence[Stage], feedback: Feedback) -> None:
    """Remove what was left half-written, and what is damaged, naming it: it is done again.

    Reads every part file once. Raises RunFolderError for a damaged work list of a stage that has begun: it
    cannot be made again as it was.
    """
    sweep(run)
    noted = run.digests.read()
    for stage in stages:
        if work_list(run, stage.name).exists() and run.digests.is_damaged(work_list(run, stage.name), noted):
            _replace_work_list(run, stage, feedback)
    damaged = [
        (stage, shard, path)
        for stage in stages
        if work_list(run, stage.name).exists()
        for shard, path in _damaged_files(run, stage, noted)
    ]
    for stage, shard, path in damaged:
        again = f"shard {shard} of stage {stage.name} is done again"
        feedback.note(f"{path}: damaged, and removed; {again}")
        _remove_shard(run, stage, shard)
    for stage in stages:
        for path in sorted(partials_folder(run, stage).glob("*.parquet")):
            if path.exists() and run.digests.is_damaged(path, noted):
                feedback.note(f"{path}: damaged, and removed; its rows are done again")
                remove_partial(run, stage, path)
    _remove_odd_parts(run, stages, noted, feedback)
    if damaged:
        first = min(stages.index(stage) for stage, _, _ in damaged)
        _forget_lists(run, stages[first + 1 :])


def sweep(run: RunFolder) -> None:
    """Remove what processes that were killed left behind. The caller holds the run's lock."""
    for folder in (run.path, *(path for path in run.path.iterdir() if path.is_dir() and path.name != "lab")):
        for path in folder.rglob(".*") if folder != run.path else folder.glob(".*"):
            if wanted_name(path.name) and path.is_file():
                path.unlink(missing_ok=True)
    remove_folder(run.work_path(".spilled"))


def sweep_beside(run: RunFolder) -> None:
    """Remove the folders in which processes that are no more meant to make this run."""
    if isinstance(run.path, ObjectPath):
        return  # it is made where it stands
    prefix = f".{run.path.name}."
    for folder in run.path.parent.glob(f"{prefix}*"):
        number = folder.name.removeprefix(prefix)
        if number.isdecimal() and folder.is_dir() and not is_alive(int(number)):
            remove_folder(folder)


def _damaged_files(run: RunFolder, stage: Stage, noted: Noted) -> Iterator[tuple[int, Path]]:
    """Give shard and path of each damaged part file of a stage, its certificates' among them."""
    for shard in shard_sizes(run, stage.name):
        for table in stage.tables:
            path = run.part_path(table, shard)
            if path.is_file() and run.digests.is_damaged(path, noted):
                yield shard, path
    for path in sorted(certificate_parts(run).glob("*.parquet")):
        match = _CERTIFICATE_PART.fullmatch(path.name)
        if match and match["stage"] == stage.name and run.digests.is_damaged(path, noted):
            yield int(match["shard"]), path


def _remove_odd_parts(run: RunFolder, stages: Iterable[Stage], noted: Noted, feedback: Feedback) -> None:
    """Remove what is damaged and of no shard: the empty part of a table without rows."""
    for table in {table for stage in stages for table in stage.tables}:
        for shard in run.shards(table):
            path = run.part_path(table, shard)
            if run.digests.is_damaged(path, noted):
                feedback.note(f"{path}: damaged, and removed")
                path.unlink()


def _remove_shard(run: RunFolder, stage: Stage, shard: int) -> None:
    """Remove all that a shard gave, beginning with what says that it is done."""
    for table in reversed(stage.tables):
        run.part_path(table, shard).unlink(missing_ok=True)
    remove_partials(run, stage, shard)
    for path in certificate_parts(run).glob(f"{stage.name}-{shard:06}*.parquet"):
        path.unlink()


def _replace_work_list(run: RunFolder, stage: Stage, feedback: Feedback) -> None:
    path = work_list(run, stage.name)
    if stage.name == "resolve" or _has_begun(run, stage):
        raise RunFolderError(f"{path}: damaged, and its stage has begun; begin a new run")
    feedback.note(f"{path}: damaged, and removed; it is made again")
    path.unlink()


def _forget_lists(run: RunFolder, stages: Iterable[Stage]) -> None:
    """Remove the work lists of stages that have not begun: they were made of what is damaged."""
    for stage in stages:
        if work_list(run, stage.name).exists() and not _has_begun(run, stage):
            work_list(run, stage.name).unlink()


def _has_begun(run: RunFolder, stage: Stage) -> bool:
    if any(partials_folder(run, stage).glob("*.parquet")):
        return True
    try:
        shards: Iterable[int] = shard_sizes(run, stage.name)
    except (OSError, ValueError):  # too damaged to be read
        shards = run.shards(stage.tables[-1])
    return any(run.has_part(stage.tables[-1], shard) for shard in shards)


# --- a finished run ------------------------------------------------------------------------------------


def digests_of_parts(run: RunFolder, tables: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each part file of these tables, by its path within the run.

    Raises RunFolderError for a file that is not as it was written.
    """
    noted, digests = run.digests.read(), {}
    for table in tables:
        for shard in run.shards(table):
            path = run.part_path(table, shard)
            name, digest = path.relative_to(run.path).as_posix(), sha256_of(path)
            if digest not in noted.get(name, {digest}):
                raise RunFolderError(f"{path}: damaged: not as it was written")
            digests[name] = digest
    return digests


def check_parts(run: RunFolder, manifest: Mapping[str, Any], tables: Iterable[str]) -> None:
    """Raise RunFolderError if a part file of a finished run is damaged, missing or too much."""
    parts: Mapping[str, str] | None = manifest.get("parts")
    if parts is None:
        return
    for table in tables:
        standing = {f"{table}/{run.part_path(table, shard).name}" for shard in run.shards(table)}
        for name in sorted(standing | {name for name in parts if name.startswith(f"{table}/")}):
            if name not in standing:
                raise RunFolderError(f"{run.path / name}: missing")
            if sha256_of(run.path / name) != parts.get(name):
                raise RunFolderError(f"{run.path / name}: damaged: its SHA-256 is not that in run.json")


def check_finished(run: RunFolder, manifest: Mapping[str, Any]) -> None:
    """Raise RunFolderError if a finished run is not whole: damaged, or its judging was broken off."""
    if is_being_judged(manifest):
        again = f"starttls-survey judge {run.path}"
        raise RunFolderError(f"{run.path}: its judging was broken off; this does it again: {again}")
    check_parts(run, manifest, TABLES)


def is_being_judged(manifest: Mapping[str, Any]) -> bool:
    """Tell whether the verdicts of a finished run are being made again, or were when that was broken off."""
    return "parts" in manifest and without_verdicts(manifest)["parts"] == manifest["parts"]


def without_verdicts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest that says of no verdict that it stands: they are made again."""
    if "parts" not in manifest:
        return dict(manifest)
    kept = {name: digest for name, digest in manifest["parts"].items() if not name.startswith(_VERDICTS)}
    return {**manifest, "parts": kept}

"""The survey: takes a run folder through its stages, going on where it stopped."""

import time
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler.begun_judging import forget_judging
from crawler.control_watch import ControlWatch
from crawler.endpoint_lists import list_endpoints, list_remainder, list_retries, list_unsettled
from crawler.engine import Engine, Interruption
from crawler.judging import judge
from crawler.mending import (
    check_parts,
    digests_of_parts,
    is_being_judged,
    mend,
    sweep,
    without_verdicts,
)
from crawler.opt_out import OptOut
from crawler.preparing import read_manifest
from crawler.records import TABLES
from crawler.session_stages import PROBE, REMAINDER, RETRY, SETTLE
from crawler.settings import Settings, plain
from crawler.stage import Stage, shard_sizes, work_list
from crawler.stages import HOSTS, RESOLVE
from crawler.storing.object_store import place
from crawler.storing.run_folder import RunFolder, RunFolderError
from crawler.vantage import begun
from crawler.verdicts.pkix import RootStore
from crawler.watching.feedback import Feedback
from crawler.watching.pacing_time import least_seconds
from crawler.watching.stage_summaries import summarize_judging, summarize_stages
from crawler.work_lists import gather_certificates, list_hosts

STAGES = (RESOLVE, HOSTS, PROBE, REMAINDER, RETRY, SETTLE)
"""The stages that ask the network, in order."""

_OBSERVED = ("domains", "mx_hosts", "sts_policies", "sessions", "certificates")

_WORK_LISTS = {
    HOSTS.name: list_hosts,
    PROBE.name: list_endpoints,
    REMAINDER.name: list_remainder,
    RETRY.name: list_retries,
    SETTLE.name: list_unsettled,
}


def record_start(run: RunFolder, settings: Settings) -> Settings:
    """Write into the run folder what the run works with from this start on; return the workers' settings.

    These are the trust anchors, unless it has them, the opt-out file and its digest, the settings as the lab
    made them, and the vantage. Workers honour the opt-out file in the run folder: they may be on other
    machines. Raises OptOutError, RootStoreError.
    """
    kept = str(run.keep_opt_out(place(settings.opt_out).read_bytes())) if settings.opt_out else ""
    opt_out = OptOut.load(kept)
    if not run.root_store_path.exists():
        adopt_root_store(run, settings.root_store)
    manifest = read_manifest(run)
    facts = {
        "opt_out": opt_out.sha256,
        "effective_settings": plain(settings),
        "vantage": begun(settings, manifest.get("vantage")),
    }
    run.write_manifest(manifest | facts)
    return replace(settings, opt_out=kept)


def adopt_root_store(run: RunFolder, pem_file: str) -> None:
    """Copy trust anchors into the run folder, so that its verdicts can be made again from it alone.

    Raises RootStoreError for a file that holds none, RunFolderError without a run.
    """
    manifest = read_manifest(run)
    store = RootStore.load(pem_file)
    facts = {"sha256": store.sha256, "source": Path(pem_file).name, "anchors": store.size}
    run.write_root_store(Path(pem_file).read_bytes())
    run.write_manifest(without_verdicts(manifest) | {"root_store": facts})


def observe(
    run: RunFolder,
    settings: Settings,
    engine: Engine,
    stages: tuple[Stage, ...] = STAGES,
    watch: ControlWatch | None = None,
) -> None:
    """Run stages that ask the network. What is done already is not done again, unless it is damaged.

    No session begins before the watch says that this machine's network is well. Raises StoppedError when the
    user interrupts, RunFolderError for a finished run that is damaged.
    """
    manifest = read_manifest(run)
    if manifest["finished_at"] is None:
        mend(run, STAGES, engine.feedback)
    else:
        check_parts(run, manifest, _OBSERVED)
    for stage in stages:
        if watch is not None:
            watch.record()  # which sessions are worth a second attempt depends on it
        if not work_list(run, stage.name).exists():
            _WORK_LISTS[stage.name](run, settings)
            run.digests.note(work_list(run, stage.name))
        if watch is not None and stage.is_paced and not is_complete(stage, run):
            watch.begin()
        least = least_seconds(run, stage, settings) if stage.is_paced else 0.0
        engine.run(stage, run, settings, watch, least_seconds=least)
    if manifest["finished_at"] is None:
        sweep(run)  # a worker of a cluster may have been killed, and the run have gone on
        gather_certificates(run)


def is_complete(stage: Stage, run: RunFolder) -> bool:
    """Tell whether every shard of a stage is done."""
    if not work_list(run, stage.name).exists():
        return False
    return shard_sizes(run, stage.name).keys() <= set(run.shards(stage.tables[-1]))


def finish(
    run: RunFolder,
    feedback: Feedback,
    interruption: Interruption,
    *,
    at: datetime | None = None,
    workers: int = 1,
    executor: Executor | None = None,
) -> None:
    """Judge what was observed, and write into run.json when the run was finished first.

    at: the time at which all validity is judged; None: when each thing was observed. executor: judges in the
    place of worker processes of this machine. A judging that was broken off goes on. Raises RunFolderError
    for a run whose observations are not complete, or damaged.
    """
    manifest = read_manifest(run)
    sweep(run)
    for stage in STAGES:
        if not is_complete(stage, run):
            raise RunFolderError(f"{run.path}: stage {stage.name} is not complete")
    check_parts(run, manifest, _OBSERVED)
    if "parts" in manifest and not is_being_judged(manifest):
        forget_judging(run)
        run.write_manifest(without_verdicts(manifest))  # until the new ones stand
    observed = without_verdicts(manifest).get("parts") or digests_of_parts(run, _OBSERVED)
    judging_began_at = time.monotonic()
    judge(
        run,
        run.root_store_path,
        feedback,
        interruption,
        at=at,
        workers=workers,
        executor=executor,
        observed=observed,
    )
    judging_seconds, parts = time.monotonic() - judging_began_at, digests_of_parts(run, TABLES)
    judging = summarize_judging(run, judging_seconds)
    stages = {**(manifest.get("stages") or summarize_stages(run, STAGES)), "judge": judging}
    facts: dict[str, Any] = {"parts": parts, "stages": stages}
    if manifest["finished_at"] is None:
        facts["counts"] = {table: run.count(table) for table in TABLES}
        facts["finished_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    run.write_manifest(manifest | facts)

"""The survey: prepares a run folder, and takes it through its stages, going on where it stopped."""

import importlib.metadata
import platform
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler import __version__
from crawler.begun_judging import forget_judging
from crawler.control_watch import ControlWatch
from crawler.domain_list import DomainList
from crawler.endpoint_lists import list_endpoints, list_remainder, list_retries, list_unsettled
from crawler.engine import Engine, Interruption
from crawler.judging import judge
from crawler.mending import (
    check_parts,
    digests_of_parts,
    is_being_judged,
    mend,
    sweep,
    sweep_beside,
    without_verdicts,
)
from crawler.opt_out import OptOut
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
from crawler.work_lists import gather_certificates, list_domains, list_hosts

FORMAT_VERSION = 1
"""Version of the run folder's layout and schemas."""

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
_PACKAGES = (
    "certifi",
    "cryptography",
    "dnspython",
    "duckdb",
    "pyarrow",
    "pyopenssl",
    "publicsuffixlist",
    "trio",
)
_MANIFEST_ENTRIES = ("run_id", "list", "settings", "lab", "versions", "started_at", "finished_at")
_FREE_TO_CHANGE = {
    "workers",
    "save_seconds",
    "domains_in_flight",
    "questions_in_flight",
    "sessions_in_flight",
    "endpoints_waiting",
    "policy_fetches_per_address",
    "root_store",
    "contact_page",
    "opt_out",
    "control_hosts",
    "control_interval_seconds",
    "sessions_per_address",
    "address_gap_seconds",
    "sessions_per_second_per_network",
    "sessions_per_second_per_provider",
    "sessions_per_second",
}
"""Settings that do not change what is observed: a stopped run may go on with others."""


def prepare(
    run: RunFolder, domain_list: DomainList, settings: Settings, lab: Mapping[str, Any] | None
) -> None:
    """Make the run folder for a list, or accept the one that stands if it is of this list and these settings.

    `lab` names the loopback internet that is surveyed; None: the real one. Raises RunFolderError for a
    folder that is something else, or a run of something else.
    """
    identity = {
        "list": {
            "name": domain_list.name,
            "sha256": domain_list.sha256,
            "listed": len(domain_list.domains),
            "rejected": len(domain_list.rejected),
        },
        "settings": plain(settings),
        "lab": lab,
    }
    if run.exists():
        _refuse_if_other(run, identity)
        return
    started_at = datetime.now(UTC)
    manifest = {
        "format_version": FORMAT_VERSION,
        "run_id": f"{started_at:%Y%m%dT%H%M%SZ}-{domain_list.sha256[:8]}",
        **identity,
        "versions": _versions(),
        "started_at": started_at.isoformat(timespec="seconds"),
        "finished_at": None,
    }
    sweep_beside(run)
    with run.made_aside() as aside:
        aside.write_rejected(domain_list.rejected)
        list_domains(aside, domain_list.domains, settings)
        aside.digests.note(work_list(aside, RESOLVE.name))
        aside.write_manifest(manifest)


def _refuse_if_other(run: RunFolder, identity: dict[str, Any]) -> None:
    manifest = read_manifest(run)
    theirs, ours = manifest["settings"], identity["settings"]
    version = manifest["versions"]["starttls-survey"]
    if manifest["list"]["sha256"] != identity["list"]["sha256"]:
        raise RunFolderError(f"{run.path}: holds a run of another list ({manifest['list']['name']})")
    if version != __version__:
        raise RunFolderError(f"{run.path}: holds a run of version {version}, not {__version__}")
    if manifest["lab"] != identity["lab"]:
        raise RunFolderError(f"{run.path}: holds a run of another internet ({_named(manifest['lab'])})")
    for name in sorted(theirs.keys() | ours.keys()):
        if name not in _FREE_TO_CHANGE and theirs.get(name) != ours.get(name):
            was, is_now = theirs.get(name), ours.get(name)
            raise RunFolderError(f"{run.path}: holds a run with {name} = {was!r}, not {is_now!r}")


def _named(lab: Mapping[str, Any] | None) -> str:
    return "the real one" if lab is None else f"lab profile {lab['profile']}, seed {lab['seed']}"


def read_manifest(run: RunFolder) -> dict[str, Any]:
    """Return run.json. Raises RunFolderError if there is none, or it is of another format version."""
    manifest = run.read_manifest()
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise RunFolderError(f"{run.path}: a run folder of format version {version}, not {FORMAT_VERSION}")
    missing = [name for name in _MANIFEST_ENTRIES if name not in manifest]
    if missing:
        raise RunFolderError(f"{run.path}: run.json lacks {missing[0]}")
    return manifest


def _versions() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"starttls-survey": __version__, "python": platform.python_version(), **versions}


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

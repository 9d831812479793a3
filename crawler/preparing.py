"""Prepares a survey: makes the run folder of a list, with its first work list, or accepts one that stands."""

import importlib.metadata
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from crawler import __version__
from crawler.listed import DomainList, ListedDomains
from crawler.mending import sweep_beside
from crawler.settings import Settings, plain
from crawler.stage import work_list
from crawler.storing.parquet_files import ROW_GROUP_ROWS, row_groups, write_parquet_batches
from crawler.storing.run_folder import RunFolder, RunFolderError

FORMAT_VERSION = 1
"""Version of the run folder's layout and schemas."""

_FIRST = "resolve"
"""The stage whose work list is the domain list."""

_DOMAINS = pa.schema({"domain": pa.string(), "position": pa.int64(), "rank": pa.int64(), "shard": pa.int64()})

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
        aside.digests.note(work_list(aside, _FIRST))
        aside.write_manifest(manifest)


def list_domains(run: RunFolder, domains: ListedDomains, settings: Settings) -> None:
    """Write the work list of the first stage, in the order of the list."""
    rows = (_in_shards(batch, settings.shard_size) for batch in domains.batches())
    groups = row_groups(_DOMAINS, rows, ROW_GROUP_ROWS)
    batches = (batch for group in groups for batch in group.to_batches())
    write_parquet_batches(work_list(run, _FIRST), _DOMAINS, batches)


def _in_shards(batch: pa.RecordBatch, shard_size: int) -> pa.RecordBatch:
    shards = pa.array((batch["position"].to_numpy() - 1) // shard_size)
    columns = [batch["domain"], batch["position"], batch["rank"], shards]
    return pa.RecordBatch.from_arrays(columns, schema=_DOMAINS)


def _refuse_if_other(run: RunFolder, identity: dict[str, Any]) -> None:
    manifest = read_manifest(run)
    theirs, ours = manifest["settings"], identity["settings"]
    version = manifest["versions"]["starttls-survey"]
    if manifest["list"]["sha256"] != identity["list"]["sha256"]:
        raise RunFolderError(f"{run.path}: holds a run of another list ({manifest['list']['name']})")
    if version != __version__:
        raise RunFolderError(f"{run.path}: holds a run of version {version}, not {__version__}")
    if not work_list(run, _FIRST).exists():
        raise RunFolderError(f"{run.path}: holds no work lists: a dataset, or what is left of a run")
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

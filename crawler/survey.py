"""The survey: prepares a run folder, and takes it through its stages, going on where it stopped."""

import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler import __version__
from crawler.domain_list import DomainList
from crawler.engine import Engine, Feedback, Interruption
from crawler.judging import judge
from crawler.settings import Settings, plain
from crawler.stage import Stage, work_list
from crawler.stages import HOSTS, PROBE, RESOLVE
from crawler.storage import RunFolder, RunFolderError
from crawler.work_lists import gather_certificates, list_domains, list_endpoints, list_hosts

FORMAT_VERSION = 1
"""Version of the run folder's layout and schemas."""

STAGES = (RESOLVE, HOSTS, PROBE)
"""The stages that ask the network, in order."""

_WORK_LISTS = {HOSTS.name: list_hosts, PROBE.name: list_endpoints}
_PACKAGES = ("cryptography", "dnspython", "duckdb", "pyarrow", "pyopenssl", "publicsuffixlist", "trio")
_FREE_TO_CHANGE = {"workers", "domains_in_flight", "sessions_in_flight", "root_store"}
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
    run.write_rejected(domain_list.rejected)
    list_domains(run, domain_list.domains, settings)
    manifest = {
        "format_version": FORMAT_VERSION,
        "run_id": f"{started_at:%Y%m%dT%H%M%SZ}-{domain_list.sha256[:8]}",
        **identity,
        "versions": _versions(),
        "started_at": started_at.isoformat(timespec="seconds"),
        "finished_at": None,
    }
    run.write_manifest(manifest)


def _refuse_if_other(run: RunFolder, identity: dict[str, Any]) -> None:
    manifest = read_manifest(run)
    theirs, ours = manifest["settings"], identity["settings"]
    if manifest["list"]["sha256"] != identity["list"]["sha256"]:
        raise RunFolderError(f"{run.path}: holds a run of another list ({manifest['list']['name']})")
    if manifest["lab"] != identity["lab"]:
        raise RunFolderError(f"{run.path}: holds a run of another internet (lab: {manifest['lab']})")
    for name in sorted(theirs.keys() | ours.keys()):
        if name not in _FREE_TO_CHANGE and theirs.get(name) != ours.get(name):
            was, is_now = theirs.get(name), ours.get(name)
            raise RunFolderError(f"{run.path}: holds a run with {name} = {was!r}, not {is_now!r}")


def read_manifest(run: RunFolder) -> dict[str, Any]:
    """Return run.json. Raises RunFolderError if there is none, or it is of another format version."""
    manifest = run.read_manifest()
    if manifest.get("format_version") != FORMAT_VERSION:
        version = manifest.get("format_version")
        raise RunFolderError(f"{run.path}: a run folder of format version {version}, not {FORMAT_VERSION}")
    return manifest


def _versions() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"starttls-survey": __version__, "python": platform.python_version(), **versions}


def adopt_root_store(run: RunFolder, pem_file: str) -> None:
    """Copy the trust anchors into the run folder, so that its verdicts can be made again from it alone."""
    octets = Path(pem_file).read_bytes()
    run.write_root_store(octets)
    facts = {
        "sha256": hashlib.sha256(octets).hexdigest(),
        "source": Path(pem_file).name,
        "anchors": len(re.findall(b"-----BEGIN CERTIFICATE-----", octets)),
    }
    run.write_manifest(read_manifest(run) | {"root_store": facts})


def observe(run: RunFolder, settings: Settings, engine: Engine, stages: tuple[Stage, ...] = STAGES) -> None:
    """Run stages that ask the network. What is done already is not done again.

    Raises StoppedError when the user interrupts; RunFolderError for a stage whose predecessor is missing.
    """
    for stage in stages:
        if not work_list(run, stage.name).exists():
            _WORK_LISTS[stage.name](run, settings)
        engine.run(stage, run, settings)
    gather_certificates(run)


def finish(run: RunFolder, feedback: Feedback, interruption: Interruption) -> None:
    """Judge what was observed, and write into run.json when the run was finished first."""
    judge(run, str(run.root_store_path), feedback, interruption)
    manifest = read_manifest(run)
    if manifest["finished_at"] is None:
        run.write_manifest(manifest | {"finished_at": datetime.now(UTC).isoformat(timespec="seconds")})

"""Make a dataset of a finished run: tables, descriptions, figures, checksums; whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from crawler.dataset.certified import certified_certificates
from crawler.dataset.descriptors import (
    FIGURE_SCHEMA,
    About,
    as_json,
    croissant,
    data_package,
    figure_schema,
)
from crawler.dataset.papers import LICENCE, citation, published_manifest, readme, zenodo
from crawler.dataset.pseudonyms import Pseudonyms
from crawler.dataset.redaction import Redaction, Redactor
from crawler.dataset.tables import part_name, write_table
from crawler.dataset.views import views
from crawler.dictionary import dictionary
from crawler.records import TABLES
from crawler.storing.digests import sha256_of
from crawler.storing.object_store import ObjectPath
from crawler.storing.run_database import RunDatabase, run_database
from crawler.storing.run_folder import RunFolder

NAMING_FIGURES = ("certificate_issuers",)
"""Figures whose classes are text out of certificates, which anybody may have written."""
_AUTHORS = "The starttls-survey maintainers"
_KEYWORDS = ("SMTP", "STARTTLS", "DANE", "MTA-STS", "TLSRPT", "DNSSEC", "internet measurement")


class DatasetError(ValueError):
    """A run that cannot be published, or a place where it cannot go; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is published."""

    redact: bool = False
    """Without what should not be public (`redaction`)."""
    key: bytes | None = None
    """Under pseudonyms made with this key (`pseudonyms`); None: under the names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What came of it."""

    rows: dict[str, int]
    sizes: dict[str, int]
    """Octets, by table."""
    redactions: dict[Redaction, int]
    """How often each rule of redaction was used; empty without them."""

    @property
    def octets_per_domain(self) -> float:
        """Return the octets per listed domain of all tables but the certificates."""
        octets = sum(size for table, size in self.sizes.items() if table != "certificates")
        return octets / max(self.rows["domains"], 1)


def check_publishable(run: RunFolder, out: Path) -> dict[str, Any]:
    """Return run.json, if the run is finished and there is nothing at `out`.

    Raises DatasetError, and RunFolderError if there is no run.
    """
    manifest = run.read_manifest()
    if not manifest.get("finished_at"):
        raise DatasetError(f"{run.path}: the run is not finished; the command that began it goes on")
    for table in TABLES:
        if not run.shards(table):
            raise DatasetError(f"{run.path}: table {table} has no part file")
    if isinstance(out, ObjectPath):
        raise DatasetError(f"{out}: a dataset is made on this machine; then it can be copied there")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out}: is there already, and not empty")
    if out.resolve().is_relative_to(run.path.resolve()):
        raise DatasetError(f"{out}: lies in the run folder")
    return manifest


def publish(run: RunFolder, out: Path, options: Options) -> Published:
    """Write the dataset of a run, whose figures stand. The same run gives the same octets.

    Raises DatasetError, RunFolderError, OSError.
    """
    manifest = check_publishable(run, out)
    with _made_aside(out) as folder:
        with run_database(run) as database:
            published = _write_tables(database, run, folder, options)
        figures = [] if options.key else _copy_figures(run, folder, options)
        _copy(run.root_store_path, folder)
        _write_papers(folder, manifest, options, published, figures)
    return published


def _write_tables(database: RunDatabase, run: RunFolder, folder: Path, options: Options) -> Published:
    certified = certified_certificates(database, run) if options.redact or options.key else frozenset()
    redactor = Redactor(certified) if options.redact else None
    pseudonyms = Pseudonyms(options.key, certified) if options.key else None
    rules = [rule for rule in (redactor, pseudonyms) if rule is not None]

    def rewrite(record: Any) -> Any:
        for rule in rules:
            record = rule(record)
        return record

    for table in TABLES:
        write_table(database, run, folder, table, rewrite if rules else None)
    paths = {table: folder / part_name(table) for table in TABLES}
    return Published(
        rows={table: pq.read_metadata(path).num_rows for table, path in paths.items()},
        sizes={table: path.stat().st_size for table, path in paths.items()},
        redactions={} if redactor is None else {rule: redactor.counts[rule] for rule in Redaction},
    )


def _copy_figures(run: RunFolder, folder: Path, options: Options) -> list[Path]:
    wanted = [
        path
        for path in sorted((run.path / "figures").glob("*.csv"))
        if not (options.redact and path.stem in NAMING_FIGURES)
    ]
    if not wanted:
        raise DatasetError(f"{run.path}: has no figures; make them with: starttls-survey report {run.path}")
    (folder / "figures").mkdir()
    return [_copy(path, folder / "figures") for path in wanted]


def _copy(path: Path, folder: Path) -> Path:
    """Copy a file of a run, which may stand in an object store; return the copy."""
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())
    return copy


def _write_papers(
    folder: Path, manifest: dict[str, Any], options: Options, published: Published, figures: list[Path]
) -> None:
    about = _about(manifest)
    papers = {
        "run.json": as_json(published_manifest(manifest, folder), indent=2),
        "dictionary.md": dictionary(),
        "views.sql": views(has_figures=bool(figures)),
        "croissant.json": as_json(croissant(about, folder)),
        "datapackage.json": as_json(data_package(about, folder, figures)),
        "LICENSE": LICENCE,
        "CITATION.cff": citation(about),
        ".zenodo.json": as_json(zenodo(about), indent=2),
        "README.md": readme(about, manifest, published, is_hashed=options.key is not None),
    }
    if figures:
        papers[FIGURE_SCHEMA] = as_json(figure_schema(figures[0]))
    for name, text in papers.items():
        (folder / name).write_text(text, encoding="utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = [f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def _about(manifest: dict[str, Any]) -> About:
    surveyed, run_id = manifest["list"]["name"], manifest["run_id"]
    published_on = manifest["finished_at"][:10]
    year, month, day = map(int, published_on.split("-"))
    title = f"STARTTLS survey of {surveyed}, {manifest['started_at'][:10]}"
    where = "a loopback internet (the lab of the program)" if manifest.get("lab") else "the internet"
    return About(
        name=f"starttls-survey-{run_id.lower()}",
        title=title,
        description=(
            f"How the mail servers of {manifest['list']['listed']:,} domains use STARTTLS, DANE, MTA-STS and "
            f"TLSRPT: one crawl of {where} by starttls-survey. Observations (DNS, SMTP sessions, TLS, "
            "certificates as sent, MTA-STS policies) and verdicts on them are tables of their own."
        ),
        version=f"{year}.{month}.{day}",
        published_on=published_on,
        creator=_AUTHORS,
        citation=f"{_AUTHORS} ({year}). {title} [data set]. Run {run_id}.",
        keywords=_KEYWORDS,
    )


@contextlib.contextmanager
def _made_aside(out: Path) -> Iterator[Path]:
    """Give a folder beside the wanted one, which takes its name at the end, or goes away after an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name}.{os.getpid()}")
    aside.mkdir()
    try:
        yield aside
        aside.replace(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)

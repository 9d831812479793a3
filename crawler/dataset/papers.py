"""The texts of a dataset: README, licence, citation, what Zenodo wants to know."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from crawler.dataset.descriptors import LICENCE_NAME, LICENCE_URL, About, summary
from crawler.dataset.pseudonyms import LEAST_RANK, WITHHELD
from crawler.dataset.queries import QUERIES
from crawler.dataset.redaction import REDACTED
from crawler.dataset.tables import part_name
from crawler.records import TABLES
from crawler.storing.digests import sha256_of

if TYPE_CHECKING:
    from crawler.dataset.publishing import Published

LICENCE = f"""\
These data are licensed under the Creative Commons Attribution 4.0 International licence (CC BY 4.0).

The licence: {LICENCE_URL}
Its legal code: {LICENCE_URL}legalcode

You may share and adapt them, for any purpose, if you give credit (see CITATION.cff), link to the licence
and say whether you changed anything.

SPDX-License-Identifier: {LICENCE_NAME}
"""

_TEMPLATES = Path(__file__).parent / "templates"
_PATH_SETTINGS = ("root_store", "opt_out")
"""Settings that are places on the surveying machine: their folders say nothing about the data."""


def published_manifest(manifest: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return run.json with the files of the dataset, and without the folders of the machine that surveyed."""
    parts = {part_name(table): sha256_of(folder / part_name(table)) for table in TABLES}
    published = {**manifest, "parts": parts}
    for part in ("settings", "effective_settings"):
        if part in published:
            paths = {name: Path(published[part].get(name, "")).name for name in _PATH_SETTINGS}
            published[part] = published[part] | paths
    return published


def citation(about: About) -> str:
    """Return CITATION.cff. A JSON string is a YAML one."""
    keywords = ", ".join(map(json.dumps, about.keywords))
    return f"""\
cff-version: 1.2.0
message: If you use these data, please cite them as below.
type: dataset
title: {json.dumps(about.title)}
abstract: {json.dumps(about.description)}
authors:
  - name: {json.dumps(about.creator)}
version: {json.dumps(about.version)}
date-released: {about.published_on}
license: {LICENCE_NAME}
keywords: [{keywords}]
"""


def zenodo(about: About) -> dict[str, Any]:
    """Return what an upload to Zenodo is described by (.zenodo.json)."""
    return {
        "upload_type": "dataset",
        "title": about.title,
        "description": about.description,
        "creators": [{"name": about.creator}],
        "publication_date": about.published_on,
        "version": about.version,
        "access_right": "open",
        "license": LICENCE_NAME.lower(),
        "keywords": list(about.keywords),
        "language": "eng",
    }


def readme(about: About, manifest: Mapping[str, Any], published: "Published", *, is_hashed: bool) -> str:
    """Return README.md."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=False,  # noqa: S701 - Markdown, made of our own words and numbers
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("README.md.j2").render(
        about=about,
        run=manifest,
        tables=[
            (table, published.rows[table], published.sizes[table], summary(record))
            for table, record in TABLES.items()
        ],
        octets_per_domain=published.octets_per_domain,
        redactions=list(published.redactions.items()),
        is_hashed=is_hashed,
        least_rank=LEAST_RANK,
        redacted=REDACTED,
        withheld=WITHHELD,
        queries=QUERIES,
    )

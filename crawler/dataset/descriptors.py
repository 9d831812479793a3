"""Two descriptions of a dataset for programs: Croissant (JSON-LD) and Frictionless Data Package."""

import csv
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, get_origin

from crawler.dataset.tables import part_name
from crawler.outcomes import Vocabulary
from crawler.records import TABLE_KEYS, TABLES
from crawler.schema import Column, columns, element_type
from crawler.storing.digests import sha256_of

LICENCE_NAME, LICENCE_URL = "CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"

FIGURE_SCHEMA = "figures.schema.json"

_CROISSANT_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""As the specification gives it, version 1.0."""

_CROISSANT_TYPES = {
    str: "sc:Text",
    bytes: "sc:Text",
    bool: "sc:Boolean",
    int: "sc:Integer",
    float: "sc:Float",
    datetime: "sc:DateTime",
}
_FIGURE_TYPES = {
    **dict.fromkeys(
        ("numerator", "denominator", "unknown", "never", "inferred", "inference_bound"), "integer"
    ),
    **dict.fromkeys(("estimate", "low", "high"), "number"),
}
"""The columns of a figure that are no text."""
_FRICTIONLESS_TYPES: dict[type, dict[str, str]] = {
    str: {"type": "string"},
    bytes: {"type": "string", "format": "binary"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "datetime"},
}


@dataclasses.dataclass(frozen=True, slots=True)
class About:
    """What is said of a dataset as a whole."""

    name: str
    title: str
    description: str
    version: str
    published_on: str
    """A date: that of the end of the run."""
    creator: str
    citation: str
    keywords: tuple[str, ...]


def as_json(document: Any, *, indent: int | None = None) -> str:
    """Return a document as JSON text, the same for the same content."""
    return json.dumps(document, indent=indent, ensure_ascii=False) + "\n"


# --- Croissant


def croissant(about: About, folder: Path) -> dict[str, Any]:
    """Return the description of the tables in a folder as Croissant 1.0 (MLCommons)."""
    return {
        "@context": _CROISSANT_CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": about.name,
        "description": about.description,
        "version": about.version,
        "datePublished": about.published_on,
        "creator": {"@type": "sc:Organization", "name": about.creator},
        "citeAs": about.citation,
        "license": LICENCE_URL,
        "url": "./",
        "keywords": list(about.keywords),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"{table}.parquet",
                "name": f"{table}.parquet",
                "contentUrl": part_name(table),
                "contentSize": f"{(folder / part_name(table)).stat().st_size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": sha256_of(folder / part_name(table)),
            }
            for table in TABLES
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": table,
                "name": table,
                "description": summary(record),
                "key": [{"@id": f"{table}/{key}"} for key in TABLE_KEYS[table]],
                "field": [_croissant_field(table, column) for column in columns(record)],
            }
            for table, record in TABLES.items()
        ],
    }


def _croissant_field(table: str, column: Column) -> dict[str, Any]:
    kind, is_list = _kind(column)
    field = _croissant_part(table, column, (column.name,), kind, is_list)
    if dataclasses.is_dataclass(kind):
        del field["dataType"], field["source"]
        field["subField"] = list(_members(table, (column.name,), kind))
    return field


def _members(table: str, path: tuple[str, ...], record: Any) -> Iterator[dict[str, Any]]:
    """Give the members of a nested column. Croissant has no words for a list of structs within a struct."""
    for column in columns(record):
        kind, is_list = _kind(column)
        if not dataclasses.is_dataclass(kind):
            yield _croissant_part(table, column, (*path, column.name), kind, is_list)
        elif not is_list:
            yield from _members(table, (*path, column.name), kind)


def _croissant_part(
    table: str, column: Column, path: tuple[str, ...], kind: Any, is_list: bool
) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": path[0]}}
    if path[1:]:
        source["transform"] = {"jsonPath": ".".join(["$", *path[1:]])}
    return {
        "@type": "cr:Field",
        "@id": "/".join([table, *path]),
        "name": ".".join(path),
        "description": column.description,
        "dataType": "sc:Text" if dataclasses.is_dataclass(kind) else _scalar(_CROISSANT_TYPES, kind),
        **({"repeated": True} if is_list else {}),
        "source": source,
    }


def _kind(column: Column) -> tuple[Any, bool]:
    """Return the type of a column, or of its elements, and whether it is a list."""
    is_list = get_origin(column.annotation) is tuple
    return (element_type(column.annotation) if is_list else column.annotation), is_list


# --- Frictionless


def data_package(about: About, folder: Path, figures: Sequence[Path]) -> dict[str, Any]:
    """Return the description of tables and figures as a Data Package (Frictionless, version 1)."""
    tables = [
        {
            "name": table.replace("_", "-"),
            "title": summary(record),
            "path": part_name(table),
            "profile": "data-resource",
            # A file, not a table: frictionless-py knows no nested Parquet, and reads null as NaN.
            "type": "file",
            "format": "parquet",
            "mediatype": "application/vnd.apache.parquet",
            **_integrity(folder / part_name(table)),
            "schema": {
                "fields": [_frictionless_field(column) for column in columns(record)],
                "primaryKey": list(TABLE_KEYS[table]),
            },
        }
        for table, record in TABLES.items()
    ]
    return {
        "profile": "data-package",
        "name": about.name,
        "id": about.version,
        "title": about.title,
        "description": about.description,
        "version": about.version,
        "created": f"{about.published_on}T00:00:00Z",
        "licenses": [{"name": LICENCE_NAME, "path": LICENCE_URL}],
        "contributors": [{"title": about.creator, "role": "author"}],
        "keywords": list(about.keywords),
        "resources": [*tables, *(_figure(folder, path) for path in figures)],
    }


def _integrity(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "hash": f"sha256:{sha256_of(path)}"}


def _frictionless_field(column: Column) -> dict[str, Any]:
    kind = column.annotation
    if get_origin(kind) is tuple:
        shape = {"type": "array"}
    elif dataclasses.is_dataclass(kind):
        shape = {"type": "object"}
    else:
        shape = _scalar(_FRICTIONLESS_TYPES, kind)
    if isinstance(kind, type) and issubclass(kind, Vocabulary):
        constraints: dict[str, Any] = {"enum": [word.value for word in kind]}
    else:
        constraints = {}
    if not column.nullable:
        constraints["required"] = True
    field = {"name": column.name, **shape, "description": column.description}
    return field | ({"constraints": constraints} if constraints else {})


def _figure(folder: Path, path: Path) -> dict[str, Any]:
    return {
        "name": f"figure-{path.stem.replace('_', '-')}",
        "path": path.relative_to(folder).as_posix(),
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        **_integrity(path),
        "schema": FIGURE_SCHEMA,
    }


def figure_schema(figure: Path) -> dict[str, Any]:
    """Return the Table Schema of all figures, read from the header of one."""
    with figure.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    return {"fields": [{"name": name, "type": _FIGURE_TYPES.get(name, "string")} for name in header]}


def summary(record: type) -> str:
    """Return what a record class says of itself, on one line."""
    return " ".join((record.__doc__ or "").split())


def _scalar(types: Mapping[type, Any], kind: Any) -> Any:
    return next(found for known, found in types.items() if issubclass(kind, known))

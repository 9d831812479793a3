"""The data dictionary: every column of every table and every word in it, generated from the records."""

import dataclasses
from collections.abc import Iterator
from typing import get_origin

from crawler.outcomes import Vocabulary
from crawler.records import TABLE_KEYS, TABLES
from crawler.schema import SCALARS, columns, element_type


def dictionary() -> str:
    """Return the data dictionary, as Markdown: every column of every table, and every word in it."""
    return "\n".join(_dictionary_lines()) + "\n"


def _dictionary_lines() -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield "Generated from `crawler/records.py` and `crawler/outcomes.py` by `make dictionary`; do not edit."
    yield "Nested columns are written with a dot; `[]` marks the elements of a list. Null means not attempted"
    yield "or not known, as the description says; it never means no."
    vocabularies: dict[str, type[Vocabulary]] = {}
    for table, record in TABLES.items():
        yield from ("", f"## {table}", "", _summary(record), "", f"Key: {', '.join(TABLE_KEYS[table])}.", "")
        yield "| column | type | null | description |"
        yield "|---|---|---|---|"
        yield from _dictionary_rows("", record, vocabularies)
    for name, vocabulary in sorted(vocabularies.items()):
        yield from (
            "",
            f"## Words of `{name}`",
            "",
            _summary(vocabulary),
            "",
            "| word | meaning |",
            "|---|---|",
        )
        yield from (f"| `{word.value}` | {word.meaning} |" for word in vocabulary)


def _summary(documented: type) -> str:
    return " ".join((documented.__doc__ or "").split())


def _dictionary_rows(prefix: str, record: type, vocabularies: dict[str, type[Vocabulary]]) -> Iterator[str]:
    for column in columns(record):
        annotation, path = column.annotation, prefix + column.name
        is_list = get_origin(annotation) is tuple
        if is_list:
            annotation, path = element_type(annotation), path + "[]"
        nested = dataclasses.is_dataclass(annotation)
        if nested:
            word = "struct"
        elif issubclass(annotation, Vocabulary):
            vocabularies[annotation.__name__] = annotation
            word = f"`{annotation.__name__}`"
        else:
            word = str(SCALARS[annotation])
        null = "yes" if column.nullable else "no"
        yield f"| `{path}` | {'list of ' if is_list else ''}{word} | {null} | {column.description} |"
        if nested:
            assert isinstance(annotation, type)
            yield from _dictionary_rows(path + ".", annotation, vocabularies)


if __name__ == "__main__":
    print(dictionary(), end="")  # noqa: T201 (this is how `make dictionary` gets it)

"""The TXT records that MTA-STS and TLSRPT share the form of: `v=X; name=value; ...`.

RFC 8461 s3.1 and RFC 8460 s3 have the same grammar but for their own field:
    record    = version 1*(delim field) [delim]
    delim     = *WSP ";" *WSP
    extension = ext-name "=" ext-value
"""

import re
from collections.abc import Sequence

_WSP = " \t"
# ext-name = (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")
# ext-value = 1*(%x21-3A / %x3C / %x3E-7E), that is without "=", ";", space and controls
_EXTENSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3A\x3C\x3E-\x7E]+")


def records_of_version(texts: Sequence[str], version: str) -> list[str]:
    """Return the texts that count: those that begin with the version and ";", case-sensitive.

    The grammar allows blanks before that ";", but where there are several records, those that do not begin
    with exactly "version;" are discarded. A record that stands alone is not subject to that rule.
    """
    if len(texts) == 1 and texts[0].startswith(version):
        return list(texts) if texts[0][len(version) :].lstrip(_WSP).startswith(";") else []
    return [text for text in texts if text.startswith(version + ";")]


def split_fields(record: str) -> list[str]:
    """Return the fields behind the version of a record; malformed ones as they are."""
    _, *fields = record.split(";")
    last = len(fields) - 1
    # Blanks belong to a delimiter; behind the last field there need be none, and then they are an error.
    fields = [
        field.lstrip(_WSP) if place == last else field.strip(_WSP) for place, field in enumerate(fields)
    ]
    return fields[:-1] if fields and not fields[-1] else fields


def is_extension(field: str) -> bool:
    """Whether a field is well formed, whatever its name: unknown fields are ignored, broken ones are not."""
    return _EXTENSION.fullmatch(field) is not None


def first_value(fields: Sequence[str], name: str) -> str | None:
    """Return the value of the first field of a name: later ones are ignored (RFC 8461 s3.2). None: none."""
    prefix = name + "="
    return next((field.removeprefix(prefix) for field in fields if field.startswith(prefix)), None)

"""MTA-STS: the TXT record, the policy text, and its mx patterns (RFC 8461 s3.1, s3.2, s4.1)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crawler.outcomes import StsMode, StsPolicySyntax, StsRecordVerdict
from crawler.protocol.text import original_octets
from crawler.protocol.txt_fields import first_value, is_extension, records_of_version, split_fields

_RECORD_VERSION = "v=STSv1"
_POLICY_VERSION = "STSv1"
_MAXIMUM_MAX_AGE_SECONDS = 31557600

# sts-id = %s"id=" 1*32(ALPHA / DIGIT)
_ID = re.compile(r"[A-Za-z0-9]{1,32}")

# sts-policy-ext-name = (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
# sts-policy-ext-value = sts-policy-vchar [*(SP / sts-policy-vchar) sts-policy-vchar],
# sts-policy-vchar = %x21-7E / UTF8-2 / UTF8-3 / UTF8-4; blanks around the value are stripped before.
_VALUE = re.compile(r"[\x20-\x7E\x80-\U0010FFFF]*")
# ["*."] Domain, with RFC 5321 s4.1.2: Domain = sub-domain *("." sub-domain), sub-domain = Let-dig [Ldh-str]
_SUB_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_MX_PATTERN = re.compile(rf"(?:\*\.)?{_SUB_DOMAIN}(?:\.{_SUB_DOMAIN})*")
# 1*10(DIGIT)
_MAX_AGE = re.compile(r"[0-9]{1,10}")
_WSP = " \t"
_MODES = {mode.value: mode for mode in StsMode}
# sts-policy-term = LF / CRLF
_LINE_END = re.compile(r"\r?\n")

_MISSING = {
    "version": StsPolicySyntax.MISSING_VERSION,
    "mode": StsPolicySyntax.MISSING_MODE,
    "max_age": StsPolicySyntax.MISSING_MAX_AGE,
}
"""The fields that are required in every mode, and repeated in none."""


def parse_records(texts: Sequence[str]) -> tuple[StsRecordVerdict, str | None]:
    """Return what the TXT records at _mta-sts are, and the id if valid.

    The texts are as `text.printable` makes them.
    """
    records = records_of_version([original_octets(text).decode("latin-1") for text in texts], _RECORD_VERSION)
    if not records:
        return StsRecordVerdict.ABSENT, None
    if len(records) > 1:
        return StsRecordVerdict.MULTIPLE, None
    fields = split_fields(records[0])
    if not all(field.startswith("id=") or is_extension(field) for field in fields):
        return StsRecordVerdict.MALFORMED, None
    record_id = first_value(fields, "id")
    if record_id is None or not _ID.fullmatch(record_id):
        return StsRecordVerdict.INVALID_ID, None
    return StsRecordVerdict.VALID, record_id


class PolicyError(ValueError):
    """A policy text that breaks the grammar; `syntax` says where first."""

    def __init__(self, syntax: StsPolicySyntax) -> None:
        """Keep the word, and let its meaning be the message."""
        super().__init__(syntax.meaning)
        self.syntax = syntax


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A well-formed policy."""

    version: str
    mode: StsMode
    max_age: int
    """Seconds."""
    mx_patterns: tuple[str, ...]
    """In the order written, lower case; may be empty in mode none only."""


def parse_policy(body: bytes) -> Policy:
    """Return the policy that a text is; raises PolicyError for the first error, missing fields last.

    Lines end in LF or CRLF, the last one need not end; a blank line is an error, as the grammar has none.
    Of a repeated field the first counts, but for mx, which may be repeated; unknown fields are ignored.
    """
    values: dict[str, str] = {}
    mx_patterns: list[str] = []
    for name, value in _fields(body):
        if name == "mx":
            if not _MX_PATTERN.fullmatch(value):
                raise PolicyError(StsPolicySyntax.INVALID_MX)
            mx_patterns.append(value.lower())
        elif name in _MISSING and name not in values:
            values[name] = value
            _check(name, value)
    for name, missing in _MISSING.items():
        if name not in values:
            raise PolicyError(missing)
    mode = _MODES[values["mode"]]
    if not mx_patterns and mode is not StsMode.NONE:
        raise PolicyError(StsPolicySyntax.MISSING_MX)
    return Policy(
        version=values["version"],
        mode=mode,
        max_age=int(values["max_age"]),
        mx_patterns=tuple(mx_patterns),
    )


def _fields(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and value of each line, which is well formed but for the value of a known field."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise PolicyError(StsPolicySyntax.NOT_TEXT) from None
    if "\0" in text:
        raise PolicyError(StsPolicySyntax.NOT_TEXT)
    # Not str.splitlines, for which a line also ends at CR, FF, U+0085, U+2028 and others.
    lines = _LINE_END.split(text)
    if not lines[-1]:
        del lines[-1]
    for line in lines:
        name, colon, value = line.partition(":")
        value = value.strip(_WSP)
        if not (colon and _NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise PolicyError(StsPolicySyntax.MALFORMED_LINE)
        if not value and name != "mx" and name not in _MISSING:
            raise PolicyError(StsPolicySyntax.MALFORMED_LINE)
        yield name, value


def _check(name: str, value: str) -> None:
    """Raise PolicyError if this is no value of a field of _MISSING. All are case-sensitive."""
    if name == "version" and value != _POLICY_VERSION:
        raise PolicyError(StsPolicySyntax.INVALID_VERSION)
    if name == "mode" and value not in _MODES:
        raise PolicyError(StsPolicySyntax.INVALID_MODE)
    if name == "max_age" and not (_MAX_AGE.fullmatch(value) and int(value) <= _MAXIMUM_MAX_AGE_SECONDS):
        raise PolicyError(StsPolicySyntax.INVALID_MAX_AGE)


def matches_mx_pattern(pattern: str, mx_host: str) -> bool:
    """Whether an MX host name matches an mx pattern (s4.1), both in A-labels, in any case.

    "*." stands for exactly one label. One final dot of the host is dropped.
    """
    pattern, mx_host = pattern.lower(), mx_host.removesuffix(".").lower()
    if pattern.startswith("*."):
        label, _, parent = mx_host.partition(".")
        return label != "" and parent == pattern[2:] != ""
    return pattern == mx_host

"""What the text columns hold, by the name of the column: the rules of publishing are told by kind."""

import dataclasses
import enum
from collections.abc import Callable
from functools import cache
from typing import Any, get_origin

from crawler.outcomes import Vocabulary
from crawler.schema import columns, element_type


class Content(enum.Enum):
    """What a column of text or octets holds."""

    WORD = enum.auto()
    """A word from somebody's closed list, such as a cipher suite."""
    NAME = enum.auto()
    """A domain or host name."""
    PATTERN = enum.auto()
    """A name, or "*." and a name."""
    ADDRESS = enum.auto()
    """An IP address."""
    FINGERPRINT = enum.auto()
    """What finds its owner in public registers: a digest, a serial number, the id of a record."""
    REMARK = enum.auto()
    """Technical text that seldom names anybody: EHLO keywords, what a library said."""
    SPEECH = enum.auto()
    """Text that its owner wrote, and that often names somebody."""
    DOCUMENT = enum.auto()
    """A whole that names its owner: a policy, a distinguished name."""
    CERTIFICATE = enum.auto()
    """A certificate's DER."""


_COLUMNS = {
    Content.WORD: "version cipher_suite group name hello_command key_type signature_algorithm "
    "root_store_sha256",
    Content.NAME: "domain target exchange mx_host provider policy_host sample_mx_host dane_base_domain "
    "sts_uncovered",
    Content.PATTERN: "sts_mx_patterns dns_names",
    Content.ADDRESS: "address addresses",
    Content.FINGERPRINT: "chain sha256 spki_sha256 association_data serial_number sts_id",
    Content.REMARK: "ehlo_keywords ehlo_keywords_tls content_type error failure_detail parse_failure",
    Content.SPEECH: "texts lines location tlsrpt_ruas",
    Content.CERTIFICATE: "der",
    Content.DOCUMENT: "body subject issuer common_names",
}
CONTENTS = {name: content for content, names in _COLUMNS.items() for name in names.split()}
"""What each column of text or octets holds. A new one must be entered: nothing is published by oversight."""

TextRule = Callable[[Content, Any], Any]
"""From a text (or octets) and what it is to the text that is published. Not asked for null."""


@cache
def text_columns(record: type) -> tuple[str, ...]:
    """Return the names of a record's columns of text or octets, those of nested records too."""
    found: list[str] = []
    for column in columns(record):
        kind = column.annotation
        if get_origin(kind) is tuple:
            kind = element_type(kind)
        if dataclasses.is_dataclass(kind):
            assert isinstance(kind, type)
            found += text_columns(kind)
        elif kind in (str, bytes):
            found.append(column.name)
    return tuple(dict.fromkeys(found))


def rewrite_texts(record: Any, rule: TextRule) -> Any:
    """Return a record with every text in it as the rule gives it."""
    changed = {}
    record_class: type = type(record)
    for name, rewrite in _rewriters(record_class):
        before = getattr(record, name)
        after = rewrite(before, rule)
        if after != before:
            changed[name] = after
    return dataclasses.replace(record, **changed) if changed else record


@cache
def _rewriters(record: type) -> tuple[tuple[str, Callable[[Any, TextRule], Any]], ...]:
    found = []
    for column in columns(record):
        kind, is_list = column.annotation, get_origin(column.annotation) is tuple
        if is_list:
            kind = element_type(kind)
        if dataclasses.is_dataclass(kind):
            found.append((column.name, _each(rewrite_texts) if is_list else _unless_null(rewrite_texts)))
        elif not issubclass(kind, Vocabulary) and kind in (str, bytes):
            one = _asking(CONTENTS[column.name])
            found.append((column.name, _each(one) if is_list else _unless_null(one)))
    return tuple(found)


def _asking(content: Content) -> Callable[[Any, TextRule], Any]:
    return lambda text, rule: rule(content, text)


def _unless_null(one: Callable[[Any, TextRule], Any]) -> Callable[[Any, TextRule], Any]:
    return lambda value, rule: None if value is None else one(value, rule)


def _each(one: Callable[[Any, TextRule], Any]) -> Callable[[Any, TextRule], Any]:
    return lambda values, rule: None if values is None else tuple(one(value, rule) for value in values)

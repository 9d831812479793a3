"""Where the mail of a domain goes: each scenario says what its MX lookup gives and what the hosts are."""

from dataclasses import dataclass
from typing import Literal

Exchanges = tuple[tuple[int, str], ...]

UNUSABLE = {
    "null": (".", "root"),
    "ip_literal": ("192.0.2.25", "ip_literal"),
    "localhost": ("localhost", "localhost"),
    "single_label": ("mailserver", "single_label"),
    "not_a_hostname": ("mail_server.%", "not_a_hostname"),
}
"""Target to the exchange and the reason why it is none; '%' stands for the domain."""


AGAIN = "again"
"""Target for the host of the first exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailScenario:
    """The MX records of a domain."""

    mx_kind: str = "explicit"
    failure: str | None = None
    """How the MX lookup fails: a word of FAILED_LOOKUPS."""
    exchanges: Exchanges | None = ()
    """Preference and target. None: those of a provider, a small hoster or the domain itself, by their shares.
    Targets: AGAIN, a word of UNUSABLE or HOSTS, 'site' = a host below the domain, drawn by the rates,
    'site:<word>' = one with that word of SMTP_SCENARIOS; 'site:<word>:<word>': then of TLSA_SCENARIOS."""
    implicit: str | None = None
    """Target for the domain itself, in place of MX records."""
    alias: Literal["unsigned", "signed"] | None = None
    """The domain is a CNAME into a zone of that security, and the MX records are those of its target. Without
    exchanges of their own they are a small hoster's."""
    needs_signed: bool | None = None


HOSTS = (
    "no_address",
    "nxdomain",
    "servfail",
    "bogus",
    "timeout",
    "alias",
    "alias_to_insecure",
    "alias_to_secure",
    "two_addresses",
)
"""Targets that are host names below the domain: with an address or without. An alias leads to another name of
its own zone, or into a zone of that security."""


def _failing(failure: str, *, needs_signed: bool | None = None) -> MailScenario:
    return MailScenario(mx_kind="unknown", failure=failure, needs_signed=needs_signed)


def _explicit(*exchanges: tuple[int, str]) -> MailScenario:
    return MailScenario(exchanges=exchanges)


def _signed(*exchanges: tuple[int, str]) -> MailScenario:
    return MailScenario(exchanges=exchanges, needs_signed=True)


MAIL_SCENARIOS: dict[str, MailScenario] = {
    "hosted": MailScenario(exchanges=None),
    "nxdomain": MailScenario(mx_kind="no_domain", needs_signed=False),
    "servfail": _failing("servfail"),
    "refused": _failing("refused"),
    "timeout": _failing("timeout"),
    "bogus": _failing("bogus", needs_signed=True),
    "null_mx": MailScenario(mx_kind="null_mx", exchanges=((0, "null"),)),
    "null_mx_odd_preference": MailScenario(mx_kind="null_mx", exchanges=((10, "null"),)),
    "null_mx_with_others": MailScenario(mx_kind="null_mx_with_others", exchanges=((0, "null"), (10, "site"))),
    "implicit_mx": MailScenario(mx_kind="no_mx", implicit="site"),
    "implicit_no_address": MailScenario(mx_kind="no_mx", implicit="no_address"),
    "alias": MailScenario(exchanges=None, alias="unsigned"),
    "alias_to_signed": MailScenario(exchanges=((10, "site"),), alias="signed", needs_signed=True),
    "alias_to_unsigned": MailScenario(exchanges=((10, "site"),), alias="unsigned", needs_signed=True),
    "host_no_address": _explicit((10, "no_address")),
    "host_nxdomain": _explicit((10, "nxdomain")),
    "host_servfail": _explicit((10, "servfail")),
    "host_bogus": MailScenario(exchanges=((10, "bogus"),), needs_signed=True),
    "host_timeout": _explicit((10, "timeout")),
    "host_alias": _explicit((10, "alias")),
    "host_alias_to_insecure": MailScenario(exchanges=((10, "alias_to_insecure"),), needs_signed=True),
    "host_alias_to_secure": MailScenario(exchanges=((10, "alias_to_secure"),), needs_signed=False),
    "ip_literal": _explicit((10, "ip_literal")),
    "localhost": _explicit((0, "localhost")),
    "single_label": _explicit((5, "single_label")),
    "not_a_hostname": _explicit((10, "not_a_hostname")),
    "unusable_primary": _explicit((0, "localhost"), (10, "site")),
    "unusable_beside_usable": _explicit((10, "single_label"), (10, "site")),
    "backup": _explicit((10, "site"), (20, "site")),
    "dead_primary": _explicit((10, "site:connect_refused"), (20, "site:good")),
    "mixed_primaries": _explicit((10, "site:good"), (10, "site:no_starttls")),
    "primary_and_gone": _explicit((10, "site:good"), (20, "nxdomain")),
    "listed_twice": _explicit((20, "site:good"), (10, AGAIN), (15, "site:good")),
    "plain_primary": _explicit((10, "site:no_starttls"), (20, "site:good")),
    "good_pair": _explicit((10, "site:good"), (20, "site:good")),
    "tlsa_at_backup": _signed((10, "site:good:mismatch"), (20, "site:good:ee_key")),
    "tlsa_at_one_primary": _signed((10, "site:good:ee_key"), (10, "site:good:none")),
    "tlsa_wrong_at_one_primary": _signed((10, "site:good:ee_key"), (10, "site:good:mismatch")),
    "tlsa_beside_dead_primary": _signed((10, "site:connect_refused:mismatch"), (10, "site:good:ee_key")),
    "tlsa_at_backup_of_dead": _signed((10, "site:connect_refused:none"), (20, "site:good:ee_key")),
    "tlsa_fails_at_dead": _signed((10, "site:connect_refused:servfail"), (20, "site:good:ee_key")),
    "two_addresses": _explicit((10, "two_addresses")),
}

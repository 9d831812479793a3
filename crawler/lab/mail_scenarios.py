"""Where the mail of a domain goes: each scenario says what its MX lookup gives and what the hosts are."""

from dataclasses import dataclass

Exchanges = tuple[tuple[int, str], ...]

UNUSABLE = {
    "null": (".", "root"),
    "ip_literal": ("192.0.2.25", "ip_literal"),
    "localhost": ("localhost", "localhost"),
    "single_label": ("mailserver", "single_label"),
    "not_a_hostname": ("mail_server.%", "not_a_hostname"),
}
"""Target to the exchange and the reason why it is none; '%' stands for the domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailScenario:
    """The MX records of a domain."""

    mx_kind: str = "explicit"
    failure: str | None = None
    """How the MX lookup fails: a word of FAILED_LOOKUPS."""
    exchanges: Exchanges | None = ()
    """Preference and target. None: those of a provider, a small hoster or the domain itself, by their shares.
    Targets: a word of UNUSABLE or HOSTS; 'site' = a host below the domain, drawn by the rates of the profile;
    'site:<word>' = one with that word of SMTP_SCENARIOS."""
    implicit: str | None = None
    """Target for the domain itself, in place of MX records."""
    is_alias: bool = False
    """The domain is a CNAME, and the MX records are those of its target."""
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
    "alias": MailScenario(is_alias=True),
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
    "two_addresses": _explicit((10, "two_addresses")),
}

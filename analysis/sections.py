"""What the report says of each figure: its title, its key row, and one sentence around it."""

import dataclasses
from collections.abc import Sequence

from analysis.figures import FigureRow
from analysis.shares import count_text, share_text

_DOMAINS = "reachable mail domain, determined (of D3)"
_HOSTS = "MX host with TLS"


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One figure in the report. The sentence is filled from its key row: {share}, {count}, {stratum}."""

    figure: str
    title: str
    stratum: str
    """Key row: first row with this stratum and unit; empty = the largest row of the unit."""
    unit: str
    sentence: str
    note: str = ""
    is_one_panel: bool = False
    """One chart for all units, in place of one each."""


HEADLINE = "starttls_by_domain"

SECTIONS: tuple[Section, ...] = (
    Section(
        HEADLINE,
        "STARTTLS by domain",
        "all",
        _DOMAINS,
        "At {share} of the reachable mail domains whose answer is known ({count}), every reachable primary "
        "MX host completes a TLS handshake after STARTTLS.",
        "This is the headline, apart for domains with MX records and domains that are their own mail host.",
    ),
    Section(
        "starttls_by_domain_rule",
        "What the rule changes",
        "any reachable MX host",
        "reachable mail domain, determined by all three rules (of D3)",
        "If one MX host with STARTTLS were enough, the share would be {share} ({count}).",
        "Surveys disagree on the rule, so all three are printed, over the domains that all three can judge. "
        "The others are left out, so the first row is not quite the headline.",
    ),
    Section(
        "starttls_by_host",
        "STARTTLS by MX host",
        "TLS handshake completed",
        "MX host, determined (of H)",
        "{share} of the MX hosts that answered ({count}) complete a TLS handshake at every answering "
        "address.",
        "Each host counts once, however many domains name it. An offer is not yet TLS: three facts, apart.",
    ),
    Section(
        "starttls_weighted",
        "Other weights",
        "provider-capped",
        "weight of reachable mail domains, determined (of D3), in 10^-12",
        "With no provider weighing more than one in a hundred domains, the headline would be {share}.",
        "Weights change what the share is a share of; none of them makes it a share of messages.",
        is_one_panel=True,
    ),
    Section(
        "nonresponse",
        "Who did not answer",
        "any class",
        "mail-capable domain (D2)",
        "From {share} of the mail-capable domains ({count}) came no answer to the headline's question.",
        "They are never counted as a no: they are the width of the bounds everywhere else. Classes are named "
        "after how far the conversation got and what ended it. Those that nobody asked have classes of their "
        "own: opted_out, by the wish of those who run them; over_limit, beyond the MX hosts asked of one "
        "domain; session_cap, beyond the sessions held with one address or provider; backed_off, after the "
        "provider kept sending this scanner away; sampled, where a sample did not agree. Domains that are "
        "not deliverable stand beside them: no primary MX host of theirs has a usable name and an address, "
        "so there was nobody to ask.",
    ),
    Section(
        "second_attempt",
        "What asking twice gained",
        "resolved",
        "MX host address that failed for now at first",
        "Of the addresses whose first attempt failed for now, {share} ({count}) gave an answer at the "
        "second.",
        "A timeout, a dropped connection or a reply such as 421 may be gone later, so these addresses are "
        "asked once more. The last rows say what the shares of hosts and domains with STARTTLS would have "
        "been without that.",
    ),
    Section(
        "pushed_back",
        "Who sent this scanner away",
        "first attempt",
        "MX host address asked",
        "{share} of the addresses asked ({count}) sent this scanner away at the first attempt.",
        "Such a reply, 421 or one that names a rate limit or a blocklist, tells how welcome the scanner is "
        "and nothing of STARTTLS: the answer of the address is not known.",
    ),
    Section(
        "inferred_share",
        "How much is inferred",
        "all",
        "MX host address",
        "{share} of the MX host addresses ({count}) were not asked themselves: a random sample of their "
        "provider's names at the same address was, and all of it agreed.",
        "Large hosts give each customer an MX name of its own, on a handful of addresses. If all of a sample "
        "of n names say the same, then, with 95 % confidence, at most 3/n of the others do not. That is the "
        "largest bound in the last rows; everywhere else it is counted in units, as the bound beside "
        "“inferred”, as if the names that differ were used no more than the others.",
    ),
    Section(
        "certificate_ladder",
        "Certificates, step by step",
        "+ name of the MX host",
        _DOMAINS,
        "{share} of the reachable mail domains whose answer is known ({count}) have primary MX hosts whose "
        "certificates have a path to the root store, are valid in time and name the MX host.",
        "A sender that does not authenticate does not look at any of this: it encrypts all the same.",
    ),
    Section(
        "certificate_failures",
        "Why certificates fail",
        "reason: none",
        _HOSTS,
        "{share} of the MX hosts with TLS ({count}) send a certificate that is valid for their own name; the "
        "others fail for the reasons below, the first that applies.",
    ),
    Section(
        "certificate_issuers",
        "Who issues them",
        "",
        "pair of MX host and certificate",
        "The largest class is {stratum} with {share} ({count}).",
        "An issuer's name is what the certificate says; only the ladder above tells whether it is true.",
    ),
    Section(
        "certificate_keys",
        "Keys",
        "",
        "pair of MX host and certificate",
        "The commonest key is {stratum}, in {share} of the cases ({count}).",
    ),
    Section(
        "certificate_expiry",
        "Days to expiry",
        "",
        "pair of MX host and certificate",
        "Most often there is this left when a certificate is seen: {stratum} ({share}, {count}).",
    ),
    Section(
        "tls_versions",
        "TLS versions",
        "TLSv1.3",
        _HOSTS,
        "{share} of the MX hosts with TLS ({count}) choose TLS 1.3 at every address.",
        "The handshake offers TLS 1.0 to 1.3; a host or domain counts under the lowest version met.",
    ),
    Section(
        "forward_secrecy",
        "Forward secrecy",
        "forward secrecy",
        _HOSTS,
        "{share} of the MX hosts with TLS ({count}) choose an ephemeral key exchange at every address.",
    ),
    Section(
        "cipher_suites",
        "Cipher suites",
        "",
        _HOSTS,
        "The suite most hosts choose is {stratum}: {share} of the MX hosts with TLS ({count}).",
    ),
    Section(
        "key_exchange_groups",
        "Key-exchange groups",
        "",
        _HOSTS,
        "The group most hosts choose is {stratum}: {share} of the MX hosts with TLS ({count}).",
    ),
    Section(
        "post_quantum",
        "Post-quantum key exchange",
        "hybrid group with ML-KEM",
        _HOSTS,
        "{share} of the MX hosts with TLS ({count}) agree on a hybrid group with ML-KEM.",
        "Published counts are over all MX hosts, not only those with TLS.",
    ),
    Section(
        "dnssec_mx",
        "DNSSEC of the MX records",
        "secure",
        "mail-capable domain (D2), status known",
        "The MX answer is secure for {share} of the mail-capable domains whose status is known ({count}).",
        "Without DNSSEC, whoever forges the MX answer chooses the host, whatever its certificate.",
    ),
    Section(
        "mta_sts_record",
        "MTA-STS records",
        "valid record",
        "mail-capable domain (D2), lookup answered",
        "{share} of the mail-capable domains ({count}) publish one valid MTA-STS record.",
    ),
    Section(
        "mta_sts_mode",
        "MTA-STS policies",
        "mode: enforce",
        "listed domain with a valid record and policy",
        "{share} of the valid policies behind a valid record ({count}) are in mode enforce.",
        "Mode none withdraws a policy and is no adoption.",
    ),
    Section(
        "tlsrpt",
        "TLS reporting",
        "valid record",
        "mail-capable domain (D2), lookup answered",
        "{share} of the mail-capable domains ({count}) ask for TLS reports with one valid record.",
    ),
    Section(
        "requiretls",
        "REQUIRETLS",
        "REQUIRETLS",
        "MX host, determined (of H)",
        "{share} of the MX hosts that answered ({count}) list REQUIRETLS inside TLS.",
    ),
    Section(
        "provider_share",
        "Providers",
        "effective number of providers",
        "number of providers",
        "The mail-capable domains are as concentrated as if {share} providers of equal size served them.",
        "A provider is the registrable domain of the MX host name, by the ICANN section of the public suffix "
        "list. Domains of one provider share its configuration: a change at one of them moves every figure "
        "above.",
    ),
)
"""The figures in the order of the report."""


def key_row(section: Section, rows: Sequence[FigureRow]) -> FigureRow | None:
    """Return the row that a section's sentence is about, from the rows of its figure; None: there is none."""
    of_unit = [row for row in rows if row.unit == section.unit]
    if not section.stratum:
        return max(of_unit, key=lambda row: row.numerator, default=None)
    return next((row for row in of_unit if row.stratum == section.stratum), None)


def sentence(section: Section, rows: Sequence[FigureRow]) -> str:
    """Return the one sentence on what a figure shows."""
    row = key_row(section, rows)
    if row is None or row.estimate is None:
        return "No estimate: nothing in this run falls into its denominator."
    text = section.sentence.format(share=share_text(row), count=count_text(row), stratum=_plain(row.stratum))
    return text[0].upper() + text[1:]


def _plain(stratum: str) -> str:
    """Return a stratum without the prefix that sorts it into a family."""
    return stratum.partition(": ")[2] or stratum

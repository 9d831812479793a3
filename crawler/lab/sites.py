"""Sites: one address each, what answers there, and what a survey finds in each attempt."""

from dataclasses import dataclass
from typing import Any

from crawler.lab.internet import ANY_ATTEMPT, KeyKind, MailServer
from crawler.lab.lookups import Row
from crawler.lab.session_scenario import SmtpScenario
from crawler.lab.smtp_scenarios import SMTP_SCENARIOS, TLS_SCENARIOS, TlsScenario, session_truth


@dataclass(frozen=True, slots=True)
class Site:
    """One address and what answers there, for any number of host names."""

    server: MailServer
    certificates: dict[str, str]
    scenario: SmtpScenario
    tls: TlsScenario
    first: MailServer | None = None
    """What the first session comes to, if the scenario has a `first`."""

    def session_rows(self, certificate: tuple[str, KeyKind] | None) -> list[Row]:
        """Return the columns that host names share, of every attempt in order.

        certificate: order id and key of the one that a survey sees; None if it sees none.
        """
        if not self.scenario.attempts_declared:
            return [{"address": self.server.address, "attempt": ANY_ATTEMPT}]
        last = session_truth(self.scenario, self.tls, self.server, certificate)
        if self.scenario.first and self.first:
            begun = session_truth(SMTP_SCENARIOS[self.scenario.first], self.tls, self.first, None)
            return [begun | {"attempt": 1}, last | {"attempt": 2}]
        attempts = (1, 2) if self.scenario.is_for_now else (1,)
        return [last | {"attempt": attempt} for attempt in attempts]


def make_site(
    session: str, tls: str, server_name: str, address: str, *, certificate: str | None = None
) -> Site:
    """Return a site by words of SMTP_SCENARIOS and TLS_SCENARIOS; certificate: an order id, for any name."""
    scenario = SMTP_SCENARIOS[session]
    versions = TLS_SCENARIOS[scenario.tls or tls]
    certificates: dict[str, str] = {}
    fields: dict[str, Any] = {
        "address": address,
        "tls_min": versions.tls_min,
        "tls_max": versions.version,
        "post_quantum": versions.post_quantum,
        "server_name": server_name,
        "default_certificate": certificate,
        "certificates": certificates,
    }
    first: MailServer | None = None
    if scenario.first:
        first = MailServer(**(fields | SMTP_SCENARIOS[scenario.first].server))
    staged = {"first": first if scenario.is_counted else None}
    server = MailServer(**(fields | scenario.server | staged))
    return Site(server, certificates, scenario, versions, first)

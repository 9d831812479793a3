"""What a comparison of runs comes to. The classes and rules are those of compare/*.sql."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from analysis.compare_sign_test import SignTest
from analysis.figures import Violation

ONE_DAY = timedelta(hours=24)
PANEL_CLASSES = ("same provider", "provider move")


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that is compared: one row of it, whose unit is the domain."""

    figure: str
    stratum: str
    unit: str
    title: str


_REACHABLE = "reachable mail domain, determined (of D3)"
_MAIL_CAPABLE = "mail-capable domain (D2), lookup answered"
MEASURES = (
    Measure("starttls_by_domain", "all", _REACHABLE, "STARTTLS at every reachable primary MX host"),
    Measure(
        "certificate_ladder", "+ name of the MX host", _REACHABLE, "… with certificates valid for the MX host"
    ),
    Measure("tls_versions", "TLSv1.3", _REACHABLE, "… with TLS 1.3"),
    Measure("post_quantum", "hybrid group with ML-KEM", _REACHABLE, "… with post-quantum key exchange"),
    Measure("dnssec_mx", "secure", "mail-capable domain (D2), status known", "MX records secured by DNSSEC"),
    Measure("dane_correct", "DANE correct", _REACHABLE, "Authenticated by DANE"),
    Measure("mta_sts_record", "valid record", _MAIL_CAPABLE, "Valid MTA-STS record"),
    Measure("tlsrpt", "valid record", _MAIL_CAPABLE, "Valid TLSRPT record"),
    Measure(
        "authenticated_transport", "authenticated", _REACHABLE, "Authenticated by DANE or enforced MTA-STS"
    ),
)
"""In the order of the page; the same figures as in compare/answers.sql."""


class ComparisonError(ValueError):
    """Runs that cannot be compared; the message says in one line which, and why."""


@dataclass(frozen=True, slots=True)
class Run:
    """One of the runs that are compared."""

    folder: Path
    document: Mapping[str, Any]
    """run.json"""

    @property
    def run_id(self) -> str:
        """Its name; of two vantages that began in the same second, the same."""
        return str(self.document["run_id"])

    @property
    def started_at(self) -> datetime:
        """When it began, in UTC; a time without a zone is taken for UTC, as in the report."""
        moment = datetime.fromisoformat(self.document["started_at"])
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

    @property
    def vantage(self) -> str:
        """Where it was made, by the name that the scanner gave itself."""
        return str(self.document["settings"].get("hello_name", ""))

    @property
    def sources(self) -> frozenset[str]:
        """The addresses that the scanner sent from; empty: not known."""
        known = self.document.get("vantage", {})
        return frozenset([*(known.get("ipv4_sources") or ()), *(known.get("ipv6_sources") or ())])

    def is_beside(self, other: "Run") -> bool:
        """Return whether the scanner had another name, or sent from none of the other's addresses."""
        is_elsewhere = bool(self.sources and other.sources) and self.sources.isdisjoint(other.sources)
        return self.vantage != other.vantage or is_elsewhere


def are_vantages(one: Run, other: Run) -> bool:
    """Return whether two runs are of one day, and by scanners in different places."""
    return one.is_beside(other) and abs(other.started_at - one.started_at) < ONE_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossSection:
    """A figure of one run, as its report has it."""

    run: int
    """Position of the run, from 1."""
    figure: str
    numerator: int
    denominator: int
    unknown: int
    low: float | None
    high: float | None

    @property
    def share(self) -> Fraction | None:
        """numerator / denominator; None: no denominator."""
        return Fraction(self.numerator, self.denominator) if self.denominator else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One class of a decomposition (compare/decomposition.sql)."""

    figure: str
    name: str
    members: int
    old_yes: int
    old_no: int
    new_yes: int
    new_no: int
    gains: int
    losses: int
    effect: Fraction | None
    """What it contributes to the difference of the shares; None: there is no panel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Panel members in whose answer two runs differ, or might: by provider, by move, or by unit."""

    figure: str
    of: tuple[str, ...]
    """A provider; the old and the new one; or a unit."""
    members: int
    gains: int
    losses: int


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in two runs."""

    measure: Measure
    old: CrossSection
    new: CrossSection
    classes: list[ClassRow]
    test: SignTest
    providers: list[Changes]
    moves: list[Changes]

    @property
    def difference(self) -> Fraction | None:
        """New share less old share; None: one of the runs has none."""
        old, new = self.old.share, self.new.share
        return None if old is None or new is None else new - old

    @property
    def panel(self) -> tuple[int, int, int]:
        """Domains of the panel, and those with a yes in the old and in the new run."""
        rows = [row for row in self.classes if row.name in PANEL_CLASSES]
        return (
            sum(row.members for row in rows),
            sum(row.old_yes for row in rows),
            sum(row.new_yes for row in rows),
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs, the older one first."""

    old: Run
    new: Run
    changes: list[Change]
    flips: list[Changes]

    @property
    def is_vantages(self) -> bool:
        """Whether they are two vantages of one day, so that their differences are of place, not time."""
        return are_vantages(self.old, self.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """An MX host at an address that offered STARTTLS to one vantage and not to another on the same day."""

    mx_host: str
    address: str
    provider: str
    disagreements: int
    compared: int
    is_marked: bool
    runs_without: tuple[int, ...]

    @property
    def is_suspect(self) -> bool:
        """A sign of stripping, or two disagreements; one alone may be chance."""
        return self.is_marked or self.disagreements > 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that there is to say."""

    runs: list[Run]
    cross_sections: list[CrossSection]
    pairs: list[Pair]
    """Each run with the one before it."""
    trend: list[CrossSection]
    """The panel of all runs, without bounds, since every answer is known; empty for two runs."""
    vantage_pairs: list[tuple[int, int]]
    """Positions of runs that are two vantages of one day."""
    suspects: list[Suspect]
    violations: list[Violation]

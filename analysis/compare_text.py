"""How the numbers of a comparison are printed, and what else may be behind a change."""

from fractions import Fraction

from analysis import shares
from analysis.compare_result import Change, CrossSection, Run
from analysis.compare_sign_test import SignTest

MINUS = "\u2212"


def share(section: CrossSection) -> str:
    """Return a share as text."""
    if section.share is None:
        return "no estimate"
    return shares.percent(float(section.share), section.low, section.high, section.denominator)


def decimals(change: Change) -> int:
    """Return how many decimals a difference in percentage points gets.

    No more than one count of the smaller cross-section makes, nor than the bounds of the two support; one,
    where bounds alone would leave none, since small parts are what a difference is taken apart for.
    """
    sections = (change.old, change.new)
    by_count = min(shares.decimals(0.5, None, None, section.denominator) for section in sections)
    by_bounds = min(
        shares.decimals(0.5, section.low, section.high, section.denominator) for section in sections
    )
    return min(by_count, max(1, by_bounds))


def points(value: Fraction | None, digits: int) -> str:
    """Return a difference of shares in percentage points, signed; what only rounding makes 0 says so."""
    if value is None:
        return "–"
    if not value:
        return "0"
    sign = "+" if value > 0 else MINUS
    text = f"{abs(float(100 * value)):.{digits}f}"
    if float(text):
        return f"{sign}{text}"
    return f"{'<' if value > 0 else '>'} {sign}{10.0**-digits:.{digits}f}"


def p_text(test: SignTest) -> str:
    """Return the result of the paired test."""
    if test.p is None:
        return "no net change at any provider"
    noun = "cluster" if test.clusters == 1 else "clusters"
    size = "< 0.001" if test.p < 0.001 else f"= {test.p:.2g}" if test.p < 0.0995 else f"= {test.p:.2f}"
    return f"p {size} over {test.clusters} {noun}"


def notes(old: Run, new: Run) -> list[str]:
    """Return what else differs between two runs, and may be behind a change."""
    before, after = old.document, new.document
    notes = []
    if before["list"]["sha256"] != after["list"]["sha256"]:
        notes.append("The lists differ; what comes of that is list churn.")
    if before["root_store"]["sha256"] != after["root_store"]["sha256"]:
        notes.append(
            "The root stores differ: part of the change in certificates may be theirs. Judge one run again "
            "with the other's store to see."
        )
    if before["versions"].get("starttls-survey") != after["versions"].get("starttls-survey"):
        notes.append("The versions of the crawler differ: see the Data sections of its change log.")
    if old.vantage != new.vantage:
        notes.append(f"The scanners differ: {old.vantage or 'unnamed'}, then {new.vantage or 'unnamed'}.")
    if before["lab"] is not None and before["lab"] != after["lab"]:
        notes.append("The lab's profiles differ: its world was changed on purpose.")
    return notes

"""What the report says of a figure: its title, its key row, and one sentence around it."""

import dataclasses
from collections.abc import Sequence

from analysis.figures import FigureRow
from analysis.shares import bounds_text, count_text, share_text

HEADLINE = "starttls_by_domain"
DOMAINS = "reachable mail domain, determined (of D3)"
HOSTS = "MX host with TLS"


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One figure in the report. The sentence is filled from its key row.

    Its fields are {share}, {count}, {bounds} and {stratum}.
    """

    figure: str
    title: str
    stratum: str
    """Key row: first row with this stratum and unit; empty = the largest row of the unit."""
    unit: str
    sentence: str
    note: str = ""
    is_one_panel: bool = False
    """One chart for all units, in place of one each."""
    is_by_answer: bool = False
    """One chart for each answer: what stands before the colon of a stratum."""
    cross_unit: str = ""
    """Unit whose rows are the cells of a table; what stands after a stratum's last comma is the column."""


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
    text = section.sentence.format(
        share=share_text(row),
        count=count_text(row),
        bounds=bounds_text(row) or "no more, for lack of providers",
        stratum=_plain(row.stratum),
    )
    return text[0].upper() + text[1:]


def _plain(stratum: str) -> str:
    """Return a stratum without the prefix that sorts it into a family."""
    return stratum.partition(": ")[2] or stratum

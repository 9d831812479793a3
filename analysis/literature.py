"""Published figures, to stand beside ours: datasets/literature.csv."""

import csv
import dataclasses
from pathlib import Path

LITERATURE = Path(__file__).parents[1] / "datasets" / "literature.csv"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One published figure. Its population and unit are its own, never quite ours."""

    figure: str
    value: float | None
    """As a share; None where only a count was published."""
    numerator: int | None
    denominator: int | None
    unit: str
    population: str
    date: str
    """Year, month or day, as exactly as published."""
    source: str
    is_secondary: bool
    """Quoted from somebody who quotes it; the work itself was not read."""


def read_literature(path: Path = LITERATURE) -> list[Anchor]:
    """Return the published figures in the order of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [_anchor(row) for row in csv.DictReader(file)]


def _anchor(row: dict[str, str]) -> Anchor:
    return Anchor(
        figure=row["figure"],
        value=float(row["value"]) if row["value"] else None,
        numerator=int(row["numerator"]) if row["numerator"] else None,
        denominator=int(row["denominator"]) if row["denominator"] else None,
        unit=row["unit"],
        population=row["population"],
        date=row["date"],
        source=row["source"],
        is_secondary=row["checked"] != "primary",
    )

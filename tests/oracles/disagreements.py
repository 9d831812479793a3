"""The tables of tests/oracles.md: every case in which another implementation says otherwise."""

from pathlib import Path

_PAGE = Path(__file__).parent.parent / "oracles.md"

Disagreement = tuple[str, str, str, str]
"""Case, how the other one was asked, what it says, what is said here."""


def listed(heading: str) -> set[Disagreement]:
    """Return the rows of the table below a heading, without the columns that give the reason."""
    section = _PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert section, heading
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[1:]]
    found = {(row[0], row[1], row[2], row[3]) for row in rows}
    assert len(found) == len(rows), "a row stands twice"
    assert all(len(row) == 6 and all(row) for row in rows), "a cell is empty"
    return found

"""The figures in brief, for a terminal."""

import re
from collections.abc import Sequence

from analysis import shares
from analysis.content import headline_text, reachable
from analysis.figures import FigureRow
from analysis.section import HEADLINE, key_row
from analysis.sections import SECTIONS


def headlines(rows: Sequence[FigureRow]) -> list[str]:
    """Return the headline as a sentence, then a line for each figure."""
    lines = [_headline(row, rows) for row in rows if row.figure == HEADLINE and row.denominator][:1]
    for section in SECTIONS:
        row = key_row(section, [row for row in rows if row.figure == section.figure])
        if row is None:
            continue
        bounds = shares.bounds_text(row)
        amount = "" if shares.is_index(row) else f"{shares.count_text(row)}  "
        line = (
            f"{row.figure:<26} {shares.share_text(row):>11}  {amount}{row.stratum}, {shares.unit_text(row)}"
            + (f"  [{shares.interval_name(row)} {bounds}]" if bounds else "")
            + (f"  [{inference}]" if (inference := shares.inference_text(row)) else "")
        )
        lines.append(line)
    return [_for_terminal(line) for line in lines]


def _headline(row: FigureRow, rows: Sequence[FigureRow]) -> str:
    undetermined = reachable(rows) - row.denominator
    bounds = shares.bounds_text(row)
    return (
        f"{headline_text(row).removesuffix('.')}: {shares.count_text(row)}"
        + (f", and {shares.count(undetermined)} more whose answer is not known" if undetermined else "")
        + (f" (bounds over all mail-capable domains: {bounds})" if bounds else "")
        + (
            f"; {shares.count(row.inferred)} of the answers are inferred from samples, at most "
            f"{shares.count(row.inference_bound)} of them another"
            if row.inferred
            else ""
        )
    )


def _for_terminal(line: str) -> str:
    """Narrow spaces are for the page: terminals get a comma between digits, a blank before the sign."""
    space = shares.NARROW_SPACE
    return re.sub(rf"(?<=\d){space}(?=\d)", ",", line).replace(space, " ")

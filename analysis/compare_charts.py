"""Charts of a comparison as inline SVG: what a difference is made of, and trends."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.charts import WIDTH, drawing

_ROW = 34
_MOST_LABELS = 5
"""Of runs below a trend, so that they never touch."""
_PLOT_TOP, _PLOT_HEIGHT, _PLOT_LEFT, _PLOT_RIGHT = 14, 120, 52, 360


@dataclass(frozen=True, slots=True)
class Effect:
    """One part of a difference, in percentage points."""

    label: str
    points: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a trend: a share for each run, None where there is none."""

    style: str
    """Class of the style sheet."""
    name: str
    shares: Sequence[float | None]
    texts: Sequence[str]


def effects_chart(effects: Sequence[Effect], title: str) -> Markup:
    """Return bars to both sides of zero."""
    reach = max((abs(effect.points) for effect in effects), default=0) or 1
    middle = WIDTH / 2
    parts = []
    for row, effect in enumerate(effects):
        top = row * _ROW
        length = abs(effect.points) / reach * middle
        start = middle - length if effect.points < 0 else middle
        style = "fall" if effect.points < 0 else "rise"
        parts += [
            f'<text x="0" y="{top + 13}">{html.escape(effect.label)}</text>',
            f'<text x="{WIDTH}" y="{top + 13}" class="value">{html.escape(effect.text)}</text>',
            f'<rect x="0" y="{top + 19}" width="{WIDTH}" height="9" class="track"/>',
            f'<rect x="{start:.1f}" y="{top + 19}" width="{length:.1f}" height="9" class="{style}"/>',
        ]
    height = len(effects) * _ROW
    parts.append(f'<line x1="{middle}" x2="{middle}" y1="0" y2="{height}" class="zero"/>')
    told = "; ".join(f"{effect.label}: {effect.text}" for effect in effects)
    return drawing("".join(parts), height, f"Bar chart, {title}. {told}")


def trend_chart(labels: Sequence[str], lines: Sequence[Line], title: str) -> Markup:
    """Return lines over the runs, one step for each run. The scale does not begin at zero, and says so."""
    known = [share for line in lines for share in line.shares if share is not None]
    low, high, step = scale(known)
    parts = []
    ticks = round((high - low) / step)
    digits = max(0, math.ceil(-math.log10(100 * step) - 1e-9))
    for tick in range(ticks + 1):
        share = low + tick * step
        y = _height(share, low, high)
        parts += [
            f'<line x1="{_PLOT_LEFT}" x2="{_PLOT_RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>',
            f'<text x="{_PLOT_LEFT - 6}" y="{y + 4:.1f}" class="tick end">{100 * share:.{digits}f} %</text>',
        ]
    across = [
        _PLOT_LEFT + (_PLOT_RIGHT - _PLOT_LEFT) * n / max(1, len(labels) - 1) for n in range(len(labels))
    ]
    y = _PLOT_TOP + _PLOT_HEIGHT + 18
    for x, label in list(zip(across, labels, strict=True))[:: math.ceil(len(labels) / _MOST_LABELS)]:
        parts.append(f'<text x="{x:.1f}" y="{y}" class="tick middle">{html.escape(label)}</text>')
    for line in lines:
        places = [
            (x, _height(share, low, high))
            for x, share in zip(across, line.shares, strict=True)
            if share is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" class="line {line.style}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="dot {line.style}"/>' for x, y in places]
    told = "; ".join(
        f"{line.name}: "
        + ", ".join(f"{label} {text}" for label, text in zip(labels, line.texts, strict=True))
        for line in lines
    )
    return drawing("".join(parts), _PLOT_TOP + _PLOT_HEIGHT + 28, f"Line chart, {title}. {told}")


def scale(shares: Sequence[float]) -> tuple[float, float, float]:
    """Return the ends of an axis that holds these shares, and the step of its two to five ticks."""
    low, high = (min(shares), max(shares)) if shares else (0.0, 1.0)
    spread = max(high - low, 0.001)
    power = 10.0 ** math.floor(math.log10(spread))
    step = next(power * n for n in (0.2, 0.5, 1, 2, 5) if spread / (power * n) <= 4)
    first = max(0, math.floor(low / step + 1e-9))
    last = max(first + 1, math.ceil(high / step - 1e-9))
    return first * step, last * step, step


def _height(share: float, low: float, high: float) -> float:
    return _PLOT_TOP + _PLOT_HEIGHT * (1 - (share - low) / (high - low))

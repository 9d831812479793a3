"""Charts as inline SVG, drawn by hand: deterministic, without fonts, scripts or addresses of their own.

The page's style sheet colours them, so that one drawing serves light, dark and paper.
"""

import dataclasses
import html
import math
import re
from collections.abc import Sequence

from markupsafe import Markup

from analysis.figures import FigureRow
from analysis.literature import Anchor
from analysis.shares import (
    NARROW_SPACE,
    bounds_text,
    count_text,
    interval_name,
    published_percent,
    share_text,
)

WIDTH = 400
"""Width of a drawing, in its own units; on the page it is as wide as there is room."""
_ROW, _BAR = 38, 10
_LABEL_LENGTH = 48
_MOST_LABELS = 12
"""Below columns, so that they never touch."""
_SCALE_ENDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_COLUMNS_LEFT, _COLUMNS_TOP, _COLUMNS_HEIGHT = 48, 10, 140


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a share, its bounds if it has any, and the text beside it."""

    label: str
    share: float
    low: float | None
    high: float | None
    text: str
    detail: str
    """For the text alternative only: count and bounds."""
    is_published: bool = False


def own_bars(rows: Sequence[FigureRow]) -> list[Bar]:
    """Return the bars of figure rows that have an estimate."""
    return [_own_bar(row, row.estimate) for row in rows if row.estimate is not None]


def published_bars(anchors: Sequence[Anchor]) -> list[Bar]:
    """Return the bars of published figures that are shares."""
    return [_published_bar(anchor, anchor.value) for anchor in anchors if anchor.value is not None]


def bar_chart(bars: Sequence[Bar], title: str) -> Markup:
    """Return horizontal bars, each below its label; nothing without bars."""
    if not bars:
        return Markup("")
    end = _scale_end(bars)
    parts = [part for place, bar in enumerate(bars) for part in _bar(bar, place * _ROW, end)]
    height = len(bars) * _ROW
    for tick in range(5):
        anchor = {0: "start", 4: "end"}.get(tick, "middle")
        parts.append(_text(WIDTH * tick / 4, height + 9, f"tick {anchor}", _tick_text(end * tick / 4)))
    return drawing("".join(parts), height + 14, _text_alternative(title, bars))


def column_chart(bars: Sequence[Bar], title: str) -> Markup:
    """Return columns side by side, for classes with an order and short names."""
    end = _scale_end(bars)
    parts = []
    for tick in range(5):
        y = _COLUMNS_TOP + _COLUMNS_HEIGHT * (1 - tick / 4)
        parts += [
            f'<line x1="{_COLUMNS_LEFT}" x2="{WIDTH}" y1="{y:g}" y2="{y:g}" class="grid"/>',
            _text(_COLUMNS_LEFT - 6, y + 4, "tick end", _tick_text(end * tick / 4)),
        ]
    step = (WIDTH - _COLUMNS_LEFT) / len(bars)
    bottom = _COLUMNS_TOP + _COLUMNS_HEIGHT
    for place, bar in enumerate(bars):
        left, height = _COLUMNS_LEFT + place * step, _COLUMNS_HEIGHT * bar.share / end
        parts.append(_rectangle(left + step * 0.1, bottom - height, step * 0.8, height, "own"))
        if place % math.ceil(len(bars) / _MOST_LABELS) == 0:
            parts.append(_text(left + step / 2, bottom + 15, "tick middle", bar.label))
    return drawing("".join(parts), bottom + 20, _text_alternative(title, bars))


def drawing(body: str, height: float, alternative: str) -> Markup:
    """Return an SVG element of that height in units of the drawing, with the text that stands for it."""
    return Markup(  # noqa: S704 - drawn here; every text in it is escaped
        f'<svg class="chart" role="img" aria-label="{html.escape(alternative)}" '
        f'viewBox="0 0 {WIDTH} {height:g}" width="100%">{body}</svg>'
    )


def _bar(bar: Bar, top: int, end: float) -> list[str]:
    y = top + 18
    style = "published" if bar.is_published else "own"
    parts = [
        _text(0, top + 12, "label", bar.label),
        _text(WIDTH, top + 12, "value", bar.text),
        _rectangle(0, y, WIDTH, _BAR, "track"),
        _rectangle(0, y, WIDTH * bar.share / end, _BAR, style),
    ]
    if bar.low is not None and bar.high is not None:
        low, high = WIDTH * bar.low / end, WIDTH * bar.high / end
        middle, bottom = y + _BAR / 2, y + _BAR
        line = f"M{low:.1f} {y}V{bottom}M{low:.1f} {middle:g}H{high:.1f}M{high:.1f} {y}V{bottom}"
        parts.append(f'<path d="{line}" class="bounds"/>')
    return parts


def _text(x: float, y: float, style: str, text: str) -> str:
    return f'<text x="{x:.4g}" y="{y:g}" class="{style}">{html.escape(text)}</text>'


def _rectangle(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}" class="{style}"/>'


def _own_bar(row: FigureRow, share: float) -> Bar:
    bounds = bounds_text(row)
    return Bar(
        _cut(row.stratum),
        share,
        row.low if bounds else None,
        row.high if bounds else None,
        share_text(row),
        count_text(row) + (f", {interval_name(row)} {bounds}" if bounds else ""),
    )


def _published_bar(anchor: Anchor, value: float) -> Bar:
    author = re.split(r",| as quoted| README| FS-", anchor.source)[0]
    mark = " †" if anchor.is_secondary else ""
    label = _cut(f"{anchor.date[:4]} {author}: {anchor.unit}", _LABEL_LENGTH - len(mark)) + mark
    detail = anchor.population + (", from a secondary source" if anchor.is_secondary else "")
    text = published_percent(value, anchor.denominator)
    return Bar(label, value, None, None, text, detail, is_published=True)


def _cut(label: str, length: int = _LABEL_LENGTH) -> str:
    """Cut a label to what fits beside its number in any of the page's fonts."""
    return label if len(label) <= length else label[: length - 1].rstrip() + "…"


def _scale_end(bars: Sequence[Bar]) -> float:
    largest = max(max(bar.share, bar.high or 0) for bar in bars)
    return next((end for end in _SCALE_ENDS if 0 < largest <= end), 1.0)


def _tick_text(share: float) -> str:
    return f"{100 * share:.4g}{NARROW_SPACE}%"


def _text_alternative(title: str, bars: Sequence[Bar]) -> str:
    return f"Bar chart, {title}. " + "; ".join(f"{bar.label}: {bar.text} ({bar.detail})" for bar in bars)

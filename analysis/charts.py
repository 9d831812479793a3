"""Charts as inline SVG: deterministic, without fonts, scripts or addresses of their own.

Colours are placeholders that the report's style sheet repaints, so that one drawing serves light and dark.
"""

import dataclasses
import html
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import altair
import vl_convert

from analysis.figures import FigureRow
from analysis.literature import Anchor
from analysis.shares import bounds_text, count_text, interval_name, published_percent, share_text

WIDTH = 400
"""Width of the drawing, in its own units; on the page it is as wide as there is room."""
_ROW_HEIGHT = 40
_LABEL_LENGTH = 50
_INK, _MUTED, _TRACK, _ACCENT, _PUBLISHED = "#1c1e21", "#5b616b", "#e4e6ea", "#2563a8", "#a8682a"
_PERCENT = "format(100 * datum.value, '.4~r') + '\u202f%'"
_SCALE_ENDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 1.0)


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
    return [_own_bar(row) for row in rows if row.estimate is not None]


def published_bars(anchors: Sequence[Anchor]) -> list[Bar]:
    """Return the bars of published figures that are shares."""
    return [_published_bar(anchor, anchor.value) for anchor in anchors if anchor.value is not None]


def bar_chart(bars: Sequence[Bar], title: str, identifier: str) -> str:
    """Return horizontal bars as SVG text; `identifier` must be unique on the page. Empty without bars."""
    if not bars:
        return ""
    rows = [
        {
            "place": place,
            "label": bar.label,
            "share": bar.share,
            "low": bar.low,
            "high": bar.high,
            "text": bar.text,
            "colour": _PUBLISHED if bar.is_published else _ACCENT,
        }
        for place, bar in enumerate(bars)
    ]
    has_bounds = any(bar.low is not None for bar in bars)
    specification = _bar_specification(_scale_end(bars), has_bounds) | {
        "height": _ROW_HEIGHT * len(rows),
        "data": {"values": rows},
    }
    return _inline(specification, _text_alternative(title, bars), identifier)


def column_chart(bars: Sequence[Bar], title: str, identifier: str) -> str:
    """Return columns side by side as SVG text, for classes with an order and short names."""
    rows = [{"label": bar.label, "share": bar.share} for bar in bars]
    specification = _column_specification(_scale_end(bars)) | {"data": {"values": rows}}
    return _inline(specification, _text_alternative(title, bars), identifier)


def _own_bar(row: FigureRow) -> Bar:
    assert row.estimate is not None
    bounds = bounds_text(row)
    detail = count_text(row) + (f", {interval_name(row)} {bounds}" if bounds else "")
    has_bounds = bool(bounds)
    return Bar(
        _cut(row.stratum),
        row.estimate,
        row.low if has_bounds else None,
        row.high if has_bounds else None,
        share_text(row),
        detail,
    )


def _published_bar(anchor: Anchor, value: float) -> Bar:
    author = re.split(r",| as quoted| README| FS-", anchor.source)[0]
    label = _cut(f"{anchor.date[:4]} {author}: {anchor.unit}") + (" †" if anchor.is_secondary else "")
    detail = anchor.population + (", from a secondary source" if anchor.is_secondary else "")
    text = published_percent(value, anchor.denominator)
    return Bar(label, value, None, None, text, detail, is_published=True)


def _cut(label: str) -> str:
    """Cut a label to what fits beside its number in any of the page's fonts."""
    return label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 1] + "…"


def _scale_end(bars: Sequence[Bar]) -> float:
    largest = max(max(bar.share, bar.high or 0) for bar in bars)
    return next((end for end in _SCALE_ENDS if 0 < largest <= end), 1.0)


# Altair checks every part of a specification against its schema, which takes far longer than drawing; charts
# of one scale differ only in their rows.
@cache
def _bar_specification(end: float, has_bounds: bool) -> dict[str, Any]:
    y = altair.Y("place:O", axis=None, scale=altair.Scale(padding=0))
    scale = altair.Scale(domain=[0, end], nice=False)
    axis = altair.Axis(
        labelExpr=_PERCENT,
        values=[end * i / 4 for i in range(5)],
        grid=False,
        domain=False,
        ticks=False,
        title=None,
    )
    base = altair.Chart().encode(y=y)
    labels = base.mark_text(align="left", dy=-8, fontSize=12, color=_INK)
    texts = base.mark_text(align="right", dy=-8, fontSize=13, fontWeight=600, color=_INK)
    track = base.mark_bar(height=9, yOffset=8, color=_TRACK)
    bar = base.mark_bar(height=9, yOffset=8)
    layers = [
        track.encode(x=altair.datum(end, type="quantitative", scale=scale, axis=axis)),
        bar.encode(x=altair.X("share:Q"), color=altair.Color("colour:N", scale=None)),
        labels.encode(x=altair.value(0), text="label:N"),
        texts.encode(x=altair.value(WIDTH), text="text:N"),
    ]
    if has_bounds:
        layers += _bounds_layers(base)
    return _configured(altair.layer(*layers, width=WIDTH, data=altair.InlineData(values=[])))


def _bounds_layers(base: altair.Chart) -> list[altair.Chart]:
    bounds = base.transform_filter("datum.low !== null")
    rule = bounds.mark_rule(yOffset=8, color=_INK, strokeWidth=1.5)
    tick = bounds.mark_tick(yOffset=8, color=_INK, thickness=1.5, height=9)
    return [
        rule.encode(x=altair.X("low:Q"), x2=altair.X2("high:Q")),
        tick.encode(x=altair.X("low:Q")),
        tick.encode(x=altair.X("high:Q")),
    ]


@cache
def _column_specification(end: float) -> dict[str, Any]:
    y_axis = altair.Axis(labelExpr=_PERCENT, tickCount=4, gridColor=_TRACK, domain=False, ticks=False)
    chart = (
        altair.Chart(altair.InlineData(values=[]), width=WIDTH, height=150)
        .mark_bar(color=_ACCENT)
        .encode(
            x=altair.X("label:O", title=None, sort=None, axis=altair.Axis(labelAngle=0, ticks=False)),
            y=altair.Y("share:Q", title=None, scale=altair.Scale(domain=[0, end]), axis=y_axis),
        )
    )
    return _configured(chart)


def _configured(chart: altair.Chart | altair.LayerChart | altair.FacetChart) -> dict[str, Any]:
    configured = chart.configure(
        font="system-ui, sans-serif",
        background="transparent",
        aria=False,
        padding={"left": 2, "right": 2, "top": 2, "bottom": 2},
        view=altair.ViewConfig(stroke=None),
        axis=altair.AxisConfig(labelColor=_MUTED, labelFontSize=11),
    )
    return dict(configured.to_dict())


def _text_alternative(title: str, bars: Sequence[Bar]) -> str:
    return f"Bar chart, {title}. " + "; ".join(f"{bar.label}: {bar.text} ({bar.detail})" for bar in bars)


def _inline(specification: dict[str, Any], alternative: str, identifier: str) -> str:
    """Draw, and make the drawing fit to stand inside a page beside others: own ids, the page's width."""
    drawing = vl_convert.vegalite_to_svg(specification)
    opening, _, body = drawing.partition(">")
    view_box = re.search(r'viewBox="([^"]*)"', opening)
    assert view_box is not None
    # In tags alone: a label may contain anything, such as the same words.
    body = re.sub(r"<[^>]*>", lambda tag: _own_names(tag[0], identifier), body)
    return (
        f'<svg class="chart" role="img" aria-label="{html.escape(alternative)}" '
        f'viewBox="{view_box[1]}" width="100%">{body}'
    )


def _own_names(tag: str, identifier: str) -> str:
    # Every drawing calls its clip paths clip0, clip1, ...: the same names would collide on one page.
    tag = re.sub(r'\bid="([^"]*)"', rf'id="{identifier}-\1"', tag)
    tag = re.sub(r"url\(#([^)]*)\)", rf"url(#{identifier}-\1)", tag)
    # The page reads the text alternative; roles of the single marks would only be noise.
    return re.sub(r' (role|aria-\w+)="[^"]*"', "", tag)

"""Charts: drawn to scale, escaped, and told as text."""

import re

from analysis.charts import WIDTH, Bar, bar_chart, column_chart


def bar(share: float, low: float | None = None, high: float | None = None, label: str = "a") -> Bar:
    return Bar(label, share, low, high, f"{100 * share:.0f} %", "1 of 2")


def widths(drawing: str, style: str) -> list[float]:
    return [float(found) for found in re.findall(rf'width="([\d.]+)" height="10" class="{style}"', drawing)]


def test_bars_are_as_long_as_their_shares() -> None:
    assert widths(bar_chart([bar(1), bar(0.25), bar(0)], "t"), "own") == [WIDTH, WIDTH / 4, 0]


def test_small_shares_get_a_scale_of_their_own_that_says_where_it_ends() -> None:
    drawing = bar_chart([bar(0.01, 0.01, 0.015)], "t")
    assert widths(drawing, "own") == [WIDTH / 2]
    assert ">2\u202f%</text>" in drawing


def test_bounds_are_drawn_where_there_are_any() -> None:
    assert 'd="M100.0 18V28M100.0 23H300.0M300.0 18V28"' in bar_chart([bar(1, 0.25, 0.75)], "t")
    assert "bounds" not in bar_chart([bar(1)], "t")


def test_a_chart_without_bars_is_nothing() -> None:
    assert bar_chart([], "t") == ""


def test_the_text_alternative_tells_every_number() -> None:
    assert 'aria-label="Bar chart, t. a: 50 % (1 of 2); b: 25 % (1 of 2)"' in bar_chart(
        [bar(0.5), bar(0.25, label="b")], "t"
    )


def test_labels_are_escaped_in_the_drawing_and_in_its_text() -> None:
    drawing = bar_chart([bar(0.5, label='<b>"&')], "<t>")
    assert "<b>" not in drawing
    assert drawing.count("&lt;b&gt;") == 2


def test_columns_stand_on_one_line_and_their_labels_never_touch() -> None:
    drawing = column_chart([bar(0.01 * hour, label=f"{hour:02}") for hour in range(24)], "t")
    columns = re.findall(r'y="([\d.]+)" width="[\d.]+" height="([\d.]+)" class="own"', drawing)
    assert len(columns) == 24
    assert {round(float(y) + float(height)) for y, height in columns} == {150}
    assert drawing.count("tick middle") == 12

"""How numbers are printed: never more digits than the count and its bounds support."""

import math

from analysis.figures import FigureRow

NARROW_SPACE = "\u202f"
"""Between digits of a thousand, and before the percent sign."""

NONRESPONSE = "nonresponse"
"""The interval of a row whose bounds are what the unknown make of it."""

_TRILLIONTHS = ", in 10^-12"


def count(number: int) -> str:
    """Return a whole number with its thousands apart."""
    return f"{number:,}".replace(",", NARROW_SPACE)


def decimals(estimate: float, low: float | None, high: float | None, denominator: int | None) -> int:
    """Return how many decimals a percentage supports: 0 to 2, up to 4 for shares below a tenth of a percent.

    One unit of the last decimal is at least as wide as half the bounds, up to the next power of ten,
    and as half the step that one more count makes.
    """
    half_width = 0.0 if low is None or high is None else 50 * (high - low)
    if half_width == 0 and estimate in (0, 1):
        return 0
    half_step = 50 / denominator if denominator else 0.0
    resolution = max(half_width, half_step)
    most = 2 if estimate == 0 or estimate >= 0.001 else 4
    if resolution <= 0:
        return most
    return min(most, max(0, math.ceil(-math.log10(resolution))))


def percent(
    estimate: float, low: float | None = None, high: float | None = None, denominator: int | None = None
) -> str:
    """Return a share as a percentage; one that only rounding would make 0 or 100 says so."""
    return _percent(estimate, decimals(estimate, low, high, denominator))


def published_percent(value: float, denominator: int | None) -> str:
    """Return a published share with the digits it was published with, but no more than its count supports."""
    digits = 4 if denominator is None else decimals(value, None, None, denominator)
    text = f"{100 * value:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + f"{NARROW_SPACE}%"


def share_text(row: FigureRow) -> str:
    """Return the estimate of a row as text: a percentage, or a plain number if it is no share."""
    if row.estimate is None:
        return "no estimate"
    if is_index(row):
        return f"{row.estimate:.3g}" if row.estimate < 1000 else count(round(row.estimate))
    return percent(row.estimate, row.low, row.high, row.denominator)


def bounds_text(row: FigureRow) -> str:
    """Return the bounds of a row, with the decimals of its estimate; empty if it has or needs none."""
    if row.estimate is None or row.low is None or row.high is None:
        return ""
    if row.interval == NONRESPONSE and not row.unknown:
        return ""
    digits = decimals(row.estimate, row.low, row.high, row.denominator)
    low, high = _percent(row.low, digits), _percent(row.high, digits)
    if low == high:
        return high
    return f"{low.removesuffix(NARROW_SPACE + '%')} to {high}"


def interval_name(row: FigureRow) -> str:
    """Return what the bounds of a row are called."""
    return "bounds" if row.interval == NONRESPONSE else "95 % interval"


def count_text(row: FigureRow) -> str:
    """Return numerator and denominator as text."""
    return f"{numerator_text(row)} of {denominator_text(row)}"


def numerator_text(row: FigureRow) -> str:
    """Return the numerator as text; weights, kept in whole units of 10^-12, in units of one domain."""
    return _amount(row.numerator, row.unit)


def denominator_text(row: FigureRow) -> str:
    """Return the denominator as text, as the numerator."""
    return _amount(row.denominator, row.unit)


def unknown_text(row: FigureRow) -> str:
    """Return how much is not known as text, as the numerator; with those that are never a yes, if any."""
    never = f" + {_amount(row.never, row.unit)} never" if row.never else ""
    return _amount(row.unknown, row.unit) + never


def inference_text(row: FigureRow) -> str:
    """Return how much of the denominator is inferred, and how much of that may be off; empty if none is."""
    if not row.inferred:
        return ""
    share = _percent(row.inferred / row.denominator, 0)
    return f"{share} inferred, bound {_amount(row.inference_bound, row.unit)}"


def unit_text(row: FigureRow) -> str:
    """Return the unit of the amounts as they are printed."""
    return row.unit.removesuffix(_TRILLIONTHS)


def is_index(row: FigureRow) -> bool:
    """Return whether the estimate is a number of its own kind, not a share of what stands below it."""
    return row.stratum in ("HHI", "effective number of providers")


def _amount(amount: int, unit: str) -> str:
    if not unit.endswith(_TRILLIONTHS):
        return count(amount)
    whole, rest = divmod(amount, 10**12)
    return f"{count(whole)}.{rest * 100 // 10**12:02}"


def _percent(share: float, digits: int) -> str:
    step = 10.0**-digits
    text = f"{100 * share:.{digits}f}"
    if share > 0 and float(text) == 0:
        text = f"< {step:.{digits}f}"
    elif share < 1 and float(text) == 100:
        text = f"> {100 - step:.{digits}f}"
    return f"{text}{NARROW_SPACE}%"

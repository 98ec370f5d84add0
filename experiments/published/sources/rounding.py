"""What a printed figure may have been before it was rounded."""

from collections.abc import Iterable
from decimal import Decimal

from ablation.stats.interval import Interval


def bounds(printed: float) -> Interval:
    """Half a unit of the last written digit to either side.

    A zero at the end of a figure is not seen here, so the interval may be too wide, never too
    narrow.
    """
    exponent = Decimal(repr(printed)).as_tuple().exponent
    assert isinstance(exponent, int)
    half = 0.5 * 10.0**exponent
    return Interval(printed - half, printed + half)


def ratio(numerator: float, denominator: float) -> Interval:
    """What the quotient of two printed figures above 0 may be."""
    return quotient(bounds(numerator), bounds(denominator))


def quotient(numerator: Interval, denominator: Interval) -> Interval:
    """What the quotient of two numbers above 0 may be."""
    return Interval(numerator.low / denominator.high, numerator.high / denominator.low)


def total(printed: Iterable[float]) -> Interval:
    """What the sum of printed figures may be."""
    found = [bounds(figure) for figure in printed]
    return Interval(sum(each.low for each in found), sum(each.high for each in found))


def shifted(interval: Interval, by: float) -> Interval:
    """Both ends moved."""
    return Interval(interval.low + by, interval.high + by)


def scaled(interval: Interval, by: float) -> Interval:
    """Both ends times a number above 0."""
    return Interval(interval.low * by, interval.high * by)


def compatible(first: Interval, second: Interval) -> bool:
    """Whether one number can be in both."""
    return first.low <= second.high and second.low <= first.high

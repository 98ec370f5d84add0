"""How many units a study takes, from the spread that stored evidence has seen."""

from collections.abc import Callable
from dataclasses import dataclass

import scipy

from ablation.errors import InvalidInput
from ablation.stats.interval import CONFIDENCE, Interval
from experiments.judging.claim import Criterion

MOST_POWER = CONFIDENCE + (1 - CONFIDENCE) / 2 - 0.005
"""An interval excludes a true published size from below in one study of forty."""

MOST_UNITS = 1_000_000


@dataclass(frozen=True)
class Needed:
    """Units, such as companies, that a study takes where the effect is as published.

    Attributes:
        to_show: until the effect is shown.
        to_tell: until its size is, which is what REPRODUCED says.
    """

    to_show: int
    to_tell: int


def spread_of(interval: Interval, n: int) -> float:
    """The standard deviation of a unit that a stored 95% interval over ``n`` of them is of.

    At most: the interval in use is Student's or somewhat wider.

    Raises:
        InvalidInput: there are too few units.
    """
    if n < 2:
        raise InvalidInput(f"a spread needs at least 2 units, got {n}: take other evidence")
    reach = (interval.high - interval.low) / 2
    return float(reach * n**0.5 / scipy.stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))


def needed(criterion: Criterion, spread: float, power: float) -> Needed:
    """How many units show an effect of the published size, and how many its size, in ``power``.

    Student's t over units of this spread, in place of bootstrap-t, which is somewhat wider.

    Args:
        criterion: of a claim of size.
        spread: standard deviation of a unit, in the criterion's plain unit.
        power: the share of such studies that are to succeed.

    Raises:
        InvalidInput: the criterion is a bound, there is no spread, or a power that no number of
            units reaches.
    """
    if criterion.null is None or criterion.counts_from is None:
        raise InvalidInput(
            f"a plan needs a claim of size, and {criterion.metric!r} is judged by a bound: plan "
            "another claim"
        )
    if not 0 < power <= MOST_POWER:
        raise InvalidInput(
            f"a power above 0 and up to {MOST_POWER:.2f} is required, got {power}: of true effects "
            "of the published size one in forty is found smaller, whatever n is"
        )
    if not spread > 0:
        raise InvalidInput("a plan needs units that differ, and in this evidence all are alike")
    size = abs(criterion.threshold - criterion.null) / spread
    margin = abs(criterion.threshold - criterion.counts_from) / spread
    missed = (1 - CONFIDENCE) / 2
    return Needed(
        _fewest(lambda n: _power(n, size) >= power),
        _fewest(lambda n: _power(n, margin) >= power + missed),
    )


def _power(n: int, effect: float) -> float:
    """The share of studies whose 95% interval is above an effect by so many spreads."""
    bound = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)
    return float(scipy.stats.nct.sf(bound, n - 1, effect * n**0.5))


def _fewest(enough: Callable[[int], bool]) -> int:
    """The smallest n, from 2 on, that is enough: more are enough, too."""
    high = 2
    while not enough(high):
        high *= 2
        if high > MOST_UNITS:
            raise InvalidInput(
                f"more than {MOST_UNITS} units would be required: ask for less power"
            )
    low = high // 2 if high > 2 else 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high

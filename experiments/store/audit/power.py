"""What a sample proves: how likely it is to hold a wrong unit, if there are any.

One unit of each kind is drawn in any case, and of some kinds there are few. Where the wrong ones
are is not known, so only the rest of a sample is counted, which is drawn from all other units: what
is said here is never more than the truth.
"""

import math

WRONG = 0.01
"""The share of wrong units that a sample is asked to find."""

SURELY = 0.95
"""How likely it should be to."""


def chance_to_find(total: int, kinds: int, wrong: int, drawn: int) -> float:
    """The probability, at least, that a sample holds one of the wrong units.

    Args:
        total: units of the bundle.
        kinds: of them, each with a unit in the sample.
        wrong: wrong units, 1 or more.
        drawn: units of the sample, ``kinds`` or more.
    """
    others = total - kinds
    if wrong > others:
        return 1.0  # some are among those that are drawn in any case
    return 1 - math.comb(others - wrong, drawn - kinds) / math.comb(others, drawn - kinds)


def units_to_find(total: int, kinds: int, wrong: int, chance: float = SURELY) -> int:
    """The fewest units of a sample that holds one of the wrong ones with this probability.

    Args:
        total: units of the bundle.
        kinds: of them, each with a unit in the sample.
        wrong: wrong units, 1 or more.
        chance: below 1.
    """
    others = total - kinds
    # Never more than if a unit could be drawn twice.
    enough = math.ceil(math.log(1 - chance) / math.log1p(-wrong / others)) if wrong < others else 1
    low, high = kinds, min(total, kinds + enough)
    while low < high:
        middle = (low + high) // 2
        if chance_to_find(total, kinds, wrong, middle) >= chance:
            high = middle
        else:
            low = middle + 1
    return low


def wrong_units(total: int, share: float = WRONG) -> int:
    """How many units of ``total`` this share is, one at the least."""
    return max(1, round(share * total))

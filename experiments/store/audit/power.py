"""What a sample proves: how likely it is to hold a wrong unit, if there are any."""

import math

WRONG = 0.01
"""The share of wrong units that a sample is asked to find."""

SURELY = 0.95
"""How likely it should be to."""


def chance_to_find(total: int, wrong: int, drawn: int) -> float:
    """The probability that ``drawn`` of ``total`` units hold one of ``wrong``, at least.

    Drawn without replacement, each unit as likely as any (hypergeometric).
    """
    return 1 - math.comb(total - wrong, drawn) / math.comb(total, drawn)


def units_to_find(total: int, wrong: int, chance: float = SURELY) -> int:
    """The fewest units of ``total`` that hold one of ``wrong`` with this probability.

    Args:
        total: at least 1.
        wrong: 1 to ``total``.
        chance: below 1.
    """
    low, high = 1, total - wrong + 1
    if wrong < total:
        # Never more than if a unit could be drawn twice.
        high = min(high, math.ceil(math.log(1 - chance) / math.log1p(-wrong / total)))
    while low < high:
        middle = (low + high) // 2
        if chance_to_find(total, wrong, middle) >= chance:
            high = middle
        else:
            low = middle + 1
    return low


def wrong_units(total: int, share: float = WRONG) -> int:
    """How many units of ``total`` this share is, one at the least."""
    return max(1, round(share * total))

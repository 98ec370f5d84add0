"""Random heads ablated for comparison: the control of every level."""

import random
from collections.abc import Collection

from ablation.errors import InvalidInput
from ablation.heads import Head, HeadGrid

EXCLUDED_TOP = 50
"""Heads of this rank or better never serve as a control (the study's choice)."""

CONTROL_SEED = 42
"""The study's seed; further draws use 43, 44, …"""


def control_heads(
    grid: HeadGrid, top_heads: Collection[Head], n: int, seed: int = CONTROL_SEED
) -> tuple[Head, ...]:
    """``n`` heads drawn uniformly, without replacement, from those not among ``top_heads``.

    The draw is ``random.Random(seed).sample(candidates, n)`` with the candidates in order of layer
    and head, as in the QRHead ablation study. Draws of one seed at several ``n`` are therefore
    nested or nearly so: the levels of one draw are not independent of each other.

    Raises:
        InvalidInput: fewer than ``n`` heads are left.
    """
    excluded = set(top_heads)
    candidates = [head for head in grid if head not in excluded]
    if len(candidates) < n:
        raise InvalidInput(
            f"a control of {n} random heads is required, but only {len(candidates)} of the model's "
            f"{len(grid)} heads are left outside the top {len(excluded)}: ablate fewer heads"
        )
    return tuple(random.Random(seed).sample(candidates, n))


def check_levels(levels: Collection[int], grid: HeadGrid) -> tuple[int, ...]:
    """``levels`` as a tuple: at least one, ascending, each from 1 to the model's number of heads.

    Raises:
        InvalidInput: they are not.
    """
    levels = tuple(levels)
    if not levels:
        raise InvalidInput("at least one level (number of heads to ablate) is required, got none")
    for level in levels:
        if not 1 <= level <= len(grid):
            raise InvalidInput(
                f"level {level} is out of range: ablate from 1 to {len(grid)} heads of this model"
            )
    if list(levels) != sorted(set(levels)):
        raise InvalidInput(
            f"levels must ascend without repeats, got {','.join(map(str, levels))}: "
            f"try {','.join(map(str, sorted(set(levels))))}"
        )
    return levels

"""What the study's one control draw is: the same seed in every cell, nested, not layer-matched.

Every control is ``random.Random(42).sample`` of the heads outside the cell's own top 50. One seed
and nearly one list of candidates give nearly one sample: the 32 controls of a level are no 32
draws, and the six of a cell are prefixes of one another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from ablation.detection.controls import control_heads
from ablation.heads import Head, HeadGrid
from ablation.stats.monte_carlo import monte_carlo_p
from experiments.published.sources.llama3 import Cell, Study

MIDDLE = range(8, 20)
"""Layers that hold most of the top heads."""

OCTET = 4
"""Layers counted together: an eighth of the model's 32."""

SMALLEST_P = monte_carlo_p(1.0, [0.0])
"""What a Monte-Carlo test of the tested heads among one draw can give at best."""


@dataclass(frozen=True)
class ControlOverlap:
    """How many of 50 heads two cells' controls share, over all pairs of cells.

    Attributes:
        mean, fewest, most: shared heads.
        expected: mean of independent draws.
        distinct: different heads in all controls together.
        expected_distinct: mean of that for independent draws.
    """

    mean: float
    fewest: int
    most: int
    expected: float
    distinct: int
    expected_distinct: float


def is_the_seeded_draw(cell: Cell, grid: HeadGrid, level: int) -> bool:
    """Whether a cell's control of a level is the study's seeded draw, head by head, in order."""
    return control_heads(grid, cell.top_heads, level) == cell.control_heads[:level]


def control_overlap(study: Study, cells: Sequence[Cell]) -> ControlOverlap:
    """The overlap of the controls of the highest level, and that of independent draws.

    Two independent draws of n among N candidates each, M of which both have, share n²·M/N² heads
    on average (a hypergeometric mean, n²/N for M = N).
    """
    sets = [set(cell.control_heads) for cell in cells]
    every = set(study.grid)
    pools = [every - set(cell.top_heads) for cell in cells]
    shared = [len(a & b) for a, b in combinations(sets, 2)]
    n = len(cells[0].control_heads)
    expected = fmean(n * n * len(a & b) / (len(a) * len(b)) for a, b in combinations(pools, 2))
    missed = 0.0
    for head in every:
        never = 1.0
        for pool in pools:
            never *= 1 - n / len(pool) if head in pool else 1
        missed += never
    return ControlOverlap(
        fmean(shared),
        min(shared),
        max(shared),
        expected,
        len(set().union(*sets)),
        len(study.grid) - missed,
    )


def by_octet(heads_of_cells: Sequence[Sequence[Head]], grid: HeadGrid) -> list[int]:
    """Heads per four layers, from the lowest layers up, all cells together."""
    counts = [0] * (grid.layers // OCTET)
    for heads in heads_of_cells:
        for head in heads:
            counts[head.layer // OCTET] += 1
    return counts


def middle_share(heads_of_cells: Sequence[Sequence[Head]]) -> float:
    """The share of heads in the layers ``MIDDLE``."""
    return fmean(head.layer in MIDDLE for heads in heads_of_cells for head in heads)

"""The evidence on claim A7: how many heads the methods share, and whether all of them matter."""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

import numpy as np

from ablation.heads import jaccard
from ablation.stats import mean_interval
from experiments.judging.verdict import Evidence
from experiments.methods.comparison import Rankings


def overlaps(rankings: Rankings, methods: Sequence[str], level: int) -> list[float]:
    """For each cell the mean Jaccard index of the top heads over all pairs of ``methods``."""
    return [
        fmean(jaccard(a.top(level), b.top(level)) for a, b in combinations(of_cell, 2))
        for of_cell in zip(*(rankings[method] for method in methods), strict=True)
    ]


def overlap_evidence(rankings: Rankings, methods: Sequence[str], level: int) -> Evidence:
    """A7: how many of their top heads the methods share; cells are the units of the interval."""
    values = np.array(overlaps(rankings, methods, level))
    heads = len(rankings[methods[0]][0].grid)
    return Evidence(
        float(values.mean()),
        mean_interval(values) if len(values) > 1 else None,
        len(values),
        "cells",
        note=f"top {level} of {' and '.join(methods)}; two random sets of {level} of {heads} heads "
        f"share {level / (2 * heads - level):.2f} (Jaccard index)",
    )

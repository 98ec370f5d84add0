"""The evidence on claim A7: how many heads the methods share, and whether all of them matter."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from statistics import fmean

import numpy as np

from ablation.detection.controls import LAYER_MATCHED
from ablation.heads import jaccard
from ablation.stats.mean import mean_interval
from experiments.cells.gap import gap_evidence
from experiments.claims import LEVELS
from experiments.judging.verdict import Blocked, Evidence
from experiments.methods.comparison import Comparison, Ranked, Rankings


def overlaps(rankings: Rankings, methods: Sequence[str], level: int) -> list[float]:
    """For each cell the mean Jaccard index of the top heads over all pairs of ``methods``."""
    return [
        fmean(jaccard(a.top(level), b.top(level)) for a, b in combinations(of_cell, 2))
        for of_cell in zip(*(rankings[method] for method in methods), strict=True)
    ]


def overlap_evidence(ranked: Ranked, methods: Sequence[str], level: int) -> Evidence | Blocked:
    """A7: how many of their top heads the methods share; cells are the units of the interval."""
    for method in methods:
        if method in ranked.refused:
            return Blocked(f"{method}: {ranked.refused[method]}", missing=False)
        if (fewest := ranked.fewest(method)) < level:
            return Blocked(f"{method} found only {fewest} heads in a cell", missing=False)
    values = np.array(overlaps(ranked.rankings, methods, level))
    heads = len(ranked.rankings[methods[0]][0].grid)
    return Evidence(
        float(values.mean()),
        mean_interval(values) if len(values) > 1 else None,
        len(values),
        "cells",
        note=f"{_top(ranked, level)} of {' and '.join(methods)}; two random sets of {level} of "
        f"{heads} heads share {level / (2 * heads - level):.2f} (Jaccard index)",
    )


def causal_evidence(
    ranked: Ranked,
    compared: Comparison,
    method: str,
    level: int,
    kind: str = LAYER_MATCHED,
    noise: float = 0.0,
) -> Evidence | Blocked:
    """A7: accuracy lost with the top heads of a method beyond that with control heads."""
    if method in ranked.refused:
        return Blocked(f"{method}: {ranked.refused[method]}", missing=False)
    for name in (method, kind):
        if (name, level) in compared.left_out:
            return Blocked(f"{name}: {compared.left_out[name, level]}", missing=False)
    found = gap_evidence(compared.outcomes[method], level, kind, noise)
    note = f"{_top(ranked, level)}; {found.note}"
    if kind == LAYER_MATCHED and (elsewhere := sum(compared.displaced[method, level])):
        cells = len(compared.outcomes[method])
        note += f"; {elsewhere} of {cells * level} control heads lie in neighbouring layers"
    return replace(found, note=note)


def _top(ranked: Ranked, level: int) -> str:
    """How many heads are compared; and, where they are fewer than in the study, why."""
    fewest = {method: ranked.fewest(method) for method in ranked.rankings}
    few = [f"{method} found {n}" for method, n in fewest.items() if level <= n < LEVELS[-1]]
    return f"top {level} ({', '.join(few)})" if few else f"top {level}"

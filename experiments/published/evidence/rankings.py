"""How far two rankings agree: between methods, and of one method between lengths and questions."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean

import numpy as np

from ablation.heads import jaccard
from ablation.stats.mean import mean_interval
from experiments.judging.verdict import Evidence
from experiments.published.sources.groups import AXES
from experiments.published.sources.llama3 import INVALID, Cell, valid


def stability(cells: Sequence[Cell], axis: str, first: object, second: object) -> float:
    """Mean Jaccard index of the top heads of cells that differ in ``axis`` alone."""
    others = [name for name in AXES if name != axis]
    of_value: dict[object, dict[tuple[object, ...], Cell]] = {first: {}, second: {}}
    for cell in cells:
        value = getattr(cell, axis)
        if value in of_value:
            of_value[value][tuple(getattr(cell, name) for name in others)] = cell
    return fmean(
        jaccard(cell.top_heads, of_value[second][rest].top_heads)
        for rest, cell in of_value[first].items()
    )


def method_overlaps(
    cells: Mapping[str, Sequence[Cell]], methods: Sequence[str]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Per cell the mean Jaccard index of the top heads over all pairs of ``methods``."""
    return np.array(
        [
            fmean(jaccard(a.top_heads, b.top_heads) for a, b in combinations(same_cell, 2))
            for same_cell in zip(*(cells[method] for method in methods), strict=True)
        ]
    )


def overlap_evidence(cells: Mapping[str, Sequence[Cell]], methods: Sequence[str]) -> Evidence:
    """A7: how many heads the methods share, with an interval over cells."""
    used, values = cells[methods[0]], method_overlaps(cells, methods)
    return Evidence(
        float(values.mean()),
        mean_interval(values),
        len(values),
        "cells",
        note=f"top 50 of {' and '.join(methods)}",
        invalid="" if len(valid(used)) == len(used) else INVALID,
    )

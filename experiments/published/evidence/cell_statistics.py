"""Evidence from one figure per cell, where outcomes of single items were not published.

The cell is the unit, and cells count alike, as in the study. The claims are about its four
questions, so these are no sample of others. The cells of one question share their filings, and the
cells of one filing are right and wrong together; so an interval over cells is too narrow, by how
much the published counts cannot tell.
"""

from collections.abc import Sequence

import numpy as np
import scipy
from jaxtyping import Float

from ablation.stats.gap import FEWEST_CLUSTERS
from ablation.stats.mean import mean_interval
from experiments.judging.verdict import FLOOR, Evidence
from experiments.published.sources.llama3 import INVALID, Cell, valid

RESAMPLES = 9999
UNITS = "cells"
SHARED = "cells share filings, so the interval is too narrow"


def above_floor(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells whose unablated accuracy is high enough for a drop to show; all if none is."""
    return tuple(cell for cell in cells if cell.unablated_accuracy >= FLOOR) or tuple(cells)


def cell_evidence(
    cells: Sequence[Cell],
    values: Float[np.ndarray, " cells"],
    p: float | None,
    notes: Sequence[str] = (),
) -> Evidence:
    """The mean of one value per cell, its interval, and what limits it."""
    answer = 1 / max(cell.total for cell in cells)
    notes, interval = [*notes, SHARED], mean_interval(values, answer)
    if len(values) < FEWEST_CLUSTERS:
        notes.append("Student's t: too few cells for a bootstrap")
    return Evidence(
        float(values.mean()),
        interval,
        len(values),
        UNITS,
        p=p,
        unablated=float(np.mean([cell.unablated_accuracy for cell in cells])),
        note="; ".join(notes),
        invalid="" if len(valid(cells)) == len(cells) else INVALID,
    )


def sign_flip_p(values: Float[np.ndarray, " units"]) -> float:
    """P(a mean as far from 0 if the sign of each unit were random), two-sided.

    All 2ⁿ flips if there are at most ``RESAMPLES``, else as many at random and one more.
    """
    found = scipy.stats.permutation_test(
        (values,),
        lambda flipped, axis: np.round(flipped.mean(axis), 12),  # ties are off by 1e-17
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)

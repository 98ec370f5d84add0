"""Evidence from one figure per cell, where outcomes of single items were not published.

The cell is the unit, and cells count alike, as in the study. The cells of one question share their
filings, and the cells of one filing are right and wrong together; so an interval over cells is too
narrow, by how much the published counts cannot tell. In the harshest reading only the four
questions are independent. Where there are several questions, the interval spans both readings.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import stats

from ablation.stats.gap import FEWEST_CLUSTERS
from ablation.stats.interval import Interval
from ablation.stats.mean import mean_interval, student_interval
from experiments.judging.verdict import FLOOR, Evidence
from experiments.published.sources.llama3 import Cell

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
    """The mean of one value per cell, with the span of both its intervals and what limits it."""
    notes, interval = [*notes, SHARED], mean_interval(values)
    if len(values) < FEWEST_CLUSTERS:
        notes.append("Student's t: too few cells for a bootstrap")
    questions = question_interval(cells, values)
    if questions is not None:
        notes.append(
            f"interval over cells {100 * interval.low:.1f} to {100 * interval.high:.1f}, over the "
            f"4 questions (t) {100 * questions.low:.1f} to {100 * questions.high:.1f}"
        )
        interval = Interval(min(interval.low, questions.low), max(interval.high, questions.high))
    return Evidence(
        float(values.mean()),
        interval,
        len(values),
        UNITS,
        p=p,
        unablated=float(np.mean([cell.unablated_accuracy for cell in cells])),
        note="; ".join(notes),
    )


def question_interval(
    cells: Sequence[Cell], values: Float[np.ndarray, " cells"]
) -> Interval | None:
    """The t interval over the means of the questions; None for a single question."""
    by_question: dict[str, list[float]] = {}
    for cell, value in zip(cells, values, strict=True):
        by_question.setdefault(cell.question, []).append(float(value))
    if len(by_question) < 2:
        return None
    return student_interval(np.array([np.mean(found) for found in by_question.values()]))


def sign_flip_p(values: Float[np.ndarray, " units"]) -> float:
    """P(a mean as far from 0 if the sign of each unit were random), two-sided.

    All 2ⁿ flips if there are at most ``RESAMPLES``, else as many at random and one more.
    """
    found = stats.permutation_test(
        (values,),
        lambda flipped, axis: np.round(flipped.mean(axis), 12),  # ties are off by 1e-17
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)

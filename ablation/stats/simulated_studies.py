"""Ablation studies whose true gap is known: answers drawn from a latent normal model.

    correct = Φ(√f·filing + √i·item + √s·(head set × filing) + √r·rest) < accuracy of the head set

with f + i + s + r = 1 and every term a standard normal, drawn once for what it is named after:
``filing`` and ``item`` are the same under every head set, ``head set × filing`` makes the answers
to one filing change together, ``rest`` is of one answer alone. The latent sum is standard normal
whatever the weights, so the accuracy, and with it the true gap, is exactly what was asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from ablation.stats.gap import Survival

UNABLATED = 0.73
"""Accuracy of the embedded model without ablation, about."""


@dataclass(frozen=True)
class Shape:
    """A study's cells and filings, an item for each pair, and the variances of its answers."""

    cells: int
    filings: int
    filing: float
    item: float
    set_and_filing: float
    rest: float


EMBEDDED = Shape(4, 16, filing=0.3, item=0.5, set_and_filing=0.1, rest=0.1)
"""Four questions on each of 16 filings; one answer in five differs between equal head sets."""

STEADY = replace(EMBEDDED, item=0.6, set_and_filing=0.05, rest=0.05)
"""The same; one answer in seven differs between equal head sets."""

PUBLISHED = Shape(32, 33, filing=0.7, item=0.1, set_and_filing=0.1, rest=0.1)
"""32 cells of the same 33 filings: an item that one cell answers, most others answer."""


def simulate(
    shape: Shape,
    studies: int,
    *,
    tested_cost: float,
    control_cost: float,
    unablated: float = UNABLATED,
    draws: int = 1,
    spread: float = 0.0,
    tested_spread: float = 0.0,
    own_sets: bool = False,
    carried_by: float = 1.0,
    seed: int,
) -> list[Survival]:
    """Studies whose tested heads and control draws cost that much accuracy, on average.

    Args:
        shape: of each study.
        studies: how many.
        tested_cost: drop of the tested heads; the true gap is ``tested_cost − control_cost``.
        control_cost: mean drop of a control draw.
        unablated: accuracy without ablation, at least as large as any drop.
        draws: control draws of each study.
        spread: each control set costs up to so much less or more, uniformly.
        tested_spread: the same of the tested heads.
        own_sets: of a control every item has a set of its own.
        carried_by: the share of filings that carry the gap; in the others there is none.
        seed: of everything.
    """
    generator = np.random.default_rng(seed)
    # Axes: study, head set, cell, filing.
    gap = (tested_cost - control_cost) / carried_by
    hit = generator.random((studies, 1, 1, shape.filings)) < carried_by
    tested = control_cost + gap * hit + tested_spread * generator.uniform(-1, 1, (studies, 1, 1, 1))
    of_set = (shape.cells, shape.filings) if own_sets else (1, 1)
    controls = control_cost + spread * generator.uniform(-1, 1, (studies, draws, *of_set))
    everywhere = (shape.cells, shape.filings)
    costs = np.concatenate(
        [np.broadcast_to(tested, (studies, 1, *everywhere)),
         np.broadcast_to(controls, (studies, draws, *everywhere))],
        axis=1,
    )  # fmt: skip
    sets = 1 + draws
    terms: Sequence[tuple[float, tuple[int, ...]]] = (
        (shape.filing, (1, 1, shape.filings)),
        (shape.item, (1, shape.cells, shape.filings)),
        (shape.set_and_filing, (sets, 1, shape.filings)),
        (shape.rest, (sets, shape.cells, shape.filings)),
    )
    latent = sum(
        variance**0.5 * generator.standard_normal((studies, *axes)) for variance, axes in terms
    )
    correct = (latent < scipy.special.ndtri(unablated - costs)).astype(float)
    totals = np.ones((shape.cells, shape.filings))
    return [Survival(totals, study[0], study[1:]) for study in correct]

"""How often the intervals in question hold the true gap: four methods, many kinds of studies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import scipy

from ablation.stats.gap import Survival, gap_interval
from ablation.stats.mean import student_interval
from ablation.stats.simulated_studies import EMBEDDED, Shape, simulate

METHODS = ("percentile", "BCa", "Student's t", "bootstrap-t")
"""The last is the one in use (``ablation.stats.bootstrap_t``)."""

CLUSTERS = (10, 16, 32, 64)

NO_FILING_EFFECT = replace(EMBEDDED, filing=0.0, item=0.8)
STRONG_FILING_EFFECT = replace(EMBEDDED, filing=0.7, item=0.1)
SHAPES: Mapping[str, Shape] = {"none": NO_FILING_EFFECT, "strong": STRONG_FILING_EFFECT}

RESAMPLES = 999


@dataclass(frozen=True)
class Effect:
    """What ablation does in a simulated study.

    Attributes:
        control, tested: accuracy with either set of heads ablated.
        carried_by: the share of filings that carry the difference.
    """

    control: float
    tested: float
    carried_by: float = 1.0


EFFECTS = (
    Effect(0.9, 0.9),
    Effect(0.9, 0.66),
    Effect(0.73, 0.68),
    Effect(0.73, 0.5),
    Effect(0.5, 0.26),
    Effect(0.3, 0.06),
    Effect(0.05, 0.05),
    Effect(0.7, 0.63, carried_by=0.1),
    Effect(0.7, 0.56, carried_by=0.2),
)
"""From no gap to a large one, at accuracies of 0.05 to 0.9; the last two are skewed."""


def coverage(studies: int) -> Iterator[dict[str, Any]]:
    """A row for each kind of study: how often each method's 95% interval holds the true gap."""
    kinds = product(CLUSTERS, SHAPES.items(), EFFECTS)
    for seed, (clusters, (name, shape), effect) in enumerate(kinds):
        made = simulate(
            replace(shape, filings=clusters),
            studies,
            tested_cost=1 - effect.tested,
            control_cost=1 - effect.control,
            unablated=1.0,
            carried_by=effect.carried_by,
            seed=seed,
        )
        truth = effect.control - effect.tested
        yield {
            "clusters": clusters,
            "filing_effect": name,
            "control": effect.control,
            "tested": effect.tested,
            "carried_by": effect.carried_by,
            "coverage": {method: _share(method, made, truth) for method in METHODS},
        }


def _share(method: str, studies: Sequence[Survival], truth: float) -> float:
    rounding = 1e-9
    held = [low - rounding <= truth <= high + rounding for low, high in _ends(method, studies)]
    return sum(held) / len(held)


def _ends(method: str, studies: Sequence[Survival]) -> Iterator[tuple[float, float]]:
    for seed, study in enumerate(studies):
        if method == METHODS[-1]:
            found = gap_interval(study, seed=seed)
            assert found is not None
            yield found
            continue
        added = study.scores * study.scores.size
        if method == METHODS[2]:
            yield student_interval(added)
        elif np.ptp(added) == 0:
            yield study.gap, study.gap
        else:
            ends = scipy.stats.bootstrap(
                (added,),
                np.mean,
                n_resamples=RESAMPLES,
                method=method,  # type: ignore[arg-type]
                rng=np.random.default_rng(seed),
            ).confidence_interval
            yield float(ends.low), float(ends.high)

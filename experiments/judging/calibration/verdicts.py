"""How often each verdict on a gap is given where the true one is known."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from ablation.stats.gap import Survival, draws_p, gap_interval, gap_p
from ablation.stats.simulated_studies import EMBEDDED, UNABLATED, simulate
from experiments.judging.claim import Criterion
from experiments.judging.verdict import Evidence, Verdict, judge

CONTROL_COST = 0.1
"""Accuracy that random heads cost, on average."""

SPREAD = 0.1
"""Random sets cost up to so much less or more: a standard deviation of 5.8 points, within those of
layer-matched sets of SmolLM2 (5.0 and 8.4 points at 20 and 50 heads)."""

TIMES = (0.0, 0.5, 1.0, 1.5)
"""The true effect in times of the published one."""

FLIPS = 999


@dataclass(frozen=True)
class Design:
    """A study of four questions.

    Attributes:
        filings: asked each question.
        draws: whole control draws; 0 for a control set of its own for each item.
    """

    filings: int
    draws: int = 0


DESIGNS: Mapping[str, Design] = {
    "default": Design(16),
    "publication": Design(32, draws=20),
    "four times as many filings": Design(128, draws=20),
}

RIGHT = {
    0.0: (Verdict.NOT_REPRODUCED,),
    0.5: (Verdict.DIRECTION_ONLY,),
    1.0: (Verdict.REPRODUCED,),
    1.5: (Verdict.REPRODUCED,),
}
WRONG = {
    0.0: (Verdict.REPRODUCED, Verdict.SIZE_OPEN, Verdict.DIRECTION_ONLY),
    0.5: (Verdict.REPRODUCED, Verdict.NOT_REPRODUCED),
    1.0: (Verdict.DIRECTION_ONLY, Verdict.NOT_REPRODUCED),
    1.5: (Verdict.DIRECTION_ONLY, Verdict.NOT_REPRODUCED),
}
"""By the true effect; what is left says that it cannot tell."""


def shares(criteria: Mapping[str, Criterion], studies: int) -> Iterator[dict[str, Any]]:
    """A row for each design, criterion and true gap: how often each verdict is given.

    Args:
        criteria: part -> what is required of a gap, as of the levels of claim A1.
        studies: how many of each kind.
    """
    kinds = product(DESIGNS, criteria.items(), TIMES)
    for seed, (design, (part, criterion), times) in enumerate(kinds):
        found = Counter(_verdicts(DESIGNS[design], criterion, times, studies, seed))
        yield {
            "design": design,
            "part": part,
            "published": criterion.threshold,
            "times": times,
            "shares": {str(verdict): count / studies for verdict, count in found.items()},
            "right": sum(found[verdict] for verdict in RIGHT[times]) / studies,
            "wrong": sum(found[verdict] for verdict in WRONG[times]) / studies,
        }


def _verdicts(
    design: Design, criterion: Criterion, times: float, studies: int, seed: int
) -> Iterator[Verdict]:
    made = simulate(
        replace(EMBEDDED, filings=design.filings),
        studies,
        tested_cost=CONTROL_COST + times * criterion.threshold,
        control_cost=CONTROL_COST,
        draws=design.draws or 1,
        spread=SPREAD,
        own_sets=not design.draws,
        seed=seed,
    )
    for number, study in enumerate(made):
        yield judge(criterion, _evidence(study, design, number))


def _evidence(study: Survival, design: Design, seed: int) -> Evidence:
    """As ``experiments.cells.gap.gap_evidence`` has it of the same answers."""
    p = gap_p(study, resamples=FLIPS, seed=seed)
    if design.draws:
        p = max(p, draws_p(study))
    interval = gap_interval(study, seed=seed)
    return Evidence(
        study.gap, interval, study.totals.shape[1], "companies", p=p, unablated=UNABLATED
    )

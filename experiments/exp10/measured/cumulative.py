"""Part 10C: heads removed together, the least important first."""

import bisect
import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ablation.heads import Head
from ablation.metrics.paired_perplexity import delta_ppl, delta_ppl_interval
from ablation.metrics.perplexity import Perplexity
from experiments.exp10.measured.evaluations import Evaluations
from experiments.exp10.measured.individual import Sweep

THRESHOLDS = (1.1, 1.5, 2.0)
"""Ratios to the unablated perplexity."""

EXTRA_STEPS = (5, 15, 25, 35, 43, 50)
"""The source's, beside every tenth and all; 43 is 30% of GPT-2's 144 heads."""

MAGNITUDE, SIGNED = "magnitude", "signed"


@dataclass(frozen=True)
class Removal:
    """Which heads go, in which order; not ranked again on the way.

    Attributes:
        order: ``magnitude``, the source's (|ΔPPL| alone, ascending), or ``signed`` (ΔPPL).
        protected_layers: layers whose heads stay.
    """

    order: str = MAGNITUDE
    protected_layers: tuple[int, ...] = ()

    def heads(self, sweep: Sweep) -> tuple[Head, ...]:
        """The heads in the order of their removal."""
        ordered = sweep.by_magnitude() if self.order == MAGNITUDE else sweep.by_sign()
        return tuple(head for head in ordered if head.layer not in self.protected_layers)


REMOVALS = tuple(
    Removal(order, protected) for order in (MAGNITUDE, SIGNED) for protected in ((), (0,))
)


@dataclass(frozen=True)
class Curve:
    """Perplexity against the number of heads removed.

    Attributes:
        removal: which heads, in which order.
        heads: the order itself.
        points: number of heads -> perplexity, for the steps, ascending from 0.
    """

    removal: Removal
    heads: tuple[Head, ...]
    points: Mapping[int, Perplexity]

    @property
    def steps(self) -> tuple[int, ...]:
        """How many heads are removed at each point."""
        return tuple(self.points)

    def ratio(self, count: int) -> float:
        """Perplexity with ``count`` heads removed over the unablated one."""
        return 1 + delta_ppl(self.points[0], self.points[count])


@dataclass(frozen=True)
class Crossing:
    """Where the curve goes over a threshold: ``within`` heads are within it, one more is not.

    ``exceeded_ratio`` is None where even all heads are within it.
    """

    within: int
    ratio: float
    exceeded_ratio: float | None


@dataclass(frozen=True)
class Crossings:
    """What a threshold allows. The curve is not monotone, so it may be crossed more than once.

    Attributes:
        threshold: ratio to the unablated perplexity.
        largest_step: the last step before the first crossing: the source's figure.
        first: exact place of the first upward crossing seen on the steps.
        last: the largest number of heads within the threshold, as seen from the steps: the last
            upward crossing, or all heads where the curve ends within it.
    """

    threshold: float
    largest_step: int
    first: Crossing
    last: Crossing


def steps_for(total: int) -> tuple[int, ...]:
    """0, every tenth, the source's extra steps, and ``total``."""
    return tuple(sorted({*range(0, total, 10), *(n for n in EXTRA_STEPS if n < total), total}))


def measure_curve(evaluations: Evaluations, sweep: Sweep, removal: Removal) -> Curve:
    """Removes the heads step by step.

    Raises:
        ComputationError, ResultsError: as ``Evaluations.perplexity``.
    """
    heads = removal.heads(sweep)
    steps = steps_for(len(heads))
    found = evaluations.all([heads[:count] for count in steps])
    return Curve(removal, heads, dict(zip(steps, found, strict=True)))


def find_crossings(evaluations: Evaluations, curve: Curve, threshold: float) -> Crossings:
    """Bisects between the steps where the curve first and last goes over ``threshold``.

    Between two steps the curve may cross more than once; bisection finds one of these crossings.

    Raises:
        ComputationError, ResultsError: as ``Evaluations.perplexity``.
    """
    within = [curve.ratio(step) <= threshold for step in curve.steps]
    # Step 0 is always within.
    upward = [i for i, (a, b) in enumerate(itertools.pairwise(within)) if a and not b]
    everything = Crossing(len(curve.heads), curve.ratio(len(curve.heads)), None)
    if not upward:
        return Crossings(threshold, curve.steps[-1], everything, everything)
    first = _bisect(evaluations, curve, threshold, upward[0])
    if within[-1]:
        last = everything
    elif len(upward) > 1:
        last = _bisect(evaluations, curve, threshold, upward[-1])
    else:
        last = first
    return Crossings(threshold, curve.steps[upward[0]], first, last)


def _bisect(evaluations: Evaluations, curve: Curve, threshold: float, index: int) -> Crossing:
    def ratio(count: int) -> float:
        # Evaluations are kept: asking twice costs nothing.
        return 1 + delta_ppl(curve.points[0], evaluations.perplexity(curve.heads[:count]))

    low, high = curve.steps[index], curve.steps[index + 1]
    exceeds = bisect.bisect_left(
        range(high), True, lo=low + 1, hi=high, key=lambda count: ratio(count) > threshold
    )
    return Crossing(exceeds - 1, ratio(exceeds - 1), ratio(exceeds))


def curve_document(evaluations: Evaluations, curve: Curve) -> dict[str, Any]:
    """One entry of ``curves`` in ``exp10c_{tag}.json``.

    Raises:
        ComputationError, ResultsError: as ``Evaluations.perplexity``.
    """
    return {
        "order": curve.removal.order,
        "protected_layers": list(curve.removal.protected_layers),
        "total": len(curve.heads),
        "heads": [str(head) for head in curve.heads],
        "points": [_point(curve, step) for step in curve.steps],
        "thresholds": [
            asdict(find_crossings(evaluations, curve, threshold)) for threshold in THRESHOLDS
        ],
    }


def _point(curve: Curve, step: int) -> dict[str, Any]:
    ablated = curve.points[step]
    interval = delta_ppl_interval(curve.points[0], ablated)
    return {
        "num_heads": step,
        "ppl": ablated.value,
        "ratio": curve.ratio(step),
        "interval": interval and [1 + end for end in interval],
    }


def joint_document(evaluations: Evaluations, sweep: Sweep) -> dict[str, Any]:
    """The heads that help when ablated alone, ablated together.

    Raises:
        ComputationError, ResultsError: as ``Evaluations.perplexity``.
    """
    heads = sweep.helping()
    joint = evaluations.perplexity(heads)
    return {
        "heads": [str(head) for head in heads],
        "sum_of_individual": math.fsum(sweep.delta(head) for head in heads),
        "joint": delta_ppl(sweep.unablated, joint),
        "ppl": joint.value,
    }

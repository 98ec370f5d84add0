"""Whether the tail of a set of effects is a power law: its fit, and what speaks against it.

A straight line in a plot of log size on log rank is no evidence of one: samples of a lognormal look
as straight. Clauset, Shalizi & Newman 2009 (arXiv 0706.1062) ask three things, and so does this
module: where the tail begins and how steep it is (§3), whether samples of that power law lie as far
from their own fit (§4.1), and whether another law fits as well (§5, after Vuong 1989).

Sizes are |effects|; zeros carry no information about a power law and are left out.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ablation.errors import InvalidInput
from ablation.stats.rank_size import FEWEST_SIZES, ordered_sizes

RULED_OUT = 0.1
"""p at or below which a law is ruled out, or told apart from another: that of Clauset et al."""

SAMPLES = 1000
"""Of the goodness of fit: its p is known to within 0.016 (§4.1: a half of the inverse root)."""

OTHER_LAWS = ("lognormal", "exponential")


@dataclass(frozen=True)
class TailFit:
    """A power law fitted to the sizes from ``smallest`` up by maximum likelihood.

    Attributes:
        alpha: rank exponent, 1 / (density exponent − 1).
        smallest: where the tail begins, chosen by the least Kolmogorov-Smirnov distance.
        sizes: how many sizes lie in the tail.
        distance: that distance.
    """

    alpha: float
    smallest: float
    sizes: int
    distance: float


@dataclass(frozen=True)
class Comparison:
    """A power law against another law, both fitted to one tail.

    Attributes:
        ratio: log-likelihood of the power law less that of the other, over its standard deviation
            (Vuong's statistic); above 0 where the power law fits better.
        p: of a ratio as far from 0 where both fit alike, two-sided; 1 where they are one.
    """

    ratio: float
    p: float

    @property
    def other_fits(self) -> str:
        """How the other law fits in comparison: "better", "as well" or "worse"."""
        if self.p > RULED_OUT:
            return "as well"
        return "worse" if self.ratio > 0 else "better"


def tail_fit(sizes: Sequence[float]) -> TailFit:
    """Maximum likelihood of a continuous power law, tail chosen as in Clauset et al. 2009, §3.

    If the sizes have density ∝ x^−a, the size of rank r falls as r^−1/(a−1).

    Raises:
        InvalidInput: fewer than ``FEWEST_SIZES`` sizes are not zero, or all are equal.
    """
    ordered = ordered_sizes(sizes)
    if ordered[0] == ordered[-1]:
        raise InvalidInput("a power law cannot be fitted to sizes that are all equal")
    return _best_tail(ordered)


def goodness_of_fit(sizes: Sequence[float], *, samples: int = SAMPLES, seed: int = 0) -> float:
    """The share of samples of the fitted power law that lie further from their own fit (§4.1).

    At ``RULED_OUT`` and below the sizes are hardly a sample of it. A sample has as many sizes: with
    the tail's share of them from the power law, the others from the sizes below the tail. It takes
    a second or two for the heads of a small model, and ten for a thousand.

    Raises:
        InvalidInput: as ``tail_fit``.
    """
    fit, ordered = tail_fit(sizes), ordered_sizes(sizes)
    generator = np.random.default_rng(seed)
    again = (_best_tail(_sample(fit, ordered, generator)) for _ in range(samples))
    return sum(one.distance >= fit.distance for one in again) / samples


def compared(sizes: Sequence[float], fit: TailFit, other: str) -> Comparison:
    """The fitted power law against ``other``, one of ``OTHER_LAWS``, on the tail (§5).

    By the powerlaw package (Alstott, Bullmore & Plenz 2014, arXiv 1305.0215).
    """
    import powerlaw  # brings matplotlib's plots along: a second

    tail = ordered_sizes(sizes)[: fit.sizes] / fit.smallest
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Of parameters at the edge of their range: a lognormal can come as near to a power law as
        # it likes, and then fits as well.
        warnings.simplefilter("ignore")
        # Without a range of its own the density exponent is at most 3, and alpha at least a half.
        found = powerlaw.Fit(tail, xmin=1.0, verbose=False, parameter_ranges={"alpha": [1, None]})
        ratio, p = found.distribution_compare("power_law", other, normalized_ratio=True)
    return Comparison(float(np.nan_to_num(ratio)), float(np.nan_to_num(p, nan=1.0)))


def _sample(
    fit: TailFit, ordered: Float[np.ndarray, " sizes"], generator: np.random.Generator
) -> Float[np.ndarray, " sizes"]:
    """As many sizes, largest first, not all equal, of which the fitted tail is the truth."""
    below = ordered[fit.sizes :]
    while True:
        in_tail = generator.binomial(len(ordered), fit.sizes / len(ordered))
        tail = fit.smallest * (1 - generator.random(in_tail)) ** -fit.alpha
        rest = generator.choice(below, len(ordered) - in_tail) if len(below) else below
        sample = np.sort(np.concatenate([tail, rest]))[::-1]
        if sample[0] > sample[-1]:
            return sample


def _best_tail(ordered: Float[np.ndarray, " sizes"]) -> TailFit:
    """The tail of these sizes, largest first and not all equal, that is nearest to a power law."""
    # A tail that begins at one of equal sizes holds them all; the largest alone has no exponent.
    ends = np.flatnonzero(np.append(ordered[:-1] > ordered[1:], True))
    ends = ends[(ends >= FEWEST_SIZES - 1) & (ordered[ends] < ordered[0])]
    logs = np.log(ordered / ordered[0])
    counts = ends + 1
    alphas = np.cumsum(logs)[ends] / counts - logs[ends]
    # One row a tail: the law's share of sizes beyond each size, and the sample's on both its sides.
    places = np.arange(len(ordered))
    beyond = np.exp(-np.maximum(logs[None, :] - logs[ends, None], 0) / alphas[:, None])
    apart = np.maximum((places + 1) / counts[:, None] - beyond, beyond - places / counts[:, None])
    distances = np.where(places < counts[:, None], apart, 0).max(axis=1)
    best = int(distances.argmin())
    return TailFit(
        float(alphas[best]), float(ordered[ends[best]]), int(counts[best]), float(distances[best])
    )

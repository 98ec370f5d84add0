"""How sure the change of a perplexity is: the same windows with and without an ablation, paired."""

import math

import numpy as np
from scipy import stats

from ablation.errors import InvalidInput
from ablation.perplexity import Perplexity

FEWEST_WINDOWS = 10
"""Windows below which a bootstrap over them says nothing: two give no interval, fifty do."""

RESAMPLES = 2000


def delta_ppl(unablated: Perplexity, ablated: Perplexity) -> float:
    """ΔPPL = (ppl − ppl₀) / ppl₀, a fraction; infinite where a float64 cannot hold it.

    Raises:
        InvalidInput: the two are not of the same windows.
    """
    _check_paired(unablated, ablated)
    try:
        return math.expm1(ablated.nll - unablated.nll)
    except OverflowError:
        return math.inf


def delta_ppl_interval(
    unablated: Perplexity, ablated: Perplexity, *, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float] | None:
    """A paired interval of ``delta_ppl``; None with fewer than ``FEWEST_WINDOWS`` windows.

    Percentile bootstrap over windows of the difference of NLL per token, then exp(·) − 1. Windows
    of one text are taken as exchangeable, the last, shorter one with its own weight.

    Raises:
        InvalidInput: the two are not of the same windows.
    """
    _check_paired(unablated, ablated)
    counts = np.array(unablated.window_counts)
    if len(counts) < FEWEST_WINDOWS:
        return None
    differences = np.subtract(ablated.window_nll_sums, unablated.window_nll_sums)
    interval = stats.bootstrap(
        (differences, counts),
        lambda sums, counts, axis: sums.sum(axis) / counts.sum(axis),
        paired=True,
        vectorized=True,
        confidence_level=confidence,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(np.expm1(interval.low)), float(np.expm1(interval.high))


def _check_paired(unablated: Perplexity, ablated: Perplexity) -> None:
    if unablated.window_counts != ablated.window_counts:
        raise InvalidInput(
            "two perplexities can be paired if they are of the same windows; got "
            f"{len(unablated.window_counts)} windows of {unablated.count} positions and "
            f"{len(ablated.window_counts)} of {ablated.count}"
        )

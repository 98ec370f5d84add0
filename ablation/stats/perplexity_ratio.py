"""How sure a ratio of perplexities is: the same units of text with and without an ablation.

PPL / PPL₀ = exp(Σ differences / Σ counts), a difference being the NLL of a unit ablated less
unablated, in nats summed over its positions. In logarithms a ratio is a mean, and units of very
different difficulty cancel.
"""

import numpy as np
from jaxtyping import Float

from ablation.errors import InvalidInput
from ablation.stats.bootstrap_t import bootstrap_t
from ablation.stats.interval import CONFIDENCE, Interval, check_confidence

FEWEST_UNITS = 10
"""Units below which a bootstrap over them says nothing: two give no interval, fifty do."""


def log_ratio_interval(
    differences: Float[np.ndarray, " units"],
    counts: Float[np.ndarray, " units"],
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval | None:
    """An interval of ln(PPL / PPL₀) = Σ differences / Σ counts, in nats per position.

    Bootstrap-t over units (``ablation.stats.bootstrap_t``); None with fewer than ``FEWEST_UNITS``
    units. Units are taken as exchangeable: windows of one
    text in a row resemble each other, which makes the interval somewhat too narrow.

    Args:
        differences: of each unit the sum of NLL in nats, ablated less unablated.
        counts: of each unit the positions that sum runs over.
        confidence: as a fraction.
        seed: of the resampling; the same seed gives the same interval.

    Raises:
        InvalidInput: a unit without a position or with a difference that is not finite, or no such
            confidence.
    """
    check_confidence(confidence)
    if not (np.isfinite(differences).all() and (counts > 0).all()):
        raise InvalidInput(
            "a perplexity ratio needs finite differences of NLL and at least one position in each "
            "unit of text: measure again, without empty units"
        )
    if len(counts) < FEWEST_UNITS:
        return None
    ratio = differences.sum() / counts.sum()
    # Of a ratio of sums what units add to it: its mean is the ratio (Taylor linearisation).
    added = ratio + (differences - ratio * counts) * len(counts) / counts.sum()
    return bootstrap_t(added[None], confidence=confidence, seed=seed)


def ratio_interval(
    differences: Float[np.ndarray, " units"],
    counts: Float[np.ndarray, " units"],
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval | None:
    """An interval of PPL / PPL₀ = exp(Σ differences / Σ counts); 1 is no change.

    The exp of both bounds of ``log_ratio_interval``, see there for units and arguments. A
    bound is infinite where a float64 cannot hold it.

    Raises:
        InvalidInput: as ``log_ratio_interval``.
    """
    found = log_ratio_interval(differences, counts, confidence=confidence, seed=seed)
    if found is None:
        return None
    with np.errstate(over="ignore"):
        return Interval(float(np.exp(found.low)), float(np.exp(found.high)))

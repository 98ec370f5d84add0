"""Whether a mean is as good as zero: that a test finds nothing does not show there is nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float

from ablation.errors import InvalidInput
from ablation.stats.interval import Interval


@dataclass(frozen=True)
class Equivalence:
    """What ``tost`` found, in the unit of the differences.

    Attributes:
        estimate: mean of the differences.
        interval: t interval of that mean with confidence 1 − 2·alpha; it lies inside ±margin
            exactly if p < alpha.
        margin: what still counts as no difference, above 0.
        p: of the hypothesis that the true mean is a margin or more from zero.
        n: independent units.
    """

    estimate: float
    interval: Interval
    margin: float
    p: float
    n: int


def tost(
    differences: Sequence[float] | Float[np.ndarray, " units"],
    margin: float,
    *,
    alpha: float = 0.05,
) -> Equivalence:
    """The larger of P(T ≥ (d̄ + margin) / s) and P(T ≤ (d̄ − margin) / s), s = sd/√n.

    T has n − 1 degrees of freedom: two one-sided t tests over independent units, one difference
    each. Average the items of a filing first, and state the margin before the differences are seen.

    Differences without any spread have s = 0 and no t. Their interval is the point d̄ and p is 0 if
    d̄ lies inside the margin, else 1, the limits for s → 0; a mean on the margin itself is not
    inside. Such a p says that these units agree, not that others would: read it with n.

    Schuirmann 1987, doi 10.1007/BF01068419; Lakens 2017, doi 10.1177/1948550617697177.

    Raises:
        InvalidInput: fewer than 2 units, a difference that is not finite, a margin that is not a
            number above 0, or an alpha that is not between 0 and 0.5.
    """
    values = np.asarray(differences, dtype=float)
    _check(values, margin, alpha)
    n, mean = len(values), float(values.mean())
    if np.ptp(values) == 0:  # the mean of equal numbers is off by rounding
        mean = float(values[0])
        p = 0.0 if abs(mean) < margin else 1.0
        return Equivalence(mean, Interval(mean, mean), margin, p, n)
    error = float(values.std(ddof=1)) / n**0.5
    p = max(
        scipy.stats.t.sf((mean + margin) / error, n - 1),
        scipy.stats.t.cdf((mean - margin) / error, n - 1),
    )
    reach = float(scipy.stats.t.ppf(1 - alpha, n - 1)) * error
    return Equivalence(mean, Interval(mean - reach, mean + reach), margin, float(p), n)


def _check(values: Float[np.ndarray, " units"], margin: float, alpha: float) -> None:
    if len(values) < 2:
        raise InvalidInput(
            f"an equivalence test needs at least 2 independent units, got {len(values)}: add some"
        )
    if not np.isfinite(values).all():
        raise InvalidInput(
            "an equivalence test needs finite differences, got "
            f"{values[~np.isfinite(values)][0]}: measure that unit again"
        )
    if not 0 < margin < np.inf:
        raise InvalidInput(
            f"an equivalence margin above 0 is required, got {margin}: "
            "state the largest difference that does not matter"
        )
    if not 0 < alpha < 0.5:
        raise InvalidInput(
            f"an alpha between 0 and 0.5, both excluded, is required, got {alpha}: try 0.05"
        )

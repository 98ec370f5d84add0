"""The interval of a mean of independent units."""

import numpy as np
from jaxtyping import Float
from scipy import stats

from ablation.stats.bootstrap_t import bootstrap_t
from ablation.stats.gap import FEWEST_CLUSTERS
from ablation.stats.interval import CONFIDENCE, Interval


def mean_interval(values: Float[np.ndarray, " units"]) -> Interval:
    """The 95% interval of a mean: bootstrap-t, or Student's t below ``FEWEST_CLUSTERS`` units.

    Values that are all equal give that point.
    """
    if np.ptp(values) == 0:
        mean = float(values.mean())
        return Interval(mean, mean)
    if len(values) < FEWEST_CLUSTERS:
        return student_interval(values)
    return bootstrap_t(values[None])


def student_interval(values: Float[np.ndarray, " units"]) -> Interval:
    """The 95% interval of the mean of n independent units: mean ± t·s/√n."""
    n = len(values)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * values.std(ddof=1) / n**0.5
    return Interval(float(values.mean() - reach), float(values.mean() + reach))

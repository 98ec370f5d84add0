"""The interval of a mean of independent units."""

import numpy as np
from jaxtyping import Float
from scipy import stats

from ablation.stats.gap import FEWEST_CLUSTERS
from ablation.stats.interval import CONFIDENCE, Interval

RESAMPLES = 9999


def mean_interval(values: Float[np.ndarray, " units"]) -> Interval:
    """The 95% interval of a mean: BCa bootstrap, or Student's t below ``FEWEST_CLUSTERS`` units.

    Efron 1987, doi 10.1080/01621459.1987.10478410. Values that are all equal give that point.
    """
    mean = float(values.mean())
    if np.ptp(values) == 0:
        return Interval(mean, mean)
    if len(values) < FEWEST_CLUSTERS:
        return student_interval(values)
    low, high = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(low), float(high))


def student_interval(values: Float[np.ndarray, " units"]) -> Interval:
    """The 95% interval of the mean of n independent units: mean ± t·s/√n."""
    n = len(values)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * values.std(ddof=1) / n**0.5
    return Interval(float(values.mean() - reach), float(values.mean() + reach))

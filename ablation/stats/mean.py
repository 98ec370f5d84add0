"""The interval of a mean of independent units."""

import numpy as np
import scipy
from jaxtyping import Float

from ablation.stats.bootstrap_t import bootstrap_t
from ablation.stats.gap import FEWEST_CLUSTERS
from ablation.stats.interval import CONFIDENCE, Interval


def mean_interval(values: Float[np.ndarray, " units"], step: float = 0.0) -> Interval:
    """The 95% interval of a mean: bootstrap-t, or Student's t below ``FEWEST_CLUSTERS`` units.

    Values that are all equal give that point, without a ``step``: the least by which a value can
    change (see ``ablation.stats.bootstrap_t``).
    """
    if np.ptp(values) == 0 and not step:
        mean = float(values.mean())
        return Interval(mean, mean)
    if len(values) < FEWEST_CLUSTERS:
        return student_interval(values, step)
    return bootstrap_t(values[None], step=step)


def student_interval(values: Float[np.ndarray, " units"], step: float = 0.0) -> Interval:
    """The 95% interval of the mean of n independent units: mean ± t·s/√n.

    s² = (Σ(value − mean)² + step²) / (n − 1).
    """
    n, mean = len(values), float(values.mean())
    spread = ((values - mean) ** 2).sum() + step**2
    reach = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * (spread / (n - 1) / n) ** 0.5
    return Interval(mean - float(reach), mean + float(reach))

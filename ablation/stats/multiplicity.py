"""p-values of several tests adjusted together: an adjusted p ≤ α rejects at α over all of them.

Holm for a handful of claims, none of which may be a false alarm; Benjamini-Hochberg for a map of
all heads, of whose findings a share may be. One primary claim declared beforehand needs neither.
"""

from collections.abc import Sequence

import numpy as np
import scipy
from jaxtyping import Float

from ablation.errors import InvalidInput

PValues = Sequence[float] | Float[np.ndarray, " tests"]


def holm(p_values: PValues) -> list[float]:
    """Adjusted p₍ᵢ₎ = max over j ≤ i of min(1, (m − j + 1)·p₍ⱼ₎); in the order of the input.

    p₍₁₎ ≤ … ≤ p₍ₘ₎ are the m given. Bounds the probability of one false rejection or more,
    whatever the dependence of the tests (Holm 1979, Scand. J. Statist. 6, 65-70).

    Raises:
        InvalidInput: a p-value is NaN or outside [0, 1].
    """
    given = _checked(p_values)
    order = np.argsort(given, kind="stable")
    factors = np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.maximum.accumulate(np.minimum(1, factors * given[order]))
    return [float(p) for p in adjusted]


def benjamini_hochberg(p_values: PValues) -> list[float]:
    """Adjusted p₍ᵢ₎ = min over j ≥ i of min(1, m·p₍ⱼ₎ / j); in the order of the input.

    p₍₁₎ ≤ … ≤ p₍ₘ₎ are the m given. Bounds the expected share of false rejections among
    all, for tests that are independent or positively dependent (Benjamini & Hochberg 1995,
    doi 10.1111/j.2517-6161.1995.tb02031.x).

    Raises:
        InvalidInput: a p-value is NaN or outside [0, 1].
    """
    given = _checked(p_values)
    return [float(p) for p in scipy.stats.false_discovery_control(given)] if given.size else []


def _checked(p_values: PValues) -> Float[np.ndarray, " tests"]:
    given = np.asarray(p_values, dtype=float)
    outside = given[~((given >= 0) & (given <= 1))]  # NaN too
    if outside.size:
        raise InvalidInput(f"p-values from 0 to 1 are required, got {outside[0]}: leave it out")
    return given

"""How unequal a set of effects is: fits of C·rank^−α, and measures that assume no law.

The α of a rank-size fit depends on the fit, and samples of a lognormal give values as large: the
fits are reported side by side, as description. The share of the largest k and the Gini coefficient
say the same without a law. Whether there is a law is asked in ``ablation.stats.power_law``.

Sizes are |effects|; zeros carry no information about a power law and are left out of the fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float

from ablation.errors import InvalidInput

ALPHA_BOUNDS = (0.01, 5.0)
"""Of the exp10 study's fit."""

FEWEST_SIZES = 3
"""Two parameters and a degree of freedom."""


@dataclass(frozen=True)
class RankSizeFit:
    """size ≈ scale · rank^−alpha, ranks from 1 for the largest."""

    alpha: float
    scale: float


def linear_fit(sizes: Sequence[float]) -> RankSizeFit:
    """Least squares of scale · rank^−alpha in *linear* space, alpha in ``ALPHA_BOUNDS``.

    The exp10 study's fit: the few largest sizes decide it.

    Raises:
        InvalidInput: fewer than ``FEWEST_SIZES`` sizes are not zero.
    """
    ordered, ranks = _ordered(sizes)
    # On the scale of 1, where the optimiser's stopping rules are made for.
    (scale, alpha), _ = scipy.optimize.curve_fit(
        lambda rank, scale, alpha: scale * rank**-alpha,
        ranks,
        ordered / ordered[0],
        p0=(1.0, 1.0),
        bounds=((0, ALPHA_BOUNDS[0]), (np.inf, ALPHA_BOUNDS[1])),
    )
    return RankSizeFit(float(alpha), float(scale * ordered[0]))


def log_log_fit(sizes: Sequence[float]) -> RankSizeFit:
    """Ordinary least squares of log size on log rank: every size counts alike, the small too.

    Raises:
        InvalidInput: fewer than ``FEWEST_SIZES`` sizes are not zero.
    """
    ordered, ranks = _ordered(sizes)
    line = scipy.stats.linregress(np.log(ranks), np.log(ordered))
    return RankSizeFit(float(-line.slope), float(np.exp(line.intercept)))


def leave_one_out(sizes: Sequence[float]) -> list[float]:
    """For each size the alpha of ``linear_fit`` to all the others.

    Raises:
        InvalidInput: a fit is not possible without one of them, see ``linear_fit``.
    """
    _ordered(sizes, fewest=FEWEST_SIZES + 1)
    return [linear_fit([*sizes[:index], *sizes[index + 1 :]]).alpha for index in range(len(sizes))]


def top_share(sizes: Sequence[float], k: int) -> float:
    """The k largest sizes' part of the sum of all; 0 if all are 0."""
    ordered = np.sort(np.abs(sizes))[::-1]
    return float(ordered[:k].sum() / ordered.sum()) if ordered.any() else 0.0


def gini(sizes: Sequence[float]) -> float:
    """Gini coefficient: 0 if all sizes are alike, (n − 1) / n if one has everything.

    G = Σ (2i − n − 1)·x_i / (n·Σ x_i), x ascending, i from 1; 0 if all are 0.
    """
    ascending = np.sort(np.abs(sizes))
    n = len(ascending)
    if not ascending.any():
        return 0.0
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float((weights * ascending).sum() / (n * ascending.sum()))


def ordered_sizes(
    sizes: Sequence[float], fewest: int = FEWEST_SIZES
) -> Float[np.ndarray, " sizes"]:
    """Non-zero sizes, largest first.

    Raises:
        InvalidInput: there are fewer than ``fewest``.
    """
    ordered = np.sort(np.abs(np.asarray(sizes, dtype=float)))[::-1]
    ordered = ordered[ordered > 0]
    if len(ordered) < fewest:
        raise InvalidInput(
            f"a rank-size fit needs at least {fewest} sizes that are not zero, got {len(ordered)}"
        )
    return ordered


def _ordered(
    sizes: Sequence[float], fewest: int = FEWEST_SIZES
) -> tuple[Float[np.ndarray, " sizes"], Float[np.ndarray, " sizes"]]:
    ordered = ordered_sizes(sizes, fewest)
    return ordered, np.arange(1.0, len(ordered) + 1)

"""The p-value of a number against random draws of it, such as random sets of as many heads."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ablation.errors import InvalidInput


def monte_carlo_p(observed: float, draws: Sequence[float] | Float[np.ndarray, " draws"]) -> float:
    """(b + 1) / (K + 1), b of the K draws being at least as large as ``observed``. One-sided.

    Under the hypothesis that ``observed`` is one more draw it is at most α with a probability of
    at most α. It cannot go below 1 / (K + 1): one draw proves nothing, 19 allow 0.05, 99 allow
    0.01. To count small draws as extreme, change the sign of both.

    North, Curtis & Sham 2002, doi 10.1086/341527; Phipson & Smyth 2010, arXiv 1603.05766.

    Raises:
        InvalidInput: there is no draw, or something is NaN.
    """
    values = np.asarray(draws, dtype=float)
    if values.size == 0:
        raise InvalidInput("a Monte-Carlo p-value needs at least one draw, got none: add draws")
    if np.isnan(values).any() or np.isnan(observed):
        raise InvalidInput(
            "a Monte-Carlo p-value needs numbers, got NaN among the draws or as the observed: "
            "measure it again"
        )
    return (int((values >= observed).sum()) + 1) / (values.size + 1)

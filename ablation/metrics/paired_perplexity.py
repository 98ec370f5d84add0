"""How a perplexity changes, and how sure that is: the same text with and without an ablation."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ablation.errors import InvalidInput
from ablation.metrics.perplexity import BLOCK, Perplexity
from ablation.stats.interval import CONFIDENCE, Interval
from ablation.stats.perplexity_ratio import FEWEST_UNITS, log_ratio_interval


@dataclass(frozen=True, eq=False)
class PairedUnits:
    """The units of a text that a bootstrap resamples.

    Attributes:
        name: what they are, plural: windows where there are ``FEWEST_UNITS`` of them or more, else
            blocks of ``BLOCK`` positions within windows.
        differences: NLL sum of each unit in nats, ablated less unablated, for each set of heads.
        counts: positions of each unit.
    """

    name: str
    differences: Float[np.ndarray, "sets units"]
    counts: Float[np.ndarray, " units"]


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


def paired_units(unablated: Perplexity, ablated: Sequence[Perplexity]) -> PairedUnits:
    """The units of a text, with what each set of ablated heads changes in them.

    Neighbouring blocks of one window are less independent than windows are, so intervals over
    blocks are somewhat too narrow; they are what one window has to offer.

    Raises:
        InvalidInput: the perplexities are not of the same windows.
    """
    for perplexity in ablated:
        _check_paired(unablated, perplexity)
    in_windows = len(unablated.block_counts) >= FEWEST_UNITS

    def units(perplexity: Perplexity) -> Sequence[float]:
        if in_windows:
            return perplexity.window_nll_sums
        return list(itertools.chain.from_iterable(perplexity.block_nll_sums))

    counts = unablated.window_counts
    if not in_windows:
        counts = tuple(itertools.chain.from_iterable(unablated.block_counts))
    before = np.array(units(unablated))
    after = np.array([units(perplexity) for perplexity in ablated]).reshape(-1, len(counts))
    name = "windows" if in_windows else f"blocks of {BLOCK} tokens"
    return PairedUnits(name, after - before, np.array(counts, dtype=float))


def delta_ppl_interval(
    unablated: Perplexity, ablated: Perplexity, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Interval | None:
    """A paired interval of ``delta_ppl`` over the units of the text; None where they are too few.

    Percentile bootstrap of the difference of NLL per token, then exp(·) − 1.

    Raises:
        InvalidInput: the two are not of the same windows, or no such confidence.
    """
    units = paired_units(unablated, [ablated])
    interval = log_ratio_interval(
        units.differences[0], units.counts, confidence=confidence, seed=seed
    )
    if interval is None:
        return None
    return Interval(float(np.expm1(interval.low)), float(np.expm1(interval.high)))


def _check_paired(unablated: Perplexity, ablated: Perplexity) -> None:
    if unablated.block_counts != ablated.block_counts:
        raise InvalidInput(
            "two perplexities can be paired if they are of the same windows; got "
            f"{len(unablated.window_counts)} windows of {unablated.count} positions and "
            f"{len(ablated.window_counts)} of {ablated.count}"
        )

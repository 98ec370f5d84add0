"""How far the figures of Experiment 10 would vary with the text: all of them resampled together.

A bootstrap over the units of the text: its windows, or the blocks of 64 positions within them where
windows are few (Carlstein 1986, doi 10.1214/aos/1176350057). A resample takes the same units for
the unablated model and for every set of heads, so differences stay paired. The model, the order
of the heads and whatever was chosen by looking at the text are held fixed.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ablation.metrics.paired_perplexity import paired_units
from ablation.metrics.perplexity import Perplexity
from ablation.stats.interval import CONFIDENCE, Interval
from ablation.stats.perplexity_ratio import FEWEST_UNITS
from experiments.judging.verdict import Evidence

RESAMPLES = 2000

Metric = Callable[[np.ndarray], np.ndarray]
"""ΔPPL, an array (resamples, sets of heads) -> the metric of each resample."""


def text_evidence(
    unablated: Perplexity,
    ablated: Sequence[Perplexity],
    metric: Metric,
    *,
    resamples: int = RESAMPLES,
    noise: float = 0.0,
    note: str = "",
    seed: int = 0,
) -> Evidence:
    """A metric of the ΔPPL of several sets of heads, with its percentile interval over the text.

    Without an interval where the text has fewer than ``FEWEST_UNITS`` units.

    Args:
        unablated: the perplexity of a text.
        ablated: those of the same text with sets of heads ablated.
        metric: what is computed from the ΔPPL.
        resamples: how many; fewer for metrics that take long.
        noise: of the metric, between two runs.
        note: for the reader.
        seed: of the bootstrap.
    """
    units = paired_units(unablated, ablated)
    everything = np.ones((1, len(units.counts)))
    estimate = float(metric(_deltas(everything, units.differences, units.counts))[0])
    interval = None
    if len(units.counts) >= FEWEST_UNITS:
        n = len(units.counts)
        weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
        found = metric(_deltas(weights, units.differences, units.counts))
        # Values that occur: a ratio may be infinite, and a count is whole.
        tail = (1 - CONFIDENCE) / 2
        ends = np.quantile(found, (tail, 1 - tail), method="inverted_cdf")
        interval = Interval(*map(float, ends))
    return Evidence(estimate, interval, len(units.counts), units.name, noise=noise, note=note)


def _deltas(weights: np.ndarray, differences: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """ΔPPL of each resample and set of heads, given how often each unit was taken."""
    with np.errstate(over="ignore"):  # infinite where a float64 cannot hold it
        return np.expm1(weights @ differences.T / (weights @ counts)[:, None])

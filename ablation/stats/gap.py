"""How much more the tested heads harm than random ones: the gap, its interval and its p-values.

    gap = mean over cells of (mean over draws of control accuracy − tested accuracy)

The unablated accuracy cancels, so this is the drop of the tested heads less that of the control, a
fraction. Cells count alike, whatever their number of items, as in the QRHead ablation study.

Items of one filing or company are right and wrong together: they form a cluster, the unit of
everything here. Random head sets differ too, so a claim about "random heads" needs draws. Each
function says what it holds fixed:

- ``gap_interval`` resamples clusters, and the draws if there are several;
- ``gap_p`` flips clusters and holds the draws fixed: with one draw it compares with *that* set;
- ``draws_p`` holds the items fixed and asks where the tested heads stand among the draws. It is
  ``monte_carlo_p(0.0, -survival.gaps)``: a draw whose gap is 0 or less harms as much as they do.
"""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from ablation.errors import InvalidInput
from ablation.stats.interval import CONFIDENCE, Interval, check_confidence
from ablation.stats.monte_carlo import monte_carlo_p

FEWEST_CLUSTERS = 10
"""Clusters below which a bootstrap over them says nothing."""

DECIMALS = 12
"""Gaps equal in theory differ by 1e-16 or so, by the order of their sums, and would not tie."""


@dataclass(frozen=True, eq=False)
class Survival:
    """Correct answers of the same items under two ways of ablating, by cell and by cluster.

    Attributes:
        totals: items of a cluster (filing or company) in a cell; 0 where it has none.
        top: of them correct with the tested heads ablated.
        controls: of them correct with each control draw ablated.

    Raises:
        InvalidInput: there is no draw or no cell, a cell has no item, or a count of correct
            answers is not between 0 and the number of items.
    """

    totals: Float[np.ndarray, "cells clusters"]
    top: Float[np.ndarray, "cells clusters"]
    controls: Float[np.ndarray, "draws cells clusters"]

    def __post_init__(self):
        if not len(self.controls):
            raise InvalidInput("a gap needs at least one control draw, got none: add a draw")
        items = self.totals.sum(axis=1)
        if not items.size or not (items > 0).all():
            raise InvalidInput(
                f"a gap needs an item in every cell, got {int((items > 0).sum())} of {items.size} "
                "cells with any: leave empty cells out"
            )
        for name, correct in (("tested heads", self.top), ("controls", self.controls)):
            if not ((correct >= 0) & (correct <= self.totals)).all():
                raise InvalidInput(
                    f"correct answers from 0 to the items of each cell and cluster are required, "
                    f"got others for the {name}: check the counts"
                )

    @property
    def gaps(self) -> Float[np.ndarray, " draws"]:
        """The gap against each control draw."""
        lost = (self.controls - self.top).sum(axis=2)
        return (lost / self.totals.sum(axis=1)).mean(axis=1)

    @property
    def scores(self) -> Float[np.ndarray, " clusters"]:
        """What each cluster adds to the gap; their sum is the gap."""
        weights = 1 / (len(self.totals) * self.totals.sum(axis=1, keepdims=True))
        return ((self.controls.mean(axis=0) - self.top) * weights).sum(axis=0)

    @property
    def gap(self) -> float:
        """Control accuracy less tested accuracy, meaned over draws and cells, in [−1, 1]."""
        return float(self.gaps.mean())


def gap_interval(
    survival: Survival,
    *,
    method: Literal["BCa", "percentile"] = "BCa",
    confidence: float = CONFIDENCE,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval | None:
    """A bootstrap interval of ``survival.gap`` over clusters and draws; None for few clusters.

    Each resample draws clusters with replacement, a cluster taking its items of all cells with it,
    and, independently, the control draws if there are at least two. With one draw the interval is
    conditional on it: it tells how the gap to that one head set would vary with other filings. A
    cell that a resample leaves without items is left out of its mean.

    None below ``FEWEST_CLUSTERS`` clusters with items. Even then the interval is too narrow where
    clusters are few (Cameron, Gelbach & Miller 2008, doi 10.1162/rest.90.3.414). Where every
    resample has the same gap it is that point, which says that nothing differed, not that nothing
    could.

    The method is the percentile one or, by default, BCa with the jackknife over clusters and draws
    (Efron 1987, doi 10.1080/01621459.1987.10478410); where BCa is undefined the percentile
    interval of the same resamples stands in. Clustered: Miller 2024, arXiv 2411.00640.

    Raises:
        InvalidInput: no such confidence.
    """
    check_confidence(confidence)
    occupied = np.flatnonzero(survival.totals.sum(axis=0))
    if len(occupied) < FEWEST_CLUSTERS:
        return None
    indices = [occupied]
    if len(survival.controls) > 1:
        indices.append(np.arange(len(survival.controls)))

    def statistic(clusters, draws=None, axis=-1):
        return _resampled_gaps(survival, clusters, draws)

    found = stats.bootstrap(
        indices,
        statistic,
        vectorized=True,
        confidence_level=confidence,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    if np.ptp(found.bootstrap_distribution) == 0:
        return Interval(survival.gap, survival.gap)
    low, high = found.confidence_interval
    if method != "percentile":
        with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            corrected = stats.bootstrap(
                indices,
                statistic,
                vectorized=True,
                confidence_level=confidence,
                n_resamples=0,
                bootstrap_result=found,
                method=method,
            ).confidence_interval
        if np.isfinite(corrected).all():
            low, high = corrected
    return Interval(float(low), float(high))


def gap_p(survival: Survival, *, seed: int = 0, resamples: int = 9999) -> float:
    """P(a gap as far from 0 if tested heads and control were exchanged at random in each cluster).

    Two-sided sign-flip permutation test of Σ over clusters of (mean control − tested, each cell's
    items weighted by 1 / (cells · items of the cell)), which is the gap. All flips of the clusters
    that differ are enumerated if there are at most ``resamples``, else as many are drawn and p is
    (b + 1) / (resamples + 1), doubled for two sides (Phipson & Smyth 2010, arXiv 1603.05766).

    Conditional on the draws. With one draw it is exact, whatever the dependence within clusters,
    for the hypothesis that this draw and the tested heads do the same to a filing. It does not
    tell whether random sets in general do, that is ``draws_p``: head sets differ, and a random one
    often harms more than another or than their mean. With several draws it is approximate besides:
    their mean varies less than one head set, so exchanging the two is no symmetry even under the
    hypothesis, and the test leans on the scores being about symmetric around 0.
    """
    scores = survival.scores
    # To flip a zero changes nothing: without them more cases can be enumerated.
    scores = scores[np.round(scores, DECIMALS) != 0]
    if len(scores) < 2:
        return 1.0  # either flip is as far from 0
    found = stats.permutation_test(
        (scores,),
        lambda flipped, axis: np.round(flipped.sum(axis), DECIMALS),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def draws_p(survival: Survival) -> float:
    """(b + 1) / (K + 1), b of the K draws leaving an accuracy of at most the tested heads'.

    One-sided Monte-Carlo p of "the tested heads harm more than random ones", see
    ``monte_carlo_p``; accuracies pooled as for the gap. Conditional on the items.
    """
    return monte_carlo_p(0.0, np.round(-survival.gaps, DECIMALS))


def _resampled_gaps(
    survival: Survival,
    clusters: Int[np.ndarray, "*resamples clusters"],
    draws: Int[np.ndarray, "*resamples draws"] | None,
) -> Float[np.ndarray, "*resamples"]:
    """The gap of each resample, given as indices; one resample has no leading axis."""
    cells, columns = survival.totals.shape
    taken = _multiplicities(clusters, columns)
    totals, top = taken @ survival.totals.T, taken @ survival.top.T
    if draws is None:
        controls = taken @ survival.controls[0].T
    else:
        number = len(survival.controls)
        every = taken @ survival.controls.reshape(number * cells, columns).T
        every = every.reshape(*taken.shape[:-1], number, cells)
        weights = _multiplicities(draws, number)
        controls = np.einsum("...dc,...d->...c", every, weights) / draws.shape[-1]
    filled = totals > 0
    differences = np.divide(controls - top, totals, where=filled, out=np.zeros_like(totals))
    gaps = differences.sum(axis=-1) / filled.sum(axis=-1)
    return np.asarray(np.round(gaps, DECIMALS))  # of one resample numpy makes a scalar


def _multiplicities(
    indices: Int[np.ndarray, "*resamples taken"], number: int
) -> Float[np.ndarray, "*resamples {number}"]:
    """How often each of ``number`` indices was taken."""
    *leading, _ = indices.shape
    rows = np.prod(leading, dtype=int)
    offsets = np.arange(rows).reshape(*leading, 1) * number
    counts = np.bincount((indices + offsets).ravel(), minlength=rows * number)
    return counts.reshape(*leading, number).astype(float)

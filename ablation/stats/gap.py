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

from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float

from ablation.errors import InvalidInput
from ablation.stats.bootstrap_t import bootstrap_t
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
    def answer_weights(self) -> Float[np.ndarray, " cells"]:
        """What one answer of each cell adds to the gap."""
        return 1 / (len(self.totals) * self.totals.sum(axis=1))

    @property
    def added(self) -> Float[np.ndarray, "draws clusters"]:
        """What each cluster adds to the gap against each draw."""
        return np.einsum("dcj,c->dj", self.controls - self.top, self.answer_weights)

    @property
    def scores(self) -> Float[np.ndarray, " clusters"]:
        """What each cluster adds to the gap; their sum is the gap."""
        return self.added.mean(axis=0)

    @property
    def gap(self) -> float:
        """Control accuracy less tested accuracy, meaned over draws and cells, in [−1, 1]."""
        return float(self.gaps.mean())


def gap_interval(
    survival: Survival, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Interval | None:
    """The interval of ``survival.gap`` over clusters and draws; None for few clusters.

    Clusters are resampled with their items of all cells, and draws if there are at least two. With
    one draw it is conditional on it: it tells how the gap to that one head set would vary with
    other filings. Where each item has a set of its own, sets and items vary together, and it is
    about random sets in general.

    Clusters count for what they add to the gap, its cells weighted as they are; the least that one
    can add is an answer of the cell with the most items. None below ``FEWEST_CLUSTERS`` clusters
    with items: see ``ablation.stats.bootstrap_t`` for the interval and its coverage.

    Clustered: Miller 2024, arXiv 2411.00640.

    Raises:
        InvalidInput: no such confidence.
    """
    check_confidence(confidence)
    occupied = np.flatnonzero(survival.totals.sum(axis=0))
    if len(occupied) < FEWEST_CLUSTERS:
        return None
    added = survival.added[:, occupied] * len(occupied)
    step = len(occupied) * float(survival.answer_weights.min())
    return bootstrap_t(added, step=step, confidence=confidence, seed=seed)


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
    found = scipy.stats.permutation_test(
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

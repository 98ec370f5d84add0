"""Tails, their goodness of fit and their likelihood ratios, against known laws."""

import numpy as np
import pytest
import scipy

from ablation.errors import InvalidInput
from ablation.stats.power_law import (
    RULED_OUT,
    Comparison,
    TailFit,
    compared,
    goodness_of_fit,
    tail_fit,
)

LAW = (2.35 * np.arange(1, 145) ** -1.37).tolist()


def pareto(n, seed, alpha=0.8):
    # P(X > x) = x^-1/α, as rank-size α asks.
    return (np.random.default_rng(seed).uniform(size=n) ** -alpha).tolist()


def by_scipy(sizes):
    """The tail by its definition: every start tried, the distance by scipy."""
    ordered = np.sort(np.abs(sizes))[::-1]
    found = []
    for smallest in set(ordered.tolist()):
        tail = ordered[ordered >= smallest]
        if len(tail) >= 3 and smallest < ordered[0]:
            alpha = float(np.log(tail / smallest).mean())
            law = scipy.stats.pareto(1 / alpha, scale=smallest).cdf
            distance = float(scipy.stats.kstest(tail, law).statistic)
            found.append(TailFit(alpha, smallest, len(tail), distance))
    return min(found, key=lambda fit: fit.distance)


def test_the_tail_is_that_of_the_powerlaw_package():
    # powerlaw 2.0.0 (Alstott et al. 2014) gives these for the same samples.
    found = tail_fit(LAW)
    assert (found.alpha, found.sizes) == (pytest.approx(1.3376106894, rel=1e-9), 144)
    found = tail_fit(np.random.default_rng(3).lognormal(0, 2, 144).tolist())
    assert (found.alpha, found.sizes) == (pytest.approx(1.3385762357, rel=1e-9), 54)
    assert found.smallest == pytest.approx(2.3075761627, rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_the_tail_is_that_of_its_definition(seed):
    generator = np.random.default_rng(seed)
    sizes = np.round(generator.lognormal(0, 1, generator.integers(4, 60)), seed % 3 + 1) + 0.1
    found, expected = tail_fit(sizes.tolist()), by_scipy(sizes)
    assert (found.sizes, found.smallest) == (expected.sizes, expected.smallest)
    assert found.alpha == pytest.approx(expected.alpha)
    assert found.distance == pytest.approx(expected.distance)


def test_maximum_likelihood_recovers_the_exponent_of_a_pareto_sample():
    assert tail_fit(pareto(600, 0)).alpha == pytest.approx(0.8, abs=0.1)


def test_neither_order_nor_sign_nor_zeros_nor_the_unit_matter():
    shuffled = [*(-1e-4 * x for x in LAW[::2]), 0.0, *(1e-4 * x for x in LAW[1::2])]
    found = tail_fit(shuffled)
    assert found.alpha == pytest.approx(tail_fit(LAW).alpha)
    assert compared(shuffled, found, "lognormal").ratio == pytest.approx(
        compared(LAW, tail_fit(LAW), "lognormal").ratio, rel=1e-3
    )


@pytest.mark.slow
def test_a_power_law_is_seldom_ruled_out():
    found = [goodness_of_fit(pareto(60, seed), samples=100) for seed in range(60)]
    # One in ten in the long run; more than 14 of 60 would come once in a thousand.
    assert sum(p <= RULED_OUT for p in found) <= 14


def test_what_lies_in_steps_is_no_power_law():
    steps = [*([1.0] * 40), *([1.9] * 40), *([4.1] * 40), 8.0]
    assert goodness_of_fit(steps, samples=200) <= 0.01


def test_the_goodness_of_fit_is_that_of_its_seed():
    sizes = pareto(40, 1)
    assert goodness_of_fit(sizes, samples=50) == goodness_of_fit(sizes, samples=50, seed=0)
    found = {goodness_of_fit(sizes, samples=50, seed=seed) for seed in range(5)}
    assert len(found) > 1


def test_an_exponential_is_told_apart_both_ways():
    sizes = pareto(300, 2)
    found = compared(sizes, tail_fit(sizes), "exponential")
    assert (found.ratio > 0, found.other_fits) == (True, "worse")
    # All of an exponential sample: its far tail alone is too short to tell.
    sizes = (1 + np.random.default_rng(2).exponential(size=300)).tolist()
    whole = TailFit(float(np.log(np.array(sizes) / min(sizes)).mean()), min(sizes), 300, 0.0)
    found = compared(sizes, whole, "exponential")
    assert (found.ratio < 0, found.other_fits) == (True, "better")


@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.8, 2.0])
def test_the_ratio_against_an_exponential_is_that_of_its_formula(alpha):
    sizes = pareto(80, 4, alpha)
    fit = tail_fit(sizes)
    tail = np.sort(sizes)[::-1][: fit.sizes]
    law = scipy.stats.pareto(1 / fit.alpha, scale=fit.smallest).logpdf(tail)
    other = scipy.stats.expon(fit.smallest, tail.mean() - fit.smallest).logpdf(tail)
    difference = law - other
    ratio = difference.sum() / (difference.std() * len(tail) ** 0.5)
    found = compared(sizes, fit, "exponential")
    assert found.ratio == pytest.approx(ratio, rel=1e-3, abs=1e-3)
    assert found.p == pytest.approx(2 * scipy.stats.norm.sf(abs(ratio)), rel=1e-2)


@pytest.mark.parametrize(
    ("ratio", "p", "said"),
    [(2.0, 0.04, "worse"), (-2.0, 0.04, "better"), (-1.0, 0.3, "as well"), (1.0, 0.3, "as well")],
)
def test_how_another_law_fits(ratio, p, said):
    assert Comparison(ratio, p).other_fits == said


def test_too_few_sizes_are_refused():
    for found in (tail_fit, goodness_of_fit):
        with pytest.raises(InvalidInput, match="at least 3 sizes that are not zero, got 2"):
            found([1.0, 0.0, 2.0])
        with pytest.raises(InvalidInput, match="all equal"):
            found([2.0, 2.0, 2.0])

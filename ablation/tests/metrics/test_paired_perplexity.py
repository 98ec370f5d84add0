"""ΔPPL and its paired interval."""

import math

import numpy as np
import pytest

from ablation.errors import InvalidInput
from ablation.metrics.paired_perplexity import delta_ppl, delta_ppl_interval, paired_units
from ablation.metrics.perplexity import Perplexity
from ablation.stats.perplexity_ratio import FEWEST_UNITS

COUNTS = (99,) * 49 + (30,)


def pair(effect, noise, seed=0):
    """Windows of very different difficulty that an ablation makes harder by ``effect`` a token."""
    generator = np.random.default_rng(seed)
    base = generator.uniform(2, 4, len(COUNTS)) * COUNTS
    change = (effect + noise * generator.standard_normal(len(COUNTS))) * COUNTS
    return of_windows(base, COUNTS), of_windows(base + change, COUNTS)


def of_windows(sums, counts):
    """A perplexity whose windows are one block each."""
    return Perplexity(tuple((float(x),) for x in sums), tuple((count,) for count in counts))


def interval(unablated, ablated):
    found = delta_ppl_interval(unablated, ablated)
    assert found is not None
    return found


def test_delta_is_the_relative_change_of_the_perplexity():
    unablated, ablated = pair(0.05, 0.01)
    assert delta_ppl(unablated, ablated) == pytest.approx(ablated.value / unablated.value - 1)
    assert delta_ppl(unablated, unablated) == 0
    assert delta_ppl(of_windows((0.0,), (1,)), of_windows((1e6,), (1,))) == math.inf


def test_the_interval_is_that_of_the_paired_differences():
    unablated, ablated = pair(0.05, 0.01)
    low, high = interval(unablated, ablated)
    assert low < delta_ppl(unablated, ablated) < high
    # The normal approximation of the weighted mean of the differences, windows paired.
    weights = np.array(COUNTS) / sum(COUNTS)
    error = 1.96 * 0.01 * math.sqrt((weights**2).sum())
    assert (high - low) / 2 == pytest.approx(error * math.exp(0.05), rel=0.35)


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    truth = math.expm1(0.05)
    covered = sum(
        low <= truth <= high
        for low, high in (interval(*pair(0.05, 0.02, seed)) for seed in range(100))
    )
    assert covered >= 86  # of 100 at 95%: four standard errors below


def test_the_same_input_gives_the_same_interval():
    assert delta_ppl_interval(*pair(0.1, 0.1)) == delta_ppl_interval(*pair(0.1, 0.1))


def test_few_units_give_no_interval():
    few = of_windows((2.0,) * (FEWEST_UNITS - 1), (1,) * (FEWEST_UNITS - 1))
    assert delta_ppl_interval(few, few) is None


def test_the_blocks_of_one_window_are_resampled_where_windows_are_few():
    unablated, ablated = pair(0.05, 0.01)
    one_window = [
        Perplexity((sum(found.block_nll_sums, ()),), (COUNTS,)) for found in (unablated, ablated)
    ]
    assert paired_units(one_window[0], one_window[1:]).name == "blocks of 64 tokens"
    assert paired_units(unablated, [ablated]).name == "windows"
    assert interval(*one_window) == interval(unablated, ablated)


def test_the_differences_of_many_sets_of_heads_are_rows():
    unablated, ablated = pair(0.05, 0.01)
    units = paired_units(unablated, [unablated, ablated])
    assert units.differences.shape == (2, len(COUNTS))
    assert not units.differences[0].any()
    assert np.expm1(units.differences[1].sum() / units.counts.sum()) == pytest.approx(
        delta_ppl(unablated, ablated)
    )


def test_perplexities_of_other_windows_are_refused():
    with pytest.raises(InvalidInput, match="1 windows of 3 positions and 2 of 3"):
        delta_ppl(of_windows((1.0,), (3,)), of_windows((1.0, 1.0), (2, 1)))

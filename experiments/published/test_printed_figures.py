"""Whether the printed figures of Experiment 10 agree with each other."""

import pytest
import scipy

from ablation.heads import Head, HeadGrid
from ablation.stats.interval import Interval
from experiments.published.sources.gpt2 import GPT2, experiment_10
from experiments.published.sources.rounding import bounds, compatible, ratio, scaled, shifted, total

pytestmark = pytest.mark.published(GPT2)

FIGURES = experiment_10()
MEAN = FIGURES.mean_ablation
ALL_HEADS = "zero_all", "zero_l0_protected"


@pytest.mark.parametrize("head", FIGURES.largest)
def test_an_effect_is_that_of_its_perplexity(head):
    delta, ppl = FIGURES.largest[head]
    assert compatible(shifted(ratio(ppl, FIGURES.unablated_ppl), -1), bounds(delta))


@pytest.mark.parametrize("count", FIGURES.cumulative)
def test_a_ratio_is_that_of_its_perplexity(count):
    ppl, printed = FIGURES.cumulative[count]
    assert compatible(ratio(ppl, FIGURES.unablated_ppl), bounds(printed))


@pytest.mark.parametrize(
    ("count", "percent"),
    [(FIGURES.counts.below_10_percent, 94.4), (FIGURES.counts.below_1_percent, 54.2)],
)
def test_the_shares_of_small_effects(count, percent):
    assert compatible(bounds(percent), Interval(*[100 * count / FIGURES.counts.total] * 2))


@pytest.mark.parametrize(("threshold", "share"), [(1.1, 6.9), (1.5, 17.4), (2.0, 24.3)])
def test_a_threshold_is_the_last_step_within_it(threshold, share):
    ratios = {count: ppl / FIGURES.unablated_ppl for count, (ppl, _) in FIGURES.cumulative.items()}
    within = max(count for count, found in ratios.items() if found <= threshold)
    assert FIGURES.within[threshold] == within
    assert round(100 * within / FIGURES.counts.total, 1) == share


def test_fifteen_heads_are_just_beyond_the_first_threshold():
    assert FIGURES.cumulative[15][1] == 1.104


def test_the_curve_never_falls():
    ppls = [ppl for ppl, _ in FIGURES.cumulative.values()]
    assert ppls == sorted(ppls)


@pytest.mark.parametrize(
    ("means", "mean"),
    [(FIGURES.layer_means, FIGURES.counts.mean), (MEAN.layer_means, MEAN.counts.mean)],
    ids=["zero", "mean"],
)
def test_the_mean_of_the_layers_is_that_of_the_heads(means, mean):
    assert compatible(scaled(total(means), 1 / FIGURES.layers), bounds(mean))


@pytest.mark.parametrize("head", FIGURES.largest)
def test_no_effect_exceeds_its_layers_largest(head):
    assert FIGURES.largest[head][0] <= FIGURES.layer_maxima[Head.parse(head).layer]


def test_the_printed_heads_leave_a_possible_rest_to_layer_0():
    inside = [delta for head, (delta, _) in FIGURES.largest.items() if Head.parse(head).layer == 0]
    summed, whole = total(inside), scaled(bounds(FIGURES.layer_means[0]), FIGURES.heads)
    rest = FIGURES.heads - len(inside)
    assert whole.high - summed.low >= 0
    assert whole.low - summed.high <= rest * bounds(FIGURES.deltas[-1]).high


def test_the_heads_of_ten_percent_and_more_are_those_printed():
    printed = sum(delta >= 0.10 for delta in FIGURES.deltas)
    assert printed == FIGURES.counts.total - FIGURES.counts.below_10_percent == 8


def test_the_heads_of_ten_percent_and_more_under_mean_ablation_are_those_printed():
    printed = sum(mean >= 0.10 for mean, _ in MEAN.largest.values())
    assert printed == MEAN.counts.total - MEAN.counts.below_10_percent == 3


def test_the_median_is_on_the_side_that_the_counts_say():
    # 78 of 144 are below 1% in size, so the middle ones are.
    assert bounds(FIGURES.counts.median).low < 0.01


def test_the_largest_is_the_first():
    assert FIGURES.counts.largest == FIGURES.deltas[0] == max(FIGURES.layer_maxima)
    assert MEAN.counts.largest == max(mean for mean, _ in MEAN.largest.values())


def test_the_helping_heads_are_as_many_as_counted():
    assert len(FIGURES.helping) == FIGURES.counts.negative == 6
    assert all(delta < 0 for delta in FIGURES.helping.values())


def test_the_sum_of_the_helping_heads_is_theirs():
    assert sum(FIGURES.helping.values()) == pytest.approx(-0.0142)
    assert FIGURES.helping_summed == -0.0141
    assert compatible(total(FIGURES.helping.values()), bounds(FIGURES.helping_summed))


def test_the_joint_effect_of_the_helping_heads_is_that_of_its_perplexity():
    found = shifted(ratio(FIGURES.helping_ppl, FIGURES.unablated_ppl), -1)
    assert compatible(found, bounds(FIGURES.helping_together))


@pytest.mark.parametrize("head", sorted(MEAN.largest.keys() & FIGURES.largest.keys()))
def test_the_follow_up_repeats_the_effects_under_zero_ablation(head):
    assert MEAN.largest[head][1] == FIGURES.largest[head][0]


@pytest.mark.parametrize("head", ["L4H11", "L9H11", "L1H11"])
def test_the_follow_up_repeats_the_largest_of_a_layer(head):
    assert MEAN.largest[head][1] == FIGURES.layer_maxima[Head.parse(head).layer]


@pytest.mark.parametrize(("threshold", "within"), MEAN.within["mean_l0_protected"].items())
def test_a_threshold_of_the_follow_up_is_the_last_step_within_it(threshold, within):
    found = [n for n, ppl in MEAN.cumulative.items() if ppl <= threshold * FIGURES.unablated_ppl]
    assert max(found) == within


@pytest.mark.parametrize("curve", ALL_HEADS)
def test_the_follow_up_repeats_the_thresholds(curve):
    assert MEAN.within[curve] == FIGURES.within


def test_every_head_but_those_of_layer_0_is_removed_in_the_follow_up():
    assert max(MEAN.cumulative) == FIGURES.counts.total - FIGURES.heads
    assert FIGURES.counts.total == len(HeadGrid.even(FIGURES.layers, FIGURES.heads))


def test_mean_ablation_is_milder_on_average_but_not_for_four_of_its_ten_largest():
    worse = [head for head, (mean, zero) in MEAN.largest.items() if mean > zero]
    assert worse == ["L0H1", "L0H3", "L4H11", "L8H10"]
    assert MEAN.largest["L0H1"] == (1.089, 0.734)


def test_the_correlations_have_their_p_values():
    found, n = FIGURES.correlation, FIGURES.layers
    for r, p in ((found.pearson_r, found.pearson_p), (found.spearman_rho, found.spearman_p)):
        # p falls as |r| grows.
        low, high = sorted(abs(end) for end in bounds(r))
        statistics = [end * ((n - 2) / (1 - end**2)) ** 0.5 for end in (high, low)]
        possible = Interval(*(2 * float(scipy.stats.t.sf(t, n - 2)) for t in statistics))
        assert compatible(possible, bounds(p))


def test_the_follow_up_contradicts_itself_in_its_sign_flips():
    # f flips to negative and b back: 29 = 6 + f − b, so f + b and 29 − 6 = 23 are both odd or both
    # even. 28 flips are not possible, unless a head has an effect of exactly 0.
    before, after = FIGURES.counts.negative, MEAN.counts.negative
    assert (before, after, MEAN.sign_flips) == (6, 29, 28)
    assert (MEAN.sign_flips - (after - before)) % 2 == 1

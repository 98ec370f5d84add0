"""Claims B1 to B8 judged from the printed figures of Experiment 10."""

import pytest

from experiments.claims import CLAIMS
from experiments.claims.exp10_study import WITHIN
from experiments.published.evidence import effect_evidence as evidence
from experiments.published.evidence.effect_fits import alpha_evidence, fits, share_of_printed_top
from experiments.published.sources.gpt2 import GPT2, experiment_10

pytestmark = pytest.mark.published(GPT2)

FIGURES = experiment_10()


@pytest.mark.claim("B1", "top heads")
def test_layer_0_holds_most_of_the_largest(judged):
    assert judged(evidence.layer_0_among_the_largest(FIGURES)).holds


@pytest.mark.claim("B1", "mean")
def test_layer_0_outweighs_the_other_layers(judged):
    assert judged(evidence.layer_0_over_the_others(FIGURES)).holds


@pytest.mark.claim("B2")
def test_effects_fall_as_a_power_of_their_rank(judged):
    assert judged(alpha_evidence(FIGURES)).holds


@pytest.mark.claim("B3")
def test_many_heads_are_cheap_alone(judged):
    assert judged(evidence.cheap_share(FIGURES)).holds


@pytest.mark.claim("B4", "share")
def test_they_are_not_cheap_together(judged):
    assert judged(evidence.perplexity_without_the_share(FIGURES)).holds


@pytest.mark.claim("B4", "within {threshold}")
@pytest.mark.parametrize("threshold", WITHIN)
def test_few_heads_can_go(threshold, judged):
    assert judged(evidence.share_within(FIGURES, threshold)).holds


@pytest.mark.claim("B5")
def test_all_cheap_heads_together_are_not_cheap(judged):
    assert judged(evidence.cheap_heads_beyond_single_effects(FIGURES)).holds


@pytest.mark.claim("B6", "some")
def test_some_heads_help(judged):
    assert judged(evidence.helping_heads(FIGURES)).holds


@pytest.mark.claim("B6", "joint")
def test_the_helping_heads_hurt_together(judged):
    assert judged(evidence.helping_heads_together(FIGURES)).holds


@pytest.mark.claim("B7")
def test_layers_follow_the_slope(judged):
    assert judged(evidence.slope_correlation(FIGURES)).holds


@pytest.mark.claim("B8", "milder")
def test_mean_ablation_is_milder(judged):
    assert judged(evidence.milder_under_mean(FIGURES)).holds


@pytest.mark.claim("B8", "constant")
def test_the_largest_head_is_nearly_constant(judged):
    assert judged(evidence.left_of_the_largest(FIGURES)).holds


def test_the_threshold_of_alpha_is_met_by_every_fit():
    found = fits(FIGURES)
    assert found.linear == pytest.approx(1.35, abs=0.005)
    assert found.log_log == pytest.approx(1.51, abs=0.005)
    assert found.maximum_likelihood == pytest.approx(1.35, abs=0.005)
    assert found.scale == pytest.approx(FIGURES.scale, rel=0.01)
    alphas = (found.linear, found.log_log, found.maximum_likelihood, *found.without.values())
    assert all(map(CLAIMS["B2"].criterion().met_by, alphas))


def test_the_published_alpha_is_one_that_the_unprinted_heads_allow():
    low, high = fits(FIGURES).with_the_rest
    assert (low, high) == (pytest.approx(1.25, abs=0.005), pytest.approx(1.41, abs=0.005))
    assert low < FIGURES.alpha < high


def test_one_head_decides_the_linear_fit():
    without = fits(FIGURES).without
    assert without["L0H8"] == pytest.approx(0.78, abs=0.005)
    assert min(alpha for head, alpha in without.items() if head != "L0H8") > 1.33


def test_the_largest_ten_hold_most_of_all_effects():
    low, high = share_of_printed_top(FIGURES)
    assert (low, high) == (pytest.approx(0.52, abs=0.005), pytest.approx(0.90, abs=0.005))

"""Claims B1 to B8 of Experiment 10, on the model of ``--model``.

Thresholds are the published ones and stay where they are. What does not hold on a model is in
``KNOWN_NOT_TO_HOLD`` with the measured finding, as a strict xfail.
"""

import statistics
from collections.abc import Mapping

import pytest

from experiments.exp10 import published
from experiments.exp10.cumulative import THRESHOLDS, Removal, find_crossings, measure_curve
from experiments.exp10.cumulative import joint_document as joint
from experiments.exp10.penetration import correlation, penetration
from experiments.exp10.ranking import CHEAP, layers, rank_size

LAYER_1 = (
    "not layer 0 but layer 1 dominates: mean ΔPPL 9.1%, 11 times the mean of the others (0.8%), "
    "and the four largest effects of all (L1H0, L1H5, L1H3, L1H4); layer 0 comes second with 2.5%"
)

KNOWN_NOT_TO_HOLD: Mapping[str, str] = {
    "smollm2 B1 top heads": f"3 of the top 10 in layer 0: {LAYER_1}",
    "smollm2 B1 mean": f"2.4 times the others' mean: {LAYER_1}",
    "smollm2 B4 within 1.1": "50 of 270 heads (18.5%, exactly 57) within 1.1×, published 6.9%",
    "smollm2 B4 within 1.5": "80 of 270 heads (29.6%, exactly 87) within 1.5×, published 17.4%",
    "smollm2 B4 within 2.0": "100 of 270 heads (37.0%, exactly 107) within 2.0×, published 24.3%",
    "smollm2 B7": "r = -0.15 (p = 0.42): early layers matter most, g rises late; not so in GPT-2 "
    "either, by the source's own figures",
    "smollm2 B8 constant": "L1H0 is no constant bias: zero +24.41%, mean +24.15%; of the "
    "effects of the next three, L1H5, L1H3 and L1H4, mean ablation leaves 1.2%, 0.5% and 6.9%",
    # Published, not measured here: no GPT-2 weights.
    "gpt2 B7": "the source's own finding: r = 0.24, p = 0.45",
}
"""Model, claim, part and parameters -> finding; see ``experiments.plugin.known_findings``."""

pytestmark = pytest.mark.usefixtures("model")


@pytest.mark.claim("B1", "top heads")
def test_most_of_the_top_heads_are_in_layer_0(sweep_of, measured):
    top = sweep_of("zero").largest(published.TOP_HEADS)
    in_layer_0 = sum(head.layer == 0 for head in top)
    measured(f"{in_layer_0} of the top {len(top)} in layer 0: {', '.join(map(str, top))}")
    assert in_layer_0 >= published.OF_LAYER_0


@pytest.mark.claim("B1", "mean")
def test_layer_0_has_many_times_the_mean_effect_of_the_others(sweep_of, loaded_model, measured):
    means = [row["mean"] for row in layers(sweep_of("zero"), loaded_model.grid)]
    if len(means) < 2:
        pytest.skip("the model has one layer: nothing to compare it with")
    others = statistics.fmean(means[1:])
    largest = max(range(len(means)), key=means.__getitem__)
    measured(
        f"mean ΔPPL of layer 0: {_percent(means[0])}, of the others {_percent(others)}; "
        f"largest: layer {largest} with {_percent(means[largest])}"
    )
    assert means[0] > published.LAYER_0_FACTOR * max(others, 0)


@pytest.mark.claim("B2")
def test_effects_fall_as_a_power_of_the_rank(sweep_of, measured):
    fits = rank_size(sweep_of("zero"))
    if "no_fit" in fits:
        pytest.skip(fits["no_fit"])
    lowest = fits["linear_alpha_without"]["lowest"]
    measured(
        f"α {fits['linear']['alpha']:.2f} by the study's fit ({lowest['alpha']:.2f} without "
        f"{lowest['head']}), {fits['log_log']['alpha']:.2f} log-log, "
        f"{fits['maximum_likelihood']['alpha']:.2f} maximum likelihood; the top 10 hold "
        f"{fits['top_shares']['10']:.0%}"
    )
    assert fits["linear"]["alpha"] > published.SMALLEST_ALPHA


@pytest.mark.claim("B3")
def test_many_heads_are_cheap_alone(sweep_of, measured):
    swept = sweep_of("zero")
    cheap = len(swept.within(CHEAP))
    share = cheap / len(swept.ablated)
    measured(f"{cheap} of {len(swept.ablated)} heads below 10% alone ({share:.1%})")
    assert share >= published.CHEAP_SHARE


@pytest.mark.claim("B4", "share")
def test_as_many_heads_are_not_cheap_together(evaluations_of, sweep_of, measured):
    order = sweep_of("zero").by_magnitude()
    count = round(published.CHEAP_SHARE * len(order))
    ratio = _ratio(evaluations_of("zero"), order[:count])
    measured(f"the {count} least important heads together: {ratio:.3f}×")
    assert ratio > 1 + CHEAP


@pytest.mark.claim("B4", "within")
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_no_larger_share_of_heads_can_go_than_in_gpt2(
    threshold, evaluations_of, sweep_of, measured
):
    evaluations = evaluations_of("zero")
    curve = measure_curve(evaluations, sweep_of("zero"), Removal())
    found = find_crossings(evaluations, curve, threshold)
    # The published counts are of steps: 10 of 144 is within 1.1×, 15 is not.
    share = found.largest_step / len(curve.heads)
    limit = published.WITHIN[threshold] / published.TOTAL
    again = "" if found.last == found.first else f", again at {found.last.within}"
    measured(
        f"within {threshold}×: {found.largest_step} of {len(curve.heads)} heads on the steps "
        f"({share:.1%}, published {limit:.1%}); exactly {found.first.within}{again}"
    )
    assert share <= limit


@pytest.mark.claim("B5")
def test_what_is_cheap_alone_is_not_cheap_together(evaluations_of, sweep_of, measured):
    swept, evaluations = sweep_of("zero"), evaluations_of("zero")
    alone = swept.within(CHEAP)
    curve = measure_curve(evaluations, swept, Removal())
    together = find_crossings(evaluations, curve, 1 + CHEAP).first.within
    ratio = _ratio(evaluations, alone)
    measured(f"{len(alone)} heads below 10% alone, {together} together; all of those {ratio:.1f}×")
    assert together < len(alone)
    assert ratio > 1 + CHEAP


@pytest.mark.claim("B6")
def test_heads_that_help_alone_hurt_together(evaluations_of, sweep_of, measured):
    found = joint(evaluations_of("zero"), sweep_of("zero"))
    measured(
        f"{len(found['heads'])} heads help alone: {_percent(found['sum_of_individual'])} summed, "
        f"{_percent(found['joint'])} joint"
    )
    assert found["heads"]
    assert found["joint"] > 0


@pytest.mark.claim("B7")
def test_layer_importance_follows_the_slope_of_g(sweep_of, loaded_model, run_folder, measured):
    means = [row["mean"] for row in layers(sweep_of("zero"), loaded_model.grid)]
    found = correlation(means, penetration(loaded_model, run_folder / "data")["g"])
    if found["pearson_r"] is None:
        pytest.skip("a correlation over layers needs at least three that differ: a larger model")
    measured(
        f"r = {found['pearson_r']:.2f} (p = {found['pearson_p']:.2g}), ρ = "
        f"{found['spearman_rho']:.2f} (p = {found['spearman_p']:.2g}), {len(means)} layers"
    )
    assert abs(found["pearson_r"]) > published.SMALLEST_R
    assert found["pearson_p"] < published.LARGEST_P


@pytest.mark.claim("B8", "milder")
def test_mean_ablation_is_milder_than_zero(sweep_of, measured):
    zero, mean = (
        statistics.fmean(map(abs, sweep_of(mode).deltas.values())) for mode in ("zero", "mean")
    )
    measured(f"mean |ΔPPL| over all heads: zero {_percent(zero)}, mean {_percent(mean)}")
    assert mean < zero


@pytest.mark.claim("B8", "constant")
def test_the_head_that_hurts_most_is_nearly_a_constant_bias(sweep_of, measured):
    zero, mean = sweep_of("zero"), sweep_of("mean")
    head = max(zero.deltas, key=zero.delta)
    measured(f"{head}: zero {_percent(zero.delta(head))}, mean {_percent(mean.delta(head))}")
    assert abs(mean.delta(head)) < published.CONSTANT_SHARE * abs(zero.delta(head))


def _ratio(evaluations, heads):
    return evaluations.perplexity(heads).value / evaluations.perplexity(()).value


def _percent(fraction):
    return f"{100 * fraction:+.2f}%"

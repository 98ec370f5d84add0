"""The evidence on perplexity claims, from perplexities made up."""

import math

import numpy as np
import pytest

from ablation.heads import Head
from ablation.metrics.perplexity import Perplexity
from ablation.stats.perplexity_ratio import FEWEST_UNITS
from experiments.exp10 import evidence
from experiments.exp10.measured.individual import Sweep
from experiments.exp10.resampling import text_evidence
from experiments.judging.verdict import Blocked, Evidence

BLOCKS, COUNT = 16, 64


def of_blocks(changes):
    """A window of blocks whose NLL per token is 3 nats and a change."""
    sums = tuple(float(COUNT * (3 + change)) for change in changes)
    return Perplexity((sums,), ((COUNT,) * len(sums),))


def noisy(effect, spread, seed=0):
    """ΔPPL ``effect`` on average, another one in each block."""
    noise = np.random.default_rng(seed).standard_normal(BLOCKS)
    return of_blocks(math.log1p(effect) + spread * (noise - noise.mean()))


UNABLATED = of_blocks([0.0] * BLOCKS)


def sweep(effects, spread=0.0):
    """Two layers; the heads of layer 0 first."""
    half = len(effects) // 2
    heads = [Head(place // half, place % half) for place in range(len(effects))]
    found = [noisy(effect, spread, seed) for seed, effect in enumerate(effects)]
    return Sweep(UNABLATED, dict(zip(heads, found, strict=True)))


def test_the_interval_is_that_of_the_text():
    found = text_evidence(UNABLATED, [noisy(0.2, 0.1)], lambda deltas: deltas[:, 0])
    assert found.estimate == pytest.approx(0.2)
    assert (found.n, found.units) == (BLOCKS, "blocks of 64 tokens")
    spread = 0.1 * np.random.default_rng(0).standard_normal(BLOCKS).std()
    half = 1.96 * spread / math.sqrt(BLOCKS) * 1.2
    assert found.interval is not None
    assert (found.interval.high - found.interval.low) / 2 == pytest.approx(half, rel=0.1)


def test_few_units_give_no_interval():
    few = of_blocks([0.0] * (FEWEST_UNITS - 1))
    assert text_evidence(few, [few], lambda deltas: deltas[:, 0]).interval is None


def test_an_effect_that_is_the_same_everywhere_is_certain():
    found = evidence.ratio_together(UNABLATED, noisy(0.5, 0.0), 1e-7, "all")
    assert found.estimate == pytest.approx(1.5)
    assert found.interval == pytest.approx((1.5, 1.5))
    assert (found.noise, found.note) == (1e-7, "all")


def test_layer_0_is_counted_and_compared():
    effects = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2] + [0.01, 0.02, 0.03] * 2 + [0.95, 0.94]
    found = evidence.top_heads_in_layer_0(sweep(effects))
    assert found.estimate == 8
    ratio = evidence.layer_0_over_others(sweep(effects))
    assert ratio.estimate == pytest.approx(np.mean(effects[:8]) / np.mean(effects[8:]))
    assert "layer 0 +55.00%, largest: layer 0" in ratio.note


def test_a_layer_with_effects_beside_others_without_is_infinitely_larger():
    found = evidence.layer_0_over_others(sweep([0.1, 0.2, -0.1, -0.2]))
    assert found.estimate == math.inf


def test_cheap_heads_are_counted():
    assert evidence.cheap_share(sweep([0.5, 0.09, -0.05, 0.11])).estimate == 0.5


def test_what_helps_alone_is_told_from_noise():
    swept = sweep([-0.05, -0.0001, 0.3, 0.2], spread=0.005)
    assert evidence.distinguishable(swept, swept.helping()) == [Head(0, 0)]
    some = evidence.helping_heads(swept)
    # Of the four one surely helps, and two surely hurt.
    assert (some.estimate, some.interval) == (2, (1, 2))
    found = evidence.joint_effect(swept, noisy(0.1, 0.01), 0.0)
    assert found.estimate == pytest.approx(0.1)
    assert "2 heads help alone" in found.note


def test_mean_ablation_is_compared_with_zero_ablation():
    zero, mean = sweep([0.4, 0.2, 0.1, 0.1]), sweep([0.001, 0.1, 0.1, 0.1])
    assert evidence.mean_minus_zero(zero, mean).estimate == pytest.approx(0.07525 - 0.2)
    left = evidence.share_left_by_mean(zero, mean)
    assert isinstance(left, Evidence)
    assert left.estimate == pytest.approx(0.0025)
    assert "L0H0: zero +40.00%, mean +0.10%" in left.note


def test_the_correlation_is_absolute_with_fishers_interval():
    generator = np.random.default_rng(3)
    slope = generator.standard_normal(30)
    means = -slope + 0.5 * generator.standard_normal(30)
    r = np.corrcoef(means, slope)[0, 1]
    found = evidence.slope_correlation(
        means.tolist(),
        {"slope": slope.tolist(), "pearson_r": r, "pearson_p": 1e-5}
        | {"spearman_rho": r, "spearman_p": 1e-5},
    )
    assert found.estimate == pytest.approx(r)
    ends = []
    for left_out in (None, *range(30)):
        of = [layer for layer in range(30) if layer != left_out]
        z = math.atanh(np.corrcoef(means[of], slope[of])[0, 1])
        error = 1.959964 / math.sqrt(len(of) - 3)
        ends += [math.tanh(z - error), math.tanh(z + error)]
    assert found.interval == pytest.approx((min(ends), max(ends)))
    assert f"with all layers [{ends[0]:.2f}, {ends[1]:.2f}]" in found.note
    assert (found.n, found.units) == (30, "layers")


def test_nothing_is_left_of_no_effect():
    nothing = sweep([0.0, -0.1, 0.0, 0.0])
    found = evidence.share_left_by_mean(nothing, nothing)
    assert found == Blocked("no head hurts when it is zeroed", missing=False)

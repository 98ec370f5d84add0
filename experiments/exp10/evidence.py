"""The evidence on claims B1 to B8: what the perplexities say, and how sure over their text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy

from ablation.heads import Head
from ablation.metrics.paired_perplexity import paired_units
from ablation.metrics.perplexity import Perplexity
from ablation.stats.interval import Interval
from ablation.stats.multiplicity import benjamini_hochberg
from ablation.stats.perplexity_ratio import FEWEST_UNITS
from ablation.stats.power_law import RULED_OUT, SAMPLES, Comparison
from ablation.stats.rank_size import linear_fit
from experiments.claims.exp10_study import CHEAP, TOP_HEADS
from experiments.exp10.measured.cumulative import Crossings, Curve
from experiments.exp10.measured.individual import Sweep
from experiments.exp10.resampling import text_evidence
from experiments.judging.verdict import Blocked, Evidence

FITS = 300
"""Resamples of a rank-size fit, which takes a millisecond or two."""

FALSE_DISCOVERIES = 0.05


def top_heads_in_layer_0(sweep: Sweep) -> Evidence:
    """B1: how many of the largest effects are those of heads of layer 0."""
    in_layer_0 = _in_layer_0(sweep)

    def count(deltas: np.ndarray) -> np.ndarray:
        largest = np.argsort(-np.abs(deltas), axis=1, kind="stable")[:, :TOP_HEADS]
        return in_layer_0[largest].sum(axis=1)

    note = f"the {TOP_HEADS} largest: {', '.join(map(str, sweep.largest(TOP_HEADS)))}"
    return _over_heads(sweep, count, note=note)


def layer_0_over_others(sweep: Sweep) -> Evidence:
    """B1: mean ΔPPL of layer 0 over the mean of all other heads; infinite if theirs is not > 0.

    For models of at least two layers.
    """
    in_layer_0 = _in_layer_0(sweep)

    def ratio(deltas: np.ndarray) -> np.ndarray:
        others = np.maximum(deltas[:, ~in_layer_0].mean(axis=1), 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = deltas[:, in_layer_0].mean(axis=1) / others
        return np.nan_to_num(found, nan=0.0, posinf=np.inf, neginf=-np.inf)

    layers = dict.fromkeys(head.layer for head in sweep.ablated)
    means = {layer: float(np.mean(sweep.of_layer(layer))) for layer in layers}
    largest = max(means, key=means.__getitem__)
    note = (
        f"mean ΔPPL of layer 0 {_percent(means[0])}, largest: layer {largest} with "
        f"{_percent(means[largest])}"
    )
    return _over_heads(sweep, ratio, note=note)


def rank_exponent(sweep: Sweep, fits: Mapping[str, Any]) -> Evidence:
    """B2: α by the study's fit; ``fits`` are those of ``ranking.rank_size``, for the note."""
    lowest = fits["linear_alpha_without"]["lowest"]
    note = (
        f"{lowest['alpha']:.2f} without {lowest['head']}, {fits['log_log']['alpha']:.2f} log-log, "
        f"{fits['maximum_likelihood']['alpha']:.2f} maximum likelihood; {law_of_the_tail(fits)}; "
        f"the top 10 heads hold {fits['top_shares']['10']:.0%} of all effects"
    )
    return _over_heads(
        sweep,
        lambda deltas: np.array([linear_fit(row.tolist()).alpha for row in np.abs(deltas)]),
        resamples=FITS,
        note=note,
    )


def law_of_the_tail(fits: Mapping[str, Any]) -> str:
    """Whether the tail of the effects is a power law, by what ``ranking.rank_size`` found."""
    p, heads = fits["goodness_of_fit"], fits["maximum_likelihood"]["sizes"]
    found = "ruled out" if p <= RULED_OUT else "not ruled out"
    others = (
        f"{law} fits {Comparison(**against).other_fits} (p = {against['p']:.2g})"
        for law, against in fits["compared"].items()
    )
    as_far = f"p = {p:.2g}" if p else f"p < {1 / SAMPLES:g}"
    return f"a power law of the {heads} largest is {found} ({as_far}), {', '.join(others)}"


def cheap_share(sweep: Sweep) -> Evidence:
    """B3: the share of heads with |ΔPPL| below 10%."""
    note = f"{len(sweep.within(CHEAP))} of {len(sweep.ablated)} heads"
    return _over_heads(sweep, lambda deltas: (np.abs(deltas) < CHEAP).mean(axis=1), note=note)


def ratio_together(
    unablated: Perplexity, together: Perplexity, noise: float, note: str
) -> Evidence:
    """B4: perplexity with a set of heads ablated together, over the unablated one."""
    return text_evidence(
        unablated, [together], lambda deltas: 1 + deltas[:, 0], noise=noise, note=note
    )


def beyond_single_effects(
    sweep: Sweep, heads: Sequence[Head], together: Perplexity, noise: float, note: str
) -> Evidence:
    """B5: ln of the ratio with ``heads`` ablated together, less the sum of theirs alone."""

    def beyond(deltas: np.ndarray) -> np.ndarray:
        ratios = np.log1p(deltas)
        return ratios[:, 0] - ratios[:, 1:].sum(axis=1)

    alone = [sweep.ablated[head] for head in heads]
    return text_evidence(sweep.unablated, [together, *alone], beyond, noise=noise, note=note)


def share_within(curve: Curve, found: Crossings) -> Evidence:
    """B4: the largest share of heads, on the steps, before the curve first exceeds a threshold."""
    steps = np.array(curve.steps)

    def largest_step(deltas: np.ndarray) -> np.ndarray:
        exceeds = 1 + deltas > found.threshold
        # Step 0 is within; without any step beyond, the last one is.
        first = np.where(exceeds.any(axis=1), exceeds.argmax(axis=1) - 1, len(steps) - 1)
        return steps[first] / len(curve.heads)

    again = "" if found.last == found.first else f", within again at {found.last.within}"
    note = (
        f"{found.largest_step} of {len(curve.heads)} heads on the steps; exactly "
        f"{found.first.within}{again}"
    )
    return text_evidence(curve.points[0], list(curve.points.values()), largest_step, note=note)


def helping_heads(sweep: Sweep) -> Evidence:
    """B6: how many heads improve the perplexity when they are ablated alone.

    Noise makes small effects change sign, so a bootstrap of the count is biased upwards. Its
    interval is from the heads that surely help to those that do not surely hurt.
    """
    helping = sweep.helping()
    hurting = [head for head in sweep.ablated if head not in helping]
    units = paired_units(sweep.unablated, [])
    enough = len(units.counts) >= FEWEST_UNITS
    low = len(distinguishable(sweep, helping))
    high = len(sweep.ablated) - len(distinguishable(sweep, hurting))
    return Evidence(
        len(helping),
        Interval(low, high) if enough else None,
        len(units.counts),
        units.name,
        note=f"interval: from heads that help to heads that do not hurt, at a false discovery rate "
        f"of {FALSE_DISCOVERIES:.0%}",
    )


def joint_effect(sweep: Sweep, joint: Perplexity, noise: float) -> Evidence:
    """B6: ΔPPL of the heads that help alone, ablated together."""
    helping = sweep.helping()
    summed = sum(sweep.delta(head) for head in helping)
    note = f"{len(helping)} heads help alone, {_percent(summed)} summed"
    return text_evidence(
        sweep.unablated, [joint], lambda deltas: deltas[:, 0], noise=noise, note=note
    )


def distinguishable(sweep: Sweep, heads: Sequence[Head]) -> list[Head]:
    """Those of ``heads`` whose ΔPPL differs from 0, at a false discovery rate over all heads.

    Paired t-test over the units of the text, one for each head of the model, Benjamini-Hochberg
    over all of them.
    """
    units = paired_units(sweep.unablated, list(sweep.ablated.values()))
    if len(units.counts) < 2:
        return []
    per_token = units.differences / units.counts
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = np.nan_to_num(scipy.stats.ttest_1samp(per_token, 0, axis=1).pvalue, nan=1.0)
    adjusted = dict(zip(sweep.ablated, benjamini_hochberg(p_values), strict=True))
    return [head for head in heads if adjusted[head] <= FALSE_DISCOVERIES]


def slope_correlation(layer_means: Sequence[float], found: Mapping[str, Any]) -> Evidence:
    """B7: r between a layer's mean ΔPPL and the slope of g.

    A single layer can carry a correlation over a few dozen. The interval is the span of those by
    Fisher's z with all layers and with each of them left out.

    Args:
        layer_means: of each layer, at least three.
        found: what ``penetration.correlation`` says of them, r not None.
    """
    means, slopes = np.array(layer_means), np.array(found["slope"])
    kept = [np.arange(len(means)) != layer for layer in range(len(means))]
    every = np.full(len(means), True)
    intervals = [_interval_of_r(means[of], slopes[of]) for of in (every, *kept)]
    lows, highs = zip(*intervals, strict=True)
    furthest = max(range(len(means)), key=lambda layer: highs[1 + layer])
    note = (
        f"ρ = {found['spearman_rho']:.2f} (p = {found['spearman_p']:.2g}); with all layers "
        f"[{lows[0]:.2f}, {highs[0]:.2f}], without layer {furthest} "
        f"[{lows[1 + furthest]:.2f}, {highs[1 + furthest]:.2f}]"
    )
    return Evidence(
        found["pearson_r"],
        Interval(min(lows), max(highs)),
        len(layer_means),
        "layers",
        p=found["pearson_p"],
        note=note,
    )


def _interval_of_r(first: np.ndarray, second: np.ndarray) -> Interval:
    """By Fisher's z, whose sd is 1/√(n − 3); anything where that or r is not defined."""
    if len(first) < 4 or not (np.ptp(first) and np.ptp(second)):
        return Interval(-1.0, 1.0)
    low, high = scipy.stats.pearsonr(first, second).confidence_interval()
    return Interval(float(low), float(high))


def mean_minus_zero(zero: Sweep, mean: Sweep) -> Evidence:
    """B8: mean |ΔPPL| over heads, under mean ablation minus under zero ablation."""
    heads = len(zero.ablated)

    def difference(deltas: np.ndarray) -> np.ndarray:
        sizes = np.abs(deltas)
        return sizes[:, heads:].mean(axis=1) - sizes[:, :heads].mean(axis=1)

    sizes = [np.mean(np.abs(list(sweep.deltas.values()))) for sweep in (zero, mean)]
    note = f"mean |ΔPPL|: zero {_percent(sizes[0])}, mean {_percent(sizes[1])}"
    ablated = [*zero.ablated.values(), *mean.ablated.values()]
    return text_evidence(zero.unablated, ablated, difference, note=note)


def share_left_by_mean(zero: Sweep, mean: Sweep) -> Evidence | Blocked:
    """B8: |ΔPPL| under mean over that under zero ablation, of the head that hurts most."""
    head = max(zero.deltas, key=zero.delta)
    if zero.delta(head) <= 0:
        return Blocked("no head hurts when it is zeroed", missing=False)
    note = f"{head}: zero {_percent(zero.delta(head))}, mean {_percent(mean.delta(head))}"

    def share(deltas: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):  # where a resample has no effect
            return np.nan_to_num(np.abs(deltas[:, 1] / deltas[:, 0]), nan=np.inf, posinf=np.inf)

    return text_evidence(zero.unablated, [zero.ablated[head], mean.ablated[head]], share, note=note)


def _over_heads(sweep: Sweep, metric: Any, **options: Any) -> Evidence:
    return text_evidence(sweep.unablated, list(sweep.ablated.values()), metric, **options)


def _in_layer_0(sweep: Sweep) -> np.ndarray:
    return np.array([head.layer == 0 for head in sweep.ablated])


def _percent(fraction: float) -> str:
    return f"{100 * fraction:+.2f}%"

"""Claims B1 and B3 to B8 from the printed figures of Experiment 10.

Intervals are what the rounding of the figures leaves, or a bracket where a figure was not printed
but two that surround it were.
"""

import math

import scipy

from ablation.heads import Head
from ablation.stats.interval import CONFIDENCE, Interval
from experiments.claims.exp10_study import CHEAP, CHEAP_SHARE
from experiments.judging.verdict import Evidence
from experiments.published.sources.gpt2 import NO_INTERVAL, Experiment10
from experiments.published.sources.rounding import bounds, quotient, ratio, scaled, total

HEADS, LAYERS = "heads", "layers"


def layer_0_among_the_largest(figures: Experiment10) -> Evidence:
    """B1, top heads: how many of the ten largest are in layer 0."""
    count = sum(Head.parse(head).layer == 0 for head in figures.largest)
    note = "ranks 9 and 10 tie at 7.2%, which the largest of no other layer reaches"
    return Evidence.exact(count, figures.counts.total, HEADS, note)


def layer_0_over_the_others(figures: Experiment10) -> Evidence:
    """B1, mean: mean ΔPPL of layer 0 over the mean of the other layers' means."""
    first, *others = figures.layer_means
    mean = scaled(total(others), 1 / len(others))
    return Evidence(
        first / (sum(others) / len(others)),
        quotient(bounds(first), mean),
        figures.layers,
        LAYERS,
        note=NO_INTERVAL,
    )


def cheap_share(figures: Experiment10) -> Evidence:
    """B3: heads with |ΔPPL| < 10% of all; a count, so it has no rounding."""
    counts = figures.counts
    note = "two windows: the source has no interval over text; a count has no rounding"
    return Evidence.exact(counts.below_10_percent / counts.total, counts.total, HEADS, note)


def perplexity_without_the_share(figures: Experiment10) -> Evidence:
    """B4, share: the ratio with 30% of heads ablated, between two printed steps."""
    return between_steps(figures, round(CHEAP_SHARE * figures.counts.total))


def cheap_heads_beyond_single_effects(figures: Experiment10) -> Evidence:
    """B5: ln of the ratio with all heads that are cheap alone, less the sum of theirs alone.

    The joint one lies between two printed steps. The ΔPPL of the cheap heads sum up to the printed
    mean of all heads less the others, which were printed; and Δ − Δ² ≤ ln(1 + Δ) ≤ Δ.
    """
    counts = figures.counts
    joint = between_steps(figures, counts.below_10_percent)
    assert joint.interval is not None
    costly = [delta for delta, _ in figures.largest.values() if delta >= CHEAP]
    assert len(costly) == counts.total - counts.below_10_percent
    everything, others = scaled(bounds(counts.mean), counts.total), total(costly)
    low, high = everything.low - others.high, everything.high - others.low
    squares = counts.below_10_percent * CHEAP**2
    least, most = map(math.log, joint.interval)
    return Evidence(
        math.log(joint.estimate) - counts.total * counts.mean + sum(costly),
        Interval(least - high, most - low + squares),
        counts.total,
        HEADS,
        note=f"{counts.below_10_percent} heads cheap alone, their ΔPPL sum up to {low:.2f} to "
        f"{high:.2f}; {joint.note}",
    )


def between_steps(figures: Experiment10, count: int) -> Evidence:
    """The ratio at a number of heads that was not printed: the steps around it are its interval.

    The estimate is linear in log perplexity between the two. That the curve is monotone there is
    assumed; at every printed step it is.
    """
    below = max(step for step in figures.cumulative if step <= count)
    above = min(step for step in figures.cumulative if step >= count)
    low, high = (figures.cumulative[step][0] / figures.unablated_ppl for step in (below, above))
    part = (count - below) / (above - below) if above > below else 0.0
    return Evidence(
        low ** (1 - part) * high**part,
        Interval(low, high),
        figures.counts.total,
        HEADS,
        note=f"{count} heads were not printed: {below} and {above} were, the interval between them",
    )


def share_within(figures: Experiment10, threshold: float) -> Evidence:
    """B4, within: the share removed on the report's steps before the ratio is first exceeded."""
    within = 0
    for step, (ppl, _) in sorted(figures.cumulative.items()):
        if ppl / figures.unablated_ppl > threshold:
            break
        within = step
    note = "on the printed steps; the exact crossing lies below the next step"
    return Evidence.exact(within / figures.counts.total, figures.counts.total, HEADS, note)


def helping_heads(figures: Experiment10) -> Evidence:
    """B6, some: how many heads improve the perplexity when they are ablated alone."""
    return Evidence.exact(len(figures.helping), figures.counts.total, HEADS)


def helping_heads_together(figures: Experiment10) -> Evidence:
    """B6, joint: ΔPPL of the heads that help alone, ablated together."""
    found = ratio(figures.helping_ppl, figures.unablated_ppl)
    return Evidence(
        figures.helping_together,
        Interval(found.low - 1, found.high - 1),
        len(figures.helping),
        HEADS,
        note=f"summed {100 * figures.helping_summed:.2f}%; {NO_INTERVAL}",
    )


def slope_correlation(figures: Experiment10) -> Evidence:
    """B7: r over the layers, its interval by Fisher's z = artanh r, sd 1/√(n − 3)."""
    found, n = figures.correlation, figures.layers
    reach = scipy.stats.norm.ppf((1 + CONFIDENCE) / 2) / math.sqrt(n - 3)
    z = math.atanh(found.pearson_r)
    return Evidence(
        found.pearson_r,
        Interval(math.tanh(z - reach), math.tanh(z + reach)),
        n,
        LAYERS,
        p=found.pearson_p,
        note=(
            f"Spearman {found.spearman_rho} (p = {found.spearman_p}), the other way; interval by "
            "Fisher's z; the slopes were not printed, so no layer can be left out"
        ),
    )


def milder_under_mean(figures: Experiment10) -> Evidence:
    """B8, milder: mean |ΔPPL| under mean ablation less that under zero ablation.

    Printed are means of signed ΔPPL. A mean of sizes is larger by 2/n·Σ|ΔPPL| over the negative
    heads: under zero ablation these are printed, under mean ablation they are bounded by the last
    of the ten largest. The estimate is that of the printed means.
    """
    zero, mean = figures.counts, figures.mean_ablation.counts
    extra = 2 / zero.total * sum(map(abs, figures.helping.values()))
    last = min(delta for delta, _ in figures.mean_ablation.largest.values())
    most = 2 / mean.total * mean.negative * bounds(last).high
    worse = sum(mean > zero for mean, zero in figures.mean_ablation.largest.values())
    return Evidence(
        mean.mean - zero.mean,
        Interval(
            bounds(mean.mean).low - bounds(zero.mean).high - extra,
            bounds(mean.mean).high + most - bounds(zero.mean).low - extra,
        ),
        zero.total,
        HEADS,
        note=(
            f"on average only: {worse} of the {len(figures.mean_ablation.largest)} heads that hurt "
            "most under mean ablation hurt less under zero"
        ),
    )


def left_of_the_largest(figures: Experiment10) -> Evidence:
    """B8, constant: |ΔPPL| under mean over that under zero, of the head that hurts most at zero."""
    head, mean, zero = figures.mean_ablation.constant
    return Evidence(mean / zero, ratio(mean, zero), 1, "head", note=f"{head}; {NO_INTERVAL}")

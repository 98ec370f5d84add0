"""How sure figures of Experiment 10 are, in the captions of their pictures."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

_NO_INTERVALS = "The text is too short for intervals."


def sure_of_heads(heads: Sequence[Mapping[str, Any]]) -> str:
    """The largest change with its interval, and how wide intervals are."""
    known = [head for head in heads if head["interval"]]
    if not known:
        return _NO_INTERVALS
    largest = max(known, key=lambda head: abs(head["delta_ppl"]))
    low, high = largest["interval"]
    width = median((end - start) / 2 for start, end in (head["interval"] for head in known))
    return (
        f"95% intervals over the text: {largest['head']} changes it most, by "
        f"{100 * largest['delta_ppl']:+.2f}% [{100 * low:+.2f}, {100 * high:+.2f}]; half of all "
        f"heads' intervals are ±{100 * width:.2f} points or narrower."
    )


def sure_of_correlation(summary: Mapping[str, Any]) -> str:
    """Both correlations over the layers, and what g is of."""
    found, words = summary["correlation"], summary["penetration"]["words"]
    layers = f"{len(summary['layer_effects'])} layers"
    of = f"g is the mean of {len(words)} ambiguous words, a thin line each."
    if found["pearson_r"] is None:
        return f"{of} {layers} are too few, or too alike, for a correlation."
    return (
        f"{of} Over n = {layers}: r = {found['pearson_r']:.2f} (p = {found['pearson_p']:.2g}), "
        f"ρ = {found['spearman_rho']:.2f} (p = {found['spearman_p']:.2g})."
    )


def sure_of_curve(curve: Mapping[str, Any]) -> str:
    """The last step of a curve below each threshold, with its interval."""
    points = {point["num_heads"]: point for point in curve["points"]}
    if not all(point["interval"] for point in points.values()):
        return _NO_INTERVALS
    # One step may be the last below several thresholds.
    last = {row["largest_step"]: row["threshold"] for row in reversed(curve["thresholds"])}
    said = (
        f"{step} heads below {threshold:g}×, at {points[step]['ratio']:.3f}× "
        "[{:.3f}, {:.3f}]".format(*points[step]["interval"])
        for step, threshold in reversed(last.items())
    )
    return (
        f"Heads of the smallest changes first, the last step with its 95% interval over the text: "
        f"{'; '.join(said)}."
    )

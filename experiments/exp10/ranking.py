"""Part 10B: how the effects of single heads are distributed."""

import statistics
from dataclasses import asdict
from typing import Any

from ablation.errors import InvalidInput
from ablation.heads import Head, HeadGrid
from ablation.stats.power_law import OTHER_LAWS, compared, goodness_of_fit, tail_fit
from ablation.stats.rank_size import gini, leave_one_out, linear_fit, log_log_fit, top_share
from experiments.exp10.measured.individual import Sweep

NEGLIGIBLE, CHEAP = 0.01, 0.10
"""|ΔPPL| below which the source counts heads."""

TOP_COUNTS = (1, 5, 10)


def statistics_of(sweep: Sweep) -> dict[str, Any]:
    """The source's counts, and mean, median and largest ΔPPL."""
    deltas = list(sweep.deltas.values())
    largest = max(sweep.deltas, key=sweep.delta)
    return {
        "total": len(deltas),
        "abs_below_1pct": len(sweep.within(NEGLIGIBLE)),
        "abs_below_10pct": len(sweep.within(CHEAP)),
        "negative": len(sweep.helping()),
        "mean": statistics.fmean(deltas),
        "median": statistics.median(deltas),
        "max": sweep.delta(largest),
        "max_head": str(largest),
    }


def rank_size(sweep: Sweep) -> dict[str, Any]:
    """Shares of the largest effects, fits to |ΔPPL| by rank, and whether its tail has a law.

    Where too few heads have an effect to fit anything, ``no_fit`` says so instead.
    """
    sizes = [abs(delta) for delta in sweep.deltas.values()]
    shares = {
        "top_shares": {str(count): top_share(sizes, count) for count in TOP_COUNTS},
        "gini": gini(sizes),
    }
    try:
        return {**_fits(sweep, sizes), **shares}
    except InvalidInput as error:
        return {"no_fit": str(error), **shares}


def _fits(sweep: Sweep, sizes: list[float]) -> dict[str, Any]:
    without = dict(zip(sweep.deltas, leave_one_out(sizes), strict=True))
    tail = tail_fit(sizes)
    return {
        "linear": asdict(linear_fit(sizes)),
        "log_log": asdict(log_log_fit(sizes)),
        "maximum_likelihood": asdict(tail),
        "goodness_of_fit": goodness_of_fit(sizes),
        "compared": {law: asdict(compared(sizes, tail, law)) for law in OTHER_LAWS},
        "linear_alpha_without": {
            "lowest": _named_alpha(min(without, key=without.__getitem__), without),
            "highest": _named_alpha(max(without, key=without.__getitem__), without),
            "by_head": {str(head): alpha for head, alpha in without.items()},
        },
    }


def layers(sweep: Sweep, grid: HeadGrid) -> list[dict[str, float]]:
    """Per layer: mean and largest ΔPPL, and its share of the sum of |ΔPPL| over all heads."""
    total = sum(abs(delta) for delta in sweep.deltas.values())
    rows = []
    for layer in range(grid.layers):
        deltas = sweep.of_layer(layer)
        rows.append(
            {
                "layer": layer,
                "mean": statistics.fmean(deltas),
                "max": max(deltas),
                "share": sum(map(abs, deltas)) / total if total else 0.0,
            }
        )
    return rows


def _named_alpha(head: Head, alphas: dict[Head, float]) -> dict[str, Any]:
    return {"head": str(head), "alpha": alphas[head]}

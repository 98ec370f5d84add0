"""Experiment 10 as the report shows it: single heads, many together, layers."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ablation.errors import InvalidInput
from ablation.stats.rank_size import linear_fit, log_log_fit
from experiments.exp10.measured.cumulative import REMOVALS, curve_document, measure_curve
from experiments.exp10.measured.evaluations import Evaluations
from experiments.exp10.measured.individual import Sweep, sweep
from experiments.exp10.ranking import layers, statistics_of
from experiments.store.deferring import NotYet

ORDERS = {"magnitude": "smallest |ΔPPL| first", "signed": "lowest ΔPPL first"}


def reported_sweep(evaluations: Evaluations) -> Sweep | None:
    """The heads ablated alone, if the store, which computes nothing, has all of them."""
    with suppress(NotYet):
        return sweep(evaluations)
    return None


def sweep_data(evaluations: Evaluations, found: Sweep) -> dict[str, Any]:
    """What the page shows of a sweep; curves as far as they are stored."""
    setting = evaluations.setting
    grid = setting.model.grid
    ranked = [(head, abs(found.delta(head))) for head in reversed(found.by_magnitude())]
    return {
        "mode": setting.mode,
        "model": setting.model.spec.key,
        "ppl": found.unablated.value,
        "statistics": statistics_of(found),
        "ranked": [
            {"rank": rank, "head": str(head), "size": 100 * size, "change": 100 * found.delta(head)}
            for rank, (head, size) in enumerate(ranked, start=1)
        ],
        "fits": _fits([size for _, size in ranked]),
        "layers": [
            {"layer": row["layer"], "mean": 100 * row["mean"], "share": 100 * row["share"]}
            for row in layers(found, grid)
        ],
        "curves": _curves(evaluations, found),
    }


def _fits(sizes: list[float]) -> list[dict[str, Any]]:
    """The study's fit and that to the logs, as points on their lines, in percent."""
    rows = []
    for name, fit in (("fit to the values", linear_fit), ("fit to the logs", log_log_fit)):
        with suppress(InvalidInput):
            found = fit(sizes)
            rows += [
                {"name": f"{name}, α = {found.alpha:.2f}", "rank": rank,
                 "size": 100 * found.scale * rank**-found.alpha}
                for rank in (1, len(sizes))
            ]  # fmt: skip
    return rows


def _curves(evaluations: Evaluations, found: Sweep) -> list[dict[str, Any]]:
    curves = []
    for removal in REMOVALS:
        with suppress(NotYet):
            document = curve_document(evaluations, measure_curve(evaluations, found, removal))
            protected = ", layer 0 kept" if removal.protected_layers else ""
            curves.append(
                {
                    "name": f"{ORDERS[removal.order]}{protected}",
                    "total": document["total"],
                    "points": [
                        {
                            "heads": point["num_heads"],
                            "share": 100 * point["num_heads"] / document["total"],
                            "ratio": point["ratio"],
                        }
                        for point in document["points"]
                    ],
                    "crossings": [_crossing(one) for one in document["thresholds"]],
                }
            )
    return curves


def _crossing(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "threshold": found["threshold"],
        "first": found["first"]["within"],
        "last": found["last"]["within"],
    }

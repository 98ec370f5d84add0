"""The evidence on claim A8: how often selected heads put the gold paragraph first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ablation.detection.controls import ControlDraw, control_draws, excluded
from ablation.detection.ranking import HeadRanking
from ablation.metrics.retrieval import mean_reciprocal_rank, recall_at
from ablation.stats.gap import Survival, draws_p, gap_interval, gap_p
from experiments.judging.verdict import Evidence
from experiments.methods.retrieval.runs import Selections

SELECTED = 16
"""Heads that QRHead selects in models of 1 to 8 billion parameters; chosen on no split here."""

DRAWS = 199
"""Of each kind of random heads: they cost no pass through the model, and with fewer than 99 no p
could survive Holm's correction for five claims."""

TOP, ALL = "top", "all"


def selections(ranking: HeadRanking, kinds: Sequence[str]) -> Selections:
    """The top heads, all heads, and draws of as many random ones of each kind."""
    top = ranking.top(SELECTED)
    kept_out = excluded(ranking, SELECTED)
    draws: list[ControlDraw] = [draw for kind in kinds for draw in control_draws(kind, DRAWS)]
    return {
        TOP: top,
        ALL: tuple(ranking.grid),
        **{str(draw): draw.heads(ranking.grid, top, kept_out) for draw in draws},
    }


def recall_evidence(found: Sequence[Mapping[str, Any]], others: Sequence[str]) -> Evidence:
    """A8: recall@1 of the top heads beyond that of other selections, pooled over questions.

    Args:
        found: for each question what ``gold_ranks`` gave.
        others: the selections to compare with; several are draws of one kind.
    """
    companies = sorted({item["company"] for one in found for item in one["items"]})

    def misses(name: str) -> np.ndarray:
        """Gold paragraphs that are not first, by question and company: fewer are better."""
        counts = np.zeros((len(found), len(companies)))
        for row, one in enumerate(found):
            for item, rank in zip(one["items"], one["ranks"][name], strict=True):
                counts[row, companies.index(item["company"])] += rank > 1
        return counts

    totals = np.zeros((len(found), len(companies)))
    for row, one in enumerate(found):
        for item in one["items"]:
            totals[row, companies.index(item["company"])] += 1
    table = Survival(totals, misses(TOP), np.stack([misses(name) for name in others]))
    p = gap_p(table)
    if len(others) > 1:
        p = max(p, draws_p(table))
    draws = f", {len(others)} draws" if len(others) > 1 else ""
    return Evidence(
        table.gap,
        gap_interval(table),
        len(companies),
        f"companies{draws}",
        p=p,
        note=f"{_figures(found, [TOP], 'top heads')}; {_figures(found, others, 'compared with')}; "
        f"{int(totals.sum())} queries, one gold among "
        f"{min(item['paragraphs'] for one in found for item in one['items'])} or more",
    )


def _figures(found: Sequence[Mapping[str, Any]], names: Sequence[str], called: str) -> str:
    ranks = [rank for one in found for name in names for rank in one["ranks"][name]]
    recalls = ", ".join(f"{100 * recall_at(ranks, k):.1f}% at {k}" for k in (1, 5))
    return f"{called}: recall {recalls}, MRR {mean_reciprocal_rank(ranks):.2f}"

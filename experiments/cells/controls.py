"""One more draw of random heads in a cell: a document of its own, beside the study's file.

The study's file holds its one uniform draw; layer-matched controls and further draws have files of
their own. In one by item, every filing has a set of heads of its own.
"""

from collections.abc import Collection, Sequence
from statistics import fmean
from typing import Any

from ablation.detection.controls import ControlDraw, check_levels, displaced, excluded
from ablation.detection.ranking import HeadRanking
from ablation.heads import Head
from experiments.cells.cell import Cell
from experiments.cells.choices import CellAblation
from experiments.cells.conditions import Heads, HeadsByItem
from experiments.cells.grading import ItemOutcome, Outcomes, condition_row, score
from experiments.cells.plan import AblationPlan
from experiments.machine.provenance import merged

METHOD = "qrhead_ablation_control"


def control_document(
    cell: Cell,
    ranking: HeadRanking,
    plan: AblationPlan,
    draw: ControlDraw,
    ablation: CellAblation,
    found: Sequence[Outcomes],
) -> dict[str, Any]:
    """The document of a draw, given what its heads gave at each of its levels under ``ablation``.

    Raises:
        InvalidInput: as ``control_sets``.
    """
    sets = control_sets(cell, ranking, plan, draw)
    provenance = merged(outcomes.provenance for outcomes in found)
    return {
        "method": METHOD,
        **cell.header(),
        "timestamp": provenance["time"],
        "control": {"kind": draw.kind, "seed": draw.seed, "by_item": draw.by_item},
        "ablations": [
            {
                **_row(heads, outcomes.items),
                "heads_in_other_layers": displaced(ranking.top(level), first_set(heads)),
                "heads_of_the_top_50": _among(heads, excluded(ranking, level)),
            }
            for (level, heads), outcomes in zip(sets.items(), found, strict=True)
        ],
        "ablation": dict(ablation.description),
        "provenance": provenance,
    }


def control_sets(
    cell: Cell, ranking: HeadRanking, plan: AblationPlan, draw: ControlDraw
) -> dict[int, Heads]:
    """Level -> the control heads of ``draw``, at the levels at which it is taken.

    Raises:
        InvalidInput: impossible levels, or too few heads left for a control.
    """
    check_levels(plan.levels, ranking.grid)
    return {level: drawn(cell, ranking, level, draw) for level in plan.levels_of(draw)}


def drawn(cell: Cell, ranking: HeadRanking, level: int, draw: ControlDraw) -> Heads:
    """As many control heads as the top ``level``: one set, or one for each item of the cell.

    Raises:
        InvalidInput: too few heads are left.
    """
    top, kept_out = ranking.top(level), excluded(ranking, level)
    if not draw.by_item:
        return draw.heads(ranking.grid, top, kept_out)
    items = (f"{cell.question} {filing.name}" for filing, _ in cell.test)
    return HeadsByItem(tuple(draw.heads(ranking.grid, top, kept_out, item) for item in items))


def first_set(heads: Heads) -> Sequence[Head]:
    """The set of a condition, or that of its first item: all have as many heads of each layer."""
    return heads.of[0] if isinstance(heads, HeadsByItem) else heads


def _row(heads: Heads, items: Sequence[ItemOutcome]) -> dict[str, Any]:
    if not isinstance(heads, HeadsByItem):
        return condition_row(heads, items)
    by_item = {
        item.filing: [str(head) for head in of] for item, of in zip(items, heads.of, strict=True)
    }
    return {"num_heads": len(heads.of[0]), "heads_by_item": by_item, **score(items)}


def _among(heads: Heads, top: Collection[Head]) -> float:
    """How many of a set are among ``top``, on average over items."""
    sets = heads.of if isinstance(heads, HeadsByItem) else [heads]
    return fmean(len({*of} & {*top}) for of in sets)

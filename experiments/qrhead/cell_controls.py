"""One more draw of random heads in a cell: a document of its own, beside the study's file.

The study's file holds its one uniform draw. Layer-matched controls and further draws are units of
their own, so that many workers can share them and a run that was stopped goes on where it was.
"""

from typing import Any

from ablation.controls import ControlDraw, check_levels, displaced
from ablation.detection.ranking import HeadRanking
from ablation.heads import Head
from experiments.provenance import provenance, timestamp
from experiments.qrhead.cell_ablation import AblationPlan, excluded
from experiments.qrhead.cells import Cell
from experiments.qrhead.conditions import condition_row, outcomes_identity, run_conditions

METHOD = "qrhead_ablation_control"


def ablate_control(
    cell: Cell, ranking: HeadRanking, plan: AblationPlan, draw: ControlDraw
) -> dict[str, Any]:
    """Runs the heads of ``draw`` at every level on every test filing; the document of the draw.

    Raises:
        InvalidInput: impossible levels, or too few heads left for a control.
        ComputationError: the model's logits are NaN.
    """
    sets = control_sets(ranking, plan, draw)
    described = f"{draw.kind} {draw.seed}"
    outcomes = run_conditions(cell, list(sets.values()), plan.ablation, described=described)
    return {
        "method": METHOD,
        **cell.header(),
        "timestamp": timestamp(),
        "control": {"kind": draw.kind, "seed": draw.seed},
        "ablations": [
            {
                **condition_row(heads, items),
                "heads_in_other_layers": displaced(ranking.top(level), heads),
                "heads_of_the_top_50": len({*heads} & {*excluded(ranking, level)}),
            }
            for (level, heads), items in zip(sets.items(), outcomes, strict=True)
        ],
        "ablation": plan.ablation.describe(),
        "provenance": provenance(cell.loaded),
    }


def control_sets(
    ranking: HeadRanking, plan: AblationPlan, draw: ControlDraw
) -> dict[int, tuple[Head, ...]]:
    """Level -> the control heads of ``draw``.

    Raises:
        InvalidInput: impossible levels, or too few heads left for a control.
    """
    return {
        level: draw.heads(ranking.grid, ranking.top(level), excluded(ranking, level))
        for level in check_levels(plan.levels, ranking.grid)
    }


def control_identity(
    cell: Cell, ranking: HeadRanking, plan: AblationPlan, draw: ControlDraw
) -> dict[str, Any]:
    """What must be equal for a stored draw to be this one."""
    return {
        **outcomes_identity(cell, plan.ablation),
        "method": METHOD,
        "control": str(draw),
        "conditions": [
            list(map(str, heads)) for heads in control_sets(ranking, plan, draw).values()
        ],
    }

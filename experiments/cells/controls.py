"""One more draw of random heads in a cell: a document of its own, beside the study's file.

The study's file holds its one uniform draw; layer-matched controls and further draws have files of
their own.
"""

from collections.abc import Sequence
from typing import Any

from ablation.detection.controls import ControlDraw, check_levels, displaced, excluded
from ablation.detection.ranking import HeadRanking
from ablation.heads import Head
from experiments.cells.cell import Cell
from experiments.cells.choices import CellAblation
from experiments.cells.grading import Outcomes, condition_row
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
    """The document of a draw, given what its heads gave at every level under ``ablation``.

    Raises:
        InvalidInput: as ``control_sets``.
    """
    sets = control_sets(ranking, plan, draw)
    provenance = merged(outcomes.provenance for outcomes in found)
    return {
        "method": METHOD,
        **cell.header(),
        "timestamp": provenance["time"],
        "control": {"kind": draw.kind, "seed": draw.seed},
        "ablations": [
            {
                **condition_row(heads, outcomes.items),
                "heads_in_other_layers": displaced(ranking.top(level), heads),
                "heads_of_the_top_50": len({*heads} & {*excluded(ranking, level)}),
            }
            for (level, heads), outcomes in zip(sets.items(), found, strict=True)
        ],
        "ablation": dict(ablation.description),
        "provenance": provenance,
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

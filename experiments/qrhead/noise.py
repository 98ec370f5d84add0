"""How far two runs of the same computation lie apart: the noise under every effect.

The answers of the unablated model are asked for again, in batches of another size: shapes, and with
them the order of sums, differ.
"""

from collections.abc import Mapping
from typing import Any

from experiments.provenance import provenance
from experiments.qrhead.cell_ablation import AblationPlan
from experiments.qrhead.cells import Cell
from experiments.qrhead.conditions import outcomes_identity, run_conditions

METHOD = "qrhead_noise"

OTHER_ROWS = 2
"""Prompts in a batch; in the run itself it is one on a CPU, and as many as fit on a GPU."""


def measure_noise(cell: Cell, plan: AblationPlan, unablated: Mapping[str, Any]) -> dict[str, Any]:
    """Compares the unablated answers of a cell's document with those of another batch shape.

    Returns:
        How many answers there are, how many differ, how many are right in one run and wrong in
        the other, and ``noise``: the share of the latter.
    """
    (again,) = run_conditions(cell, [()], plan.ablation, rows=OTHER_ROWS, described="noise")
    pairs = list(zip(unablated["items"], again, strict=True))
    tipped = sum(item["correct"] != outcome.correct for item, outcome in pairs)
    return {
        "method": METHOD,
        **cell.header(),
        "answers": len(pairs),
        "different": sum(item["answer"] != outcome.answer for item, outcome in pairs),
        "tipped": tipped,
        "noise": tipped / len(pairs),
        "provenance": provenance(cell.loaded),
    }


def noise_identity(cell: Cell, plan: AblationPlan) -> dict[str, Any]:
    """What must be equal for a stored noise to be this one."""
    return {**outcomes_identity(cell, plan.ablation), "method": METHOD}

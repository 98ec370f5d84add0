"""How far two runs of the same computation lie apart: the noise under every effect.

The answers of the unablated model are asked for again, in batches of another size: shapes, and with
them the order of sums, differ.
"""

from collections.abc import Sequence

from experiments.cells.cell import Cell, truth
from experiments.cells.conditions import ItemOutcome, answers, answers_key, graded
from experiments.machine.provenance import provenance
from experiments.store import Computed, WorkUnit

KIND = "noise"
METHOD = "qrhead_noise"

OTHER_ROWS = 2
"""Prompts in a batch; in the run itself it is one on a CPU, and as many as fit on a GPU."""


def measure_noise(cell: Cell, unablated: Sequence[ItemOutcome]) -> Computed:
    """Compares the unablated answers of a cell with those of another batch shape.

    Returns:
        How many answers there are, how many differ, how many are right in one run and wrong in
        the other, and ``noise``: the share of the latter.
    """
    from ablation.modes.zero import ZeroAblation  # imports torch

    (given,) = answers(cell, [()], ZeroAblation(), rows=OTHER_ROWS)
    pairs = list(zip(unablated, graded(cell, given), strict=True))
    tipped = sum(first.correct != again.correct for first, again in pairs)
    result = {
        **cell.header(),
        "answers": len(pairs),
        "different": sum(first.answer != again.answer for first, again in pairs),
        "tipped": tipped,
        "noise": tipped / len(pairs),
    }
    return result, provenance(cell.model)


def noise_unit(cell: Cell) -> WorkUnit:
    """The noise of the answers of ``cell``; whether they are right depends on the truths."""
    truths = {filing.name: truth(cell, filing) for filing, _ in cell.test}
    key = {**answers_key(cell), "method": METHOD, "truths": truths}
    return WorkUnit(KIND, key, f"noise of the answers to {cell.question}")

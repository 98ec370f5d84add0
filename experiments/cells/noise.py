"""How far two runs of the same computation lie apart: the noise under every effect.

The answers of the unablated model are asked for again, one by one: prompts share nothing, and
shapes, and with them the order of sums, differ.
"""

from collections.abc import Sequence

from ablation.metrics.answers import MAX_NEW_TOKENS
from experiments.cells.cell import Cell, prompts_sha256, truth
from experiments.cells.conditions import answers
from experiments.cells.grading import ItemOutcome, graded
from experiments.machine.provenance import provenance
from experiments.store import Computed, WorkUnit

KIND = "noise"
METHOD = "qrhead_noise"


def measure_noise(cell: Cell, unablated: Sequence[ItemOutcome]) -> Computed:
    """Compares the unablated answers of a cell with those to each prompt alone.

    Returns:
        How many answers there are, how many differ, how many are right in one run and wrong in
        the other, and ``noise``: the share of the latter.
    """
    from ablation.modes.zero import ZeroAblation  # imports torch

    items = range(len(cell.test))
    found = answers(cell, {(): items}, ZeroAblation(), one_by_one=True)
    given = {item: answer for together in found for _, item, answer in together}
    pairs = list(zip(unablated, graded(cell, [given[item] for item in items]), strict=True))
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
    key = {
        **cell.model.key(),
        "prompts_sha256": prompts_sha256(cell.test),
        "max_new_tokens": MAX_NEW_TOKENS,
        "method": METHOD,
        "truths": truths,
    }
    return WorkUnit(KIND, key, f"noise of the answers to {cell.question}")

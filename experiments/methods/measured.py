"""What the cases of the methods measure: asked for by pytest and by grids alike."""

from collections.abc import Sequence
from typing import Any

from ablation.detection import QRHEAD, QRHEAD_CHAT, SUMMED_ATTENTION, WU24
from ablation.detection.controls import LAYER_MATCHED, UNIFORM
from experiments.cells.cell import Cell
from experiments.cells.choices import AblationChoice
from experiments.cells.gap import ENOUGH_DRAWS
from experiments.cells.plan import AblationPlan
from experiments.cells.runner import CellRunner, ResultsFolder
from experiments.claims import LEVELS
from experiments.methods.comparison import Comparison, Ranked, compare_methods, rank_cells
from experiments.methods.mode_runs import ModesCompared, compare_modes
from experiments.methods.retrieval.evidence import selections
from experiments.methods.retrieval.runs import gold_ranks
from experiments.store import Store

THREE = (QRHEAD, WU24, SUMMED_ATTENTION)
"""The study's methods."""

TWO_LEVELS = (10, 50)
"""Where A1 is judged once more, by the rows of QRHead's public code."""


def ranked_by_three(cells: Sequence[Cell], store: Store) -> Ranked:
    """The heads of all cells by the study's three methods."""
    return rank_cells(cells, THREE, store)


def common_level(ranked: Ranked, levels: Sequence[int]) -> int:
    """How many heads of each method are compared."""
    return ranked.common_level(levels) or levels[0]


def three_compared(
    cells: Sequence[Cell], ranked: Ranked, level: int, store: Store, *, draws: int
) -> Comparison:
    """The top heads of the three methods ablated in all cells."""
    if not ranked.rankings:
        return Comparison({}, {}, {}, {})
    return compare_methods(cells, ranked, [level], AblationChoice(), store, draws=draws)


def retrieved(cells: Sequence[Cell], runner: CellRunner) -> list[dict[str, Any]]:
    """For each question, the ranks of the gold paragraphs by the top heads and by others."""
    chosen = selections(runner.pooled_ranking(cells), (LAYER_MATCHED, UNIFORM))
    return gold_ranks(cells, chosen, runner.store)


def in_every_mode(cells: Sequence[Cell], runner: CellRunner, *, draws: int) -> list[ModesCompared]:
    """The first cell in every mode and scope; with whole control draws all of them.

    Every item has a control set of its own in either: these are details, 21 of them, and whole
    draws would cost more than all else.
    """
    chosen = cells if draws >= ENOUGH_DRAWS else cells[:1]
    runner.rank(chosen)
    ranked = [(cell, runner.pooled_ranking([cell])) for cell in chosen]
    return compare_modes(ranked, LEVELS[-1], runner.store)


def by_chat_rows(levels: Sequence[int], store: Store, results: ResultsFolder) -> CellRunner:
    """Runs cells with the heads that QRHead's public code finds, at two of the levels."""
    of_the_two = tuple(level for level in TWO_LEVELS if level in levels)
    plan = AblationPlan(
        of_the_two or tuple(levels[:1]), controls=(LAYER_MATCHED,), method=QRHEAD_CHAT
    )
    return CellRunner(store, results, plan)

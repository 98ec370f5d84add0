"""The heads that several methods find, and what they do when ablated: same items, same controls.

Two controls: for each method random heads of the same layers as its top heads, and random heads
that are the same for all methods, top heads of none of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ablation.controls import (
    CONTROL_SEED,
    EXCLUDED_TOP,
    LAYER_MATCHED,
    check_levels,
    control_draws,
    control_heads,
)
from ablation.detection import RANDOM
from ablation.detection.ranking import HeadRanking
from ablation.errors import InvalidInput
from ablation.heads import Head
from ablation.protocol import Ablation
from experiments.provenance import merged
from experiments.qrhead.cell_detection import detect, detection_unit, read_ranking
from experiments.qrhead.cells import Cell
from experiments.qrhead.conditions import Outcomes, run_conditions
from experiments.qrhead.outcomes import SHARED, Answers, CellOutcomes
from experiments.store import Store

Rankings = Mapping[str, Sequence[HeadRanking]]
"""Method -> the heads it found in each cell."""

UNABLATED = ("unablated", 0, 0)

Condition = tuple[str, int, int]
"""Method or control, level, seed."""


@dataclass(frozen=True)
class Comparison:
    """Methods side by side.

    Attributes:
        rankings: of each method that could rank the heads.
        outcomes: method -> for each cell the answers with its top heads ablated, and with heads of
            both kinds of control, ``LAYER_MATCHED`` and ``SHARED``.
        refused: method -> why it could not.
        provenance: how the answers came about.
    """

    rankings: Rankings
    outcomes: Mapping[str, Sequence[CellOutcomes]]
    refused: Mapping[str, str]
    provenance: Mapping[str, Any]


def compare_methods(
    cells: Sequence[Cell],
    methods: Sequence[str],
    levels: Collection[int],
    ablation: Ablation,
    store: Store,
    *,
    draws: int = 1,
    seed: int = CONTROL_SEED,
) -> Comparison:
    """Ranks the heads of every cell by every method, and ablates the top of each.

    Processes that are at it together share the work.

    Args:
        cells: of one model.
        methods: of ``ablation.detection.METHODS``.
        levels: how many of the top heads are ablated, ascending.
        ablation: how.
        store: where rankings and answers are kept.
        draws: of each kind of control, with consecutive seeds.
        seed: the first.

    Raises:
        InvalidInput: impossible levels, or too few heads for the controls.
        ComputationError: logits or scores are NaN.
        ResultsError: a result cannot be stored.
    """
    levels = check_levels(levels, cells[0].loaded.grid)
    rankings, refused = rank_cells(cells, methods, store)
    todo = [
        _head_sets(
            {method: found[place] for method, found in rankings.items()}, levels, draws, seed
        )
        for place in range(len(cells))
    ]
    for wait in (False, True):
        found = [
            run_conditions(cell, list(sets.values()), ablation, store, wait=wait)
            for cell, sets in zip(cells, todo, strict=True)
        ]
    by_condition = [
        {condition: one for condition, one in zip(sets, outcomes, strict=True) if one is not None}
        for sets, outcomes in zip(todo, found, strict=True)
    ]
    return Comparison(
        rankings,
        {
            method: [
                _of_method(cell, method, by, levels, range(seed, seed + draws))
                for cell, by in zip(cells, by_condition, strict=True)
            ]
            for method in rankings
        },
        refused,
        merged(one.provenance for of_cell in by_condition for one in of_cell.values()),
    )


def rank_cells(
    cells: Sequence[Cell], methods: Sequence[str], store: Store
) -> tuple[Rankings, Mapping[str, str]]:
    """The rankings of every method, and why a method has none.

    Raises:
        ComputationError, ResultsError: as ``compare_methods``.
    """
    refused: dict[str, str] = {}
    rankings: dict[str, list[HeadRanking]] = {}
    for wait in (False, True):
        for method in (method for method in methods if method not in refused):
            rankings[method] = []
            for cell in cells:
                try:
                    found = store.once(
                        detection_unit(cell, method), partial(detect, cell, method), wait=wait
                    )
                except InvalidInput as error:
                    refused[method] = str(error)
                    del rankings[method]
                    break
                if found is not None:
                    rankings[method].append(read_ranking(found.result, cell))
    return rankings, refused


def _head_sets(
    rankings: Mapping[str, HeadRanking], levels: Sequence[int], draws: int, seed: int
) -> dict[Condition, tuple[Head, ...]]:
    """Every condition of a cell, and the heads that are ablated in it."""
    sets: dict[Condition, tuple[Head, ...]] = {UNABLATED: ()}
    # A random ranking has no top heads that a control would have to keep clear of.
    anyones_top = {
        head
        for method, ranking in rankings.items()
        if method != RANDOM
        for head in ranking.top(min(EXCLUDED_TOP, len(ranking.entries)))
    }
    for level in levels:
        for draw in control_draws(LAYER_MATCHED, draws, seed):
            for method, ranking in rankings.items():
                top = ranking.top(level)
                sets[method, level, 0] = top
                of_method = ranking.top(min(max(EXCLUDED_TOP, level), len(ranking.entries)))
                sets[_matched(method), level, draw.seed] = draw.heads(ranking.grid, top, of_method)
                shared = control_heads(ranking.grid, anyones_top, level, draw.seed)
                sets[SHARED, level, draw.seed] = shared
    return sets


def _matched(method: str) -> str:
    return f"{LAYER_MATCHED} {method}"


def _of_method(
    cell: Cell,
    method: str,
    found: Mapping[Condition, Outcomes],
    levels: Sequence[int],
    seeds: Sequence[int],
) -> CellOutcomes:
    def control(name: str) -> list[Mapping[int, Answers]]:
        return [{level: found[name, level, seed].correct for level in levels} for seed in seeds]

    return CellOutcomes(
        cell.question,
        cell.tokens,
        found[UNABLATED].companies,
        found[UNABLATED].correct,
        {level: found[method, level, 0].correct for level in levels},
        {LAYER_MATCHED: control(_matched(method)), SHARED: control(SHARED)},
    )

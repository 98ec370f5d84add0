"""The heads that several methods find, and what they do when ablated: same items, same controls.

Two controls: for each method random heads of the same layers as its top heads, and random heads
that are the same for all methods, top heads of none of them. The first keep clear of the method's
own top heads only: they may be another method's.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablation.detection import RANDOM
from ablation.detection.controls import (
    CONTROL_SEED,
    LAYER_MATCHED,
    SHARED,
    check_levels,
    control_heads,
    displaced,
    excluded,
    matched_draws,
)
from ablation.detection.ranking import HeadRanking
from ablation.errors import InvalidInput
from ablation.heads import Head
from experiments.cells.cell import Cell
from experiments.cells.choices import AblationChoice
from experiments.cells.conditions import Heads, run_conditions
from experiments.cells.controls import drawn, first_set
from experiments.cells.detection import detected
from experiments.cells.grading import Outcomes
from experiments.cells.outcomes import Answers, CellOutcomes
from experiments.machine.provenance import merged
from experiments.store import Store

Rankings = Mapping[str, Sequence[HeadRanking]]
"""Method -> the heads it found in each cell."""

UNABLATED = ("unablated", 0, 0)

Condition = tuple[str, int, int]
"""Method or control, level, seed."""


@dataclass(frozen=True)
class Ranked:
    """The heads of cells by several methods.

    Attributes:
        rankings: of each method that could rank the heads of all cells.
        refused: method -> why it could not.
    """

    rankings: Rankings
    refused: Mapping[str, str]

    def fewest(self, method: str) -> int:
        """How many heads the method found in the cell where it found fewest."""
        return min(len(ranking.found) for ranking in self.rankings[method])

    def common_level(self, levels: Collection[int]) -> int | None:
        """The highest of ``levels`` that every method found heads enough for; None: there is none.

        It is known from the detection split alone.
        """
        fewest = min(map(self.fewest, self.rankings), default=0)
        return max((level for level in levels if level <= fewest), default=None)


@dataclass(frozen=True)
class Comparison:
    """Methods side by side.

    Attributes:
        outcomes: method -> for each cell the answers with its top heads ablated, at the levels that
            it found heads enough for, and with heads of both kinds of control, ``LAYER_MATCHED``
            and, where the model has heads enough, ``SHARED``.
        displaced: method, level -> for each cell how many layer-matched control heads (of the first
            draw) lie in layers where the top heads have no counterpart.
        left_out: method or ``SHARED``, level -> why there are no such answers.
        provenance: how the answers came about.
    """

    outcomes: Mapping[str, Sequence[CellOutcomes]]
    displaced: Mapping[tuple[str, int], Sequence[int]]
    left_out: Mapping[tuple[str, int], str]
    provenance: Mapping[str, Any]


def rank_cells(cells: Sequence[Cell], methods: Sequence[str], store: Store) -> Ranked:
    """Ranks the heads of every cell by every method; processes at it together share the work.

    Args:
        cells: of one model.
        methods: of ``ablation.detection.METHODS``.
        store: where rankings are kept.

    Raises:
        ComputationError: scores are NaN.
        ResultsError: a ranking cannot be stored.
    """
    refused: dict[str, str] = {}
    rankings: dict[str, list[HeadRanking]] = {}
    for cell in cells:
        detected(cell, methods, store, wait=False)  # what others are at is left to them
    found = [detected(cell, methods, store) for cell in cells]
    for method, of_method in zip(methods, zip(*found, strict=True), strict=True):
        rankings[method] = []
        for cell, one in zip(cells, of_method, strict=True):
            try:
                rankings[method].append(one.ranking)
            except InvalidInput as error:
                refused[method] = f"{cell.question} at {cell.tokens} tokens: {error}"
                del rankings[method]
                break
    return Ranked(rankings, refused)


def compare_methods(
    cells: Sequence[Cell],
    ranked: Ranked,
    levels: Collection[int],
    ablation: AblationChoice,
    store: Store,
    *,
    draws: int = 1,
    seed: int = CONTROL_SEED,
) -> Comparison:
    """Ablates the top heads of every method, and their controls, in every cell.

    Processes that are at it together share the work.

    Args:
        cells: of one model.
        ranked: their heads, as ``rank_cells`` gives them.
        levels: how many of the top heads are ablated, ascending.
        ablation: how.
        store: where answers are kept.
        draws: of each kind of control, with consecutive seeds; with 1 every item has a
            layer-matched set of its own (``matched_draws``).
        seed: the first.

    Raises:
        InvalidInput: no method ranked the heads, impossible levels, too few heads for a
            layer-matched control, or an ablation that these prompts do not allow.
        ComputationError: logits are NaN.
        ResultsError: a result cannot be stored.
    """
    levels = check_levels(levels, cells[0].model.grid)
    seeds = range(seed, seed + draws)
    if not ranked.rankings:
        raise InvalidInput(
            "a method that ranks the heads is required, got none: "
            + "; ".join(f"{method}: {reason}" for method, reason in ranked.refused.items())
        )
    left_out: dict[tuple[str, int], str] = {}
    for method in ranked.rankings:
        fewest = ranked.fewest(method)
        for level in (level for level in levels if level > fewest):
            left_out[method, level] = f"it found only {fewest} heads in a cell"
    todo = []
    for place, cell in enumerate(cells):
        rankings = {method: found[place] for method, found in ranked.rankings.items()}
        sets = _tested_sets(cell, rankings, levels, seeds, left_out)
        todo.append(sets | _shared_sets(rankings, levels, seeds, left_out))
    jobs = [
        (cell, list(sets.values()), ablation.of(cell))
        for cell, sets in zip(cells, todo, strict=True)
    ]
    for job in jobs:
        run_conditions(*job, store, wait=False)  # what others are at is left to them
    by_condition = [
        dict(zip(sets, run_conditions(*job, store), strict=True))
        for sets, job in zip(todo, jobs, strict=True)
    ]
    return Comparison(
        {
            method: [
                _of_method(cell, method, by, seeds)
                for cell, by in zip(cells, by_condition, strict=True)
            ]
            for method in ranked.rankings
        },
        {
            (method, level): [
                displaced(
                    first_set(sets[method, level, 0]),
                    first_set(sets[_matched(method), level, seed]),
                )
                for sets in todo
            ]
            for method in ranked.rankings
            for level in levels
            if (method, level) not in left_out
        },
        left_out,
        merged(one.provenance for of_cell in by_condition for one in of_cell.values()),
    )


def _tested_sets(
    cell: Cell,
    rankings: Mapping[str, HeadRanking],
    levels: Sequence[int],
    seeds: Sequence[int],
    left_out: Collection[tuple[str, int]],
) -> dict[Condition, Heads]:
    """The top heads of every method in one cell, and heads of the same layers."""
    sets: dict[Condition, Heads] = {UNABLATED: ()}
    for level in levels:
        for method, ranking in rankings.items():
            if (method, level) in left_out:
                continue
            sets[method, level, 0] = ranking.top(level)
            for draw in matched_draws(len(seeds), seeds[0]):
                sets[_matched(method), level, draw.seed] = drawn(cell, ranking, level, draw)
    return sets


def _shared_sets(
    rankings: Mapping[str, HeadRanking],
    levels: Sequence[int],
    seeds: Sequence[int],
    left_out: dict[tuple[str, int], str],
) -> dict[Condition, Heads]:
    """Heads that are the top of no method in one cell; notes at which levels there are too few."""
    # A random ranking has no top heads that a control would have to keep clear of.
    ranked = [ranking for method, ranking in rankings.items() if method != RANDOM]
    kept_out = anyones_top(ranked, levels[-1])
    grid = next(iter(rankings.values())).grid
    sets: dict[Condition, Heads] = {}
    for level in levels:
        try:
            for seed in seeds:
                sets[SHARED, level, seed] = control_heads(grid, kept_out, level, seed)
        except InvalidInput as error:
            left_out[SHARED, level] = str(error)
    return sets


def anyones_top(rankings: Iterable[HeadRanking], level: int) -> set[Head]:
    """The heads that a control which several rankings share keeps clear of."""
    return {head for ranking in rankings for head in excluded(ranking, level)}


def _matched(method: str) -> str:
    return f"{LAYER_MATCHED} {method}"


def _of_method(
    cell: Cell, method: str, found: Mapping[Condition, Outcomes], seeds: Sequence[int]
) -> CellOutcomes:
    def answers(name: str, seed: int) -> dict[int, Answers]:
        return {
            level: outcomes.correct
            for (kind, level, drawn), outcomes in found.items()
            if (kind, drawn) == (name, seed)
        }

    return CellOutcomes(
        cell.question,
        cell.tokens,
        found[UNABLATED].companies,
        found[UNABLATED].correct,
        answers(method, 0),
        {
            LAYER_MATCHED: [answers(_matched(method), seed) for seed in seeds],
            SHARED: [answers(SHARED, seed) for seed in seeds],
        },
        (LAYER_MATCHED,) if len(seeds) == 1 else (),
    )

"""What is ablated in a cell, the top heads and as many random ones; the study's result document."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ablation.detection import QRHEAD
from ablation.detection.controls import (
    CONTROL_SEED,
    LAYER_MATCHED,
    UNIFORM,
    ControlDraw,
    check_levels,
    control_draws,
    control_heads,
    excluded,
    matched_draws,
    require_controls,
)
from ablation.detection.ranking import HeadRanking
from ablation.errors import InvalidInput, TooFewHeads
from ablation.heads import Head, HeadGrid
from experiments.cells.cell import Cell
from experiments.cells.choices import AblationChoice, CellAblation
from experiments.cells.grading import Outcomes, condition_row, score
from experiments.cells.names import RANDOM, TOP, UNIFORM_LEVELS
from experiments.machine.provenance import merged

METHOD = "qrhead_ablation_incremental"

CONTROLS = (UNIFORM, LAYER_MATCHED)


@dataclass(frozen=True)
class Condition:
    """One set of ablated heads: ``kind`` is ``unablated``, ``top`` or ``random``."""

    kind: str
    heads: tuple[Head, ...] = ()


@dataclass(frozen=True)
class AblationPlan:
    """What is ablated in a cell.

    Attributes:
        levels: how many of the top heads, ascending.
        control_seed: the first seed of the random heads, and that of the study's file.
        controls: which kinds of control, of ``CONTROLS``.
        control_draws: how many whole layer-matched draws, and at ``UNIFORM_LEVELS`` as many
            uniform ones, with consecutive seeds; 19 allow p = 0.05 for the rank among them. With 1,
            every item has a layer-matched set of its own instead, which is about random sets in
            general.
        ablation: mode, scope and bias policy of the ablation.
        method: how the heads are detected, one of ``ablation.detection.METHODS``.
    """

    levels: tuple[int, ...]
    control_seed: int = CONTROL_SEED
    controls: tuple[str, ...] = CONTROLS
    control_draws: int = 1
    method: str = QRHEAD
    ablation: AblationChoice = AblationChoice()

    def further_draws(self) -> list[ControlDraw]:
        """The draws beside the uniform one in the study's file, layer-matched ones first.

        Raises:
            InvalidInput: less than one draw is asked for.
        """
        matched = matched_draws(self.control_draws, self.control_seed)
        uniform = control_draws(UNIFORM, self.control_draws, self.control_seed)[1:]
        return [draw for draw in (*matched, *uniform) if draw.kind in self.controls]

    def levels_of(self, draw: ControlDraw) -> tuple[int, ...]:
        """The levels at which a further draw is taken: a uniform one at some, if it can be."""
        if draw.kind == UNIFORM:
            some = tuple(level for level in self.levels if level in UNIFORM_LEVELS)
            return some or self.levels
        return self.levels


def check_plan(plan: AblationPlan, grid: HeadGrid) -> None:
    """Refuses what cannot be ablated in a model of this size, before anything is computed.

    Raises:
        InvalidInput: impossible levels, or too few heads left for a control.
    """
    levels = check_levels(plan.levels, grid)
    if plan.further_draws():
        try:
            require_controls(levels[-1], grid)
        except TooFewHeads as error:
            raise InvalidInput(f"{error}; or fewer --levels, or --skip-random") from None


def conditions(plan: AblationPlan, ranking: HeadRanking) -> list[Condition]:
    """The unablated model, the top heads of every level, and as many random ones.

    Raises:
        InvalidInput: impossible levels, or too few heads left for a control.
    """
    levels = check_levels(plan.levels, ranking.grid)
    tested = [Condition("unablated"), *(Condition("top", ranking.top(n)) for n in levels)]
    if UNIFORM not in plan.controls:
        return tested
    return tested + [
        Condition("random", control_heads(ranking.grid, excluded(ranking, n), n, plan.control_seed))
        for n in levels
    ]


def ablation_document(
    cell: Cell,
    todo: Sequence[Condition],
    found: Sequence[Outcomes],
    plan: AblationPlan,
    ablation: CellAblation,
    source: str,
) -> dict[str, Any]:
    """The document of the cell's ablation file.

    Args:
        cell: model and prompts.
        todo: the conditions, the unablated model first.
        found: what each of them gave.
        plan: what is ablated.
        ablation: how, in this cell.
        source: where the ranking is from.
    """
    unablated = score(found[0].items)
    by_kind: dict[str, list[dict[str, Any]]] = {"top": [], "random": []}
    for condition, outcomes in zip(todo[1:], found[1:], strict=True):
        row = condition_row(condition.heads, outcomes.items)
        drop = unablated["accuracy"] - row["accuracy"]
        by_kind[condition.kind].append({**row, "accuracy_drop": drop})
    provenance = merged(outcomes.provenance for outcomes in found)
    return {
        "method": METHOD,
        **cell.header(),
        "test_samples": len(cell.test),
        "ablation_levels": list(plan.levels),
        "heads_source": source,
        "timestamp": provenance["time"],
        "baseline": unablated,
        TOP: by_kind["top"],
        RANDOM: by_kind["random"],
        "ablation": {**ablation.description, "control_seed": plan.control_seed},
        "inputs": cell.inputs(),
        "provenance": provenance,
    }

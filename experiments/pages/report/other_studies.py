"""What other studies had answered in a cell: heads of other methods, other ways of ablating.

Of these the report shows what there is, and does not miss what there is not: a run computes them
in some cells, and at one level.
"""

from collections.abc import Iterator, Mapping

from ablation.detection.controls import matched_draws
from ablation.detection.ranking import HeadRanking
from ablation.errors import HeadclaimsError, ResultsError
from experiments.cells.cell import Cell
from experiments.cells.choices import MODES, SCOPES, AblationChoice
from experiments.cells.conditions import run_conditions
from experiments.cells.controls import drawn
from experiments.cells.grading import Outcomes
from experiments.cells.plan import AblationPlan
from experiments.pages.report.cells import Condition
from experiments.store import Store

BY_METHOD, BY_MODE = "method", "mode"
"""Kinds of their conditions."""

BEHIND = {"A7": BY_METHOD, "A1": BY_MODE}
"""Claim -> the kind of those behind its evidence, or behind its details."""


def of_methods(
    cell: Cell, rankings: Mapping[str, HeadRanking], plan: AblationPlan, store: Store
) -> dict[Condition, Outcomes]:
    """The answers with the top heads of other methods ablated, and with their controls.

    Args:
        cell: model and prompts.
        rankings: method, by name -> the heads of the cell by it.
        plan: of the cell's own method.
        store: computes nothing.

    Raises:
        ResultsError: a stored result cannot be read.
    """
    asked = []
    for name, ranking in rankings.items():
        for level in (level for level in plan.levels if level <= len(ranking.found)):
            top = Condition(BY_METHOD, level, "", ranking.top(level), f"{name} top {level}")
            asked += [top, *_controls(cell, ranking, top, plan, f" for {name}")]
    return _found(cell, asked, plan.ablation, store)


def of_modes(
    cell: Cell, ranking: HeadRanking, plan: AblationPlan, store: Store
) -> dict[Condition, Outcomes]:
    """The answers with the most top heads of ``plan`` ablated in all other modes and scopes.

    Raises:
        ResultsError: a stored result cannot be read.
    """
    level = plan.levels[-1]
    found: dict[Condition, Outcomes] = {}
    for mode in MODES:
        for scope in SCOPES:
            if (mode, scope) == (plan.ablation.mode, plan.ablation.scope):
                continue
            how = f"{mode}, scope {scope}"
            top = Condition(BY_MODE, level, "", ranking.top(level), f"top {level}, {how}")
            asked = [top, *_controls(cell, ranking, top, plan, f", {how}")]
            found |= _found(cell, asked, AblationChoice(mode, scope), store)
    return found


def _controls(
    cell: Cell, ranking: HeadRanking, top: Condition, plan: AblationPlan, how: str
) -> Iterator[Condition]:
    for draw in matched_draws(plan.control_draws, plan.control_seed):
        try:
            heads = drawn(cell, ranking, top.level, draw)
        except HeadclaimsError:  # too few heads are left: then nothing was computed
            return
        told = "own heads for each item" if draw.by_item else f"seed {draw.seed}"
        title = f"layer-matched random {top.level}{how}, {told}"
        yield Condition(top.kind, top.level, told, heads, title)


def _found(
    cell: Cell, asked: list[Condition], ablation: AblationChoice, store: Store
) -> dict[Condition, Outcomes]:
    try:
        how = ablation.of(cell)
    except ResultsError:
        raise
    except HeadclaimsError:  # refused in this cell: then nothing was computed
        return {}
    found = run_conditions(cell, [one.heads for one in asked], how, store, wait=False)
    return {one: given for one, given in zip(asked, found, strict=True) if given is not None}

"""What other studies had answered in a cell: heads of other methods, other ways of ablating.

Of these the report shows what there is, and does not miss what there is not: a run computes them
in some cells, and at one level. Controls that all methods share are not among them, nor heads by
the rows of QRHead's public code.
"""

from collections.abc import Mapping, Sequence

from ablation.detection.controls import ControlDraw, matched_draws
from ablation.detection.ranking import HeadRanking
from ablation.errors import HeadclaimsError, ResultsError
from experiments.cells.cell import Cell
from experiments.cells.choices import MODES, SCOPES, AblationChoice, CellAblation
from experiments.cells.conditions import Heads, run_conditions
from experiments.cells.controls import drawn
from experiments.cells.grading import Outcomes
from experiments.cells.plan import AblationPlan
from experiments.pages.report.cells import Condition, draw_in_words
from experiments.store import Store

BY_METHOD, BY_MODE = "method", "mode"
"""Kinds of their conditions."""

BEHIND = {
    "A7": (BY_METHOD, "the heads of other methods"),
    "A1": (BY_MODE, "the top heads in other modes and scopes"),
}
"""Claim -> the kind of those behind its evidence, or behind its details; and what is ablated."""


def of_methods(
    cell: Cell, rankings: Mapping[str, HeadRanking], plan: AblationPlan, store: Store
) -> dict[Condition, Outcomes]:
    """The answers with the top heads of other methods ablated, and with layer-matched controls.

    Args:
        cell: model and prompts.
        rankings: method, by name -> the heads of the cell by it.
        plan: of the cell's own method.
        store: computes nothing.

    Raises:
        ResultsError: a stored result cannot be read.
    """
    how, draws = plan.ablation.of(cell), matched_draws(plan.control_draws, plan.control_seed)
    found: dict[Condition, Outcomes] = {}
    for name, ranking in rankings.items():
        for level in (level for level in plan.levels if level <= len(ranking.found)):
            top = Condition(BY_METHOD, level, "", ranking.top(level), f"{name} top {level}")
            controls = _controls(cell, ranking, level, draws)
            found |= _found(cell, top, controls, f" for {name}", how, store)
    return found


def of_modes(
    cell: Cell, ranking: HeadRanking, plan: AblationPlan, store: Store
) -> dict[Condition, Outcomes]:
    """The answers with the most top heads of ``plan`` ablated in all other modes and scopes.

    Their controls are sets of heads for each item, however many draws the claims have.

    Raises:
        ResultsError: a stored result cannot be read.
    """
    level = plan.levels[-1]
    controls = _controls(cell, ranking, level, matched_draws(1, plan.control_seed))
    found: dict[Condition, Outcomes] = {}
    for mode in MODES:
        for scope in SCOPES:
            if (mode, scope) == (plan.ablation.mode, plan.ablation.scope):
                continue
            try:
                how = AblationChoice(mode, scope).of(cell)
            except ResultsError:
                raise
            except HeadclaimsError:  # refused in this cell: then nothing was computed
                continue
            named = f", {mode}, scope {scope}"
            top = Condition(BY_MODE, level, "", ranking.top(level), f"top {level}{named}")
            found |= _found(cell, top, controls, named, how, store)
    return found


def _controls(
    cell: Cell, ranking: HeadRanking, level: int, draws: Sequence[ControlDraw]
) -> dict[str, Heads]:
    """Draw, in words -> its heads; none where too few heads are left."""
    try:
        return {draw_in_words(draw): drawn(cell, ranking, level, draw) for draw in draws}
    except HeadclaimsError:
        return {}


def _found(
    cell: Cell,
    top: Condition,
    controls: Mapping[str, Heads],
    named: str,
    how: CellAblation,
    store: Store,
) -> dict[Condition, Outcomes]:
    """What there is of a condition and its controls."""
    found = run_conditions(cell, [top.heads], how, store, wait=False)
    if None in found:
        return {}
    beside = [
        Condition(
            top.kind, top.level, draw, heads, f"layer-matched random {top.level}{named}, {draw}"
        )
        for draw, heads in controls.items()
    ]
    found += run_conditions(cell, [one.heads for one in beside], how, store, wait=False)
    return {
        one: given for one, given in zip([top, *beside], found, strict=True) if given is not None
    }

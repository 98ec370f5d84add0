"""What other studies had answered in a cell: heads of other methods, other ways of ablating.

Of these the report shows what there is, and does not miss what there is not: a run computes them
in some cells, and at one level.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from ablation.detection import QRHEAD_CHAT
from ablation.detection.controls import ControlDraw, control_heads, matched_draws
from ablation.detection.ranking import HeadRanking
from ablation.errors import HeadclaimsError, InvalidInput, ResultsError
from experiments.cells.cell import Cell
from experiments.cells.choices import MODES, SCOPES, AblationChoice, CellAblation
from experiments.cells.conditions import Heads, run_conditions
from experiments.cells.controls import drawn
from experiments.cells.detection import detected
from experiments.cells.grading import Outcomes
from experiments.cells.plan import AblationPlan
from experiments.methods.comparison import anyones_top
from experiments.pages.report.cells import Condition, draw_in_words
from experiments.store import Store

BY_METHOD, BY_MODE, BY_ROWS = "method", "mode", "rows"
"""Kinds of their conditions."""

BEHIND = {
    "A7": (BY_METHOD, "the heads of other methods, or random heads that are the top of none"),
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


def of_no_method(
    cell: Cell, rankings: Mapping[str, HeadRanking], plan: AblationPlan, store: Store
) -> dict[Condition, Outcomes]:
    """The answers with random heads ablated that are the top of no method: their shared control.

    Args:
        cell: model and prompts.
        rankings: method, by name -> the heads of the cell by it, the plan's own method among them.
        plan: of that.
        store: computes nothing.

    Raises:
        ResultsError: a stored result cannot be read.
    """
    asked = []
    for level in plan.levels:
        if any(level > len(ranking.found) for ranking in rankings.values()):
            continue
        kept_out = anyones_top(rankings.values(), level)
        for seed in range(plan.control_seed, plan.control_seed + plan.control_draws):
            with suppress(InvalidInput):  # too few heads are left
                heads = control_heads(cell.model.grid, kept_out, level, seed)
                named = f"shared random {level}, seed {seed}"
                asked.append(Condition(BY_METHOD, level, "", heads, named))
    return _stored(cell, asked, plan.ablation.of(cell), store)


def by_public_rows(cell: Cell, plan: AblationPlan, store: Store) -> dict[Condition, Outcomes]:
    """The answers without the heads that QRHead finds by the rows of its public code.

    Raises:
        ResultsError: a stored result cannot be read.
    """
    try:
        scored = detected(cell, [QRHEAD_CHAT], store, wait=False)
        if scored is None:
            return {}
        ranking = scored[0].ranking
    except ResultsError:
        raise
    except HeadclaimsError:  # no head is found
        return {}
    found: dict[Condition, Outcomes] = {}
    named = " by the public rows"
    for level in plan.levels:
        if level <= len(ranking.found):
            top = Condition(BY_ROWS, level, "", ranking.top(level), f"top {level}{named}")
            controls = _controls(cell, ranking, level, matched_draws(1, plan.control_seed))
            found |= _found(cell, top, controls, named, plan.ablation.of(cell), store)
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
    found = _stored(cell, [top], how, store)
    if not found:
        return {}
    beside = [
        Condition(
            top.kind, top.level, draw, heads, f"layer-matched random {top.level}{named}, {draw}"
        )
        for draw, heads in controls.items()
    ]
    return found | _stored(cell, beside, how, store)


def _stored(
    cell: Cell, asked: Sequence[Condition], how: CellAblation, store: Store
) -> dict[Condition, Outcomes]:
    given = run_conditions(cell, [one.heads for one in asked], how, store, wait=False)
    return {one: it for one, it in zip(asked, given, strict=True) if it is not None}

"""The evidence of a gap: accuracy lost with some heads beyond that with others, and how sure.

Cells are pooled as in the studies, unweighted. The filings of one company are one cluster, in all
cells that ask about them. Cells whose unablated accuracy is below the declared floor have little
left to lose and are left out, if others remain.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from ablation.detection.controls import LAYER_MATCHED, SHARED, UNIFORM
from ablation.stats.gap import Survival, draws_p, gap_interval, gap_p
from ablation.stats.proportions import mcnemar
from experiments.cells.outcomes import CellOutcomes, control_answers, survival, without_folds
from experiments.judging.verdict import FLOOR, Evidence

ENOUGH_DRAWS = 19
"""Control draws from which on their own p-value can reach 0.05; below, p is about the draws at
hand."""

DESCRIBED = {LAYER_MATCHED: "layer-matched", UNIFORM: "uniform", SHARED: "shared"}


def gap_evidence(
    cells: Sequence[CellOutcomes], level: int, kind: str = LAYER_MATCHED, noise: float = 0.0
) -> Evidence:
    """A1: accuracy lost with the top heads beyond that with control heads, at one level."""
    cells = above_floor(cells)
    table = survival(
        cells, [cell.top[level] for cell in cells], control_answers(cells, kind, level)
    )
    p, draws = gap_p(table), len(table.controls)
    if draws >= ENOUGH_DRAWS:
        p = max(p, draws_p(table))
    found = (table.top, table.controls.mean(axis=0))
    top, control = (100 * correct.sum() / table.totals.sum() for correct in found)
    note = f"correct: top {top:.1f}%, {DESCRIBED[kind]} control {control:.1f}%"
    return with_draws(pooled_evidence(cells, table, p, noise, note), cells, kind, draws)


def cell_gap_evidence(cell: CellOutcomes, level: int, noise: float = 0.0) -> Evidence:
    """A1 in a single cell, with what the top heads alone do to its answers (McNemar, exact)."""
    evidence = gap_evidence([cell], level, noise=noise)
    pairs = [(cell.unablated[filing], right) for filing, right in cell.top[level].items()]
    lost, won = (pairs.count(pair) for pair in ((True, False), (False, True)))
    note = f"top heads: {lost} lost, {won} won, p = {mcnemar(lost, won):.2g} (McNemar)"
    return replace(evidence, note=f"{note}; {evidence.note}")


def above_floor(cells: Sequence[CellOutcomes]) -> Sequence[CellOutcomes]:
    """The cells with something to lose, folds of one question as one; all of them if none has."""
    cells = without_folds(cells)
    return [cell for cell in cells if cell.accuracy >= FLOOR] or cells


def with_draws(
    evidence: Evidence, cells: Sequence[CellOutcomes], kind: str, draws: int
) -> Evidence:
    """Shows beside n which draws of control heads it is about: a single one speaks for itself."""
    if all(kind in cell.own_sets for cell in cells):
        drawn = "a control set an item"
    else:
        drawn = f"{draws} draw{'' if draws == 1 else 's'}"
    return replace(evidence, units=f"{evidence.units}, {drawn}")


def pooled_evidence(
    cells: Sequence[CellOutcomes], table: Survival, p: float | None, noise: float, note: str
) -> Evidence:
    return Evidence(
        table.gap,
        gap_interval(table),
        table.totals.shape[1],
        "companies",
        p=p,
        unablated=fmean(cell.accuracy for cell in cells),
        noise=noise,
        note=f"{note}; {len(cells)} cell(s), {int(table.totals.sum())} answers each condition",
    )

"""The evidence on claims A1 to A3: what the outcomes of cells say, and how sure.

Cells are pooled as in the study, unweighted. The filings of one company are one cluster, in all
cells that ask about them. Cells whose unablated accuracy is below the declared floor have little
left to lose and are left out, if others remain.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from ablation.controls import LAYER_MATCHED, SHARED, UNIFORM
from ablation.stats import (
    Interval,
    Survival,
    draws_p,
    gap_interval,
    gap_p,
    mcnemar,
    tost,
)
from experiments.claims import CLAIMS, LEVELS
from experiments.judging.verdict import FLOOR, Evidence
from experiments.qrhead.outcomes import Answers, CellOutcomes, control_answers, survival

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
    return _with_draws(_evidence(cells, table, p, noise, note), draws)


def cell_gap_evidence(cell: CellOutcomes, level: int, noise: float = 0.0) -> Evidence:
    """A1 in a single cell, with what the top heads alone do to its answers (McNemar, exact)."""
    evidence = gap_evidence([cell], level, noise=noise)
    pairs = [(cell.unablated[filing], right) for filing, right in cell.top[level].items()]
    lost, won = (pairs.count(pair) for pair in ((True, False), (False, True)))
    note = f"top heads: {lost} lost, {won} won, p = {mcnemar(lost, won):.2g} (McNemar)"
    return replace(evidence, note=f"{note}; {evidence.note}")


def growth_evidence(cells: Sequence[CellOutcomes], noise: float = 0.0) -> Evidence:
    """A2: accuracy lost at the highest level beyond that at the lowest."""
    cells = above_floor(cells)
    lowest, highest = ([cell.top[level] for cell in cells] for level in (LEVELS[0], LEVELS[-1]))
    table = survival(cells, highest, [lowest])
    drops = [
        survival(cells, [cell.top[level] for cell in cells], [_unablated(cells)]).gap
        for level in LEVELS
    ]
    return _evidence(cells, table, gap_p(table), noise, f"points lost {_points(drops)}")


def harm_evidence(
    cells: Sequence[CellOutcomes], kind: str = LAYER_MATCHED, noise: float = 0.0
) -> Evidence:
    """A3: accuracy lost with as many control heads as the highest level; p by TOST.

    The margin of the equivalence test is the claim's threshold; its units are companies.
    """
    cells = above_floor(cells)
    # Compared with themselves unablated the controls' gap is minus their drop.
    by_level = {
        level: survival(cells, _unablated(cells), control_answers(cells, kind, level))
        for level in LEVELS
    }
    table = by_level[LEVELS[-1]]
    margin = CLAIMS["A3"].criterion().threshold
    note = (
        f"TOST with a margin of {100 * margin:.1f} points; {DESCRIBED[kind]} control, points lost "
        f"{_points([-found.gap for found in by_level.values()])}"
    )
    evidence = _evidence(cells, table, _equivalence_p(table, margin), noise, note)
    evidence = _with_draws(evidence, len(table.controls))
    interval = evidence.interval
    return replace(
        evidence,
        estimate=-evidence.estimate,
        interval=interval and Interval(-interval.high, -interval.low),
    )


def above_floor(cells: Sequence[CellOutcomes]) -> Sequence[CellOutcomes]:
    """The cells with something to lose; all of them if none has."""
    return [cell for cell in cells if cell.accuracy >= FLOOR] or cells


def _with_draws(evidence: Evidence, draws: int) -> Evidence:
    """Shows beside n how many draws of control heads it is about: one speaks for itself only."""
    plural = "" if draws == 1 else "s"
    return replace(evidence, units=f"{evidence.units}, {draws} draw{plural}")


def _equivalence_p(table: Survival, margin: float) -> float | None:
    # As many as companies, with the drop as their mean, so that cells count alike here, too.
    drops = -table.scores * table.scores.size
    return tost(drops, margin).p if len(drops) > 1 else None


def _evidence(
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


def _unablated(cells: Sequence[CellOutcomes]) -> list[Answers]:
    return [cell.unablated for cell in cells]


def _points(fractions: Sequence[float]) -> str:
    levels = zip(LEVELS, fractions, strict=True)
    return ", ".join(f"{100 * fraction:.1f} at {level}" for level, fraction in levels)

"""The evidence on claims A2 and A3; that on A1 is a gap (``experiments.cells.gap``)."""

from collections.abc import Sequence
from dataclasses import replace

from ablation.detection.controls import LAYER_MATCHED
from ablation.stats.equivalence import tost
from ablation.stats.gap import Survival, gap_p
from ablation.stats.interval import Interval
from experiments.cells.gap import DESCRIBED, above_floor, pooled_evidence, with_draws
from experiments.cells.outcomes import Answers, CellOutcomes, control_answers, survival
from experiments.claims import CLAIMS, LEVELS
from experiments.judging.verdict import Evidence


def growth_evidence(cells: Sequence[CellOutcomes], noise: float = 0.0) -> Evidence:
    """A2: accuracy lost at the highest level beyond that at the lowest."""
    cells = above_floor(cells)
    lowest, highest = ([cell.top[level] for cell in cells] for level in (LEVELS[0], LEVELS[-1]))
    table = survival(cells, highest, [lowest])
    drops = [
        survival(cells, [cell.top[level] for cell in cells], [_unablated(cells)]).gap
        for level in LEVELS
    ]
    return pooled_evidence(cells, table, gap_p(table), noise, f"points lost {_points(drops)}")


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
    draws = {len(found.controls) for found in by_level.values()}
    few = "" if len(draws) == 1 else f", of {min(draws)} to {max(draws)} draws"
    note = (
        f"TOST with a margin of {100 * margin:.1f} points; {DESCRIBED[kind]} control, points lost "
        f"{_points([-found.gap for found in by_level.values()])}{few}"
    )
    evidence = pooled_evidence(cells, table, _equivalence_p(table, margin), noise, note)
    evidence = with_draws(evidence, cells, kind, len(table.controls))
    interval = evidence.interval
    return replace(
        evidence,
        estimate=-evidence.estimate,
        interval=interval and Interval(-interval.high, -interval.low),
    )


def _equivalence_p(table: Survival, margin: float) -> float | None:
    # As many as companies, with the drop as their mean, so that cells count alike here, too.
    drops = -table.scores * table.scores.size
    return tost(drops, margin).p if len(drops) > 1 else None


def _unablated(cells: Sequence[CellOutcomes]) -> list[Answers]:
    return [cell.unablated for cell in cells]


def _points(fractions: Sequence[float]) -> str:
    levels = zip(LEVELS, fractions, strict=True)
    return ", ".join(f"{100 * fraction:.1f} at {level}" for level, fraction in levels)

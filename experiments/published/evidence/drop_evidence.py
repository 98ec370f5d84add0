"""Claims A1 to A4 from the study's cells: what its heads cost, and whether its table says so."""

from collections.abc import Sequence

import numpy as np

from ablation.stats.equivalence import tost
from experiments.claims import CLAIMS
from experiments.judging.verdict import FLOOR, Evidence
from experiments.published.evidence.cell_statistics import above_floor, cell_evidence, sign_flip_p
from experiments.published.evidence.control_draw import SMALLEST_P
from experiments.published.sources.llama3 import RANDOM, TOP, Cell, Study, drops, gaps

MARGIN = CLAIMS["A3"].criterion().threshold
"""A3: what counts as no harm, the study's own figure at 50 heads."""


def gap_evidence(cells: Sequence[Cell], level: int) -> Evidence:
    """A1: the drop of the top heads beyond that of the control.

    p is of a sign flip over cells, conditional on the one control draw of the study. The test
    that would speak of random heads in general ranks the tested heads among draws; with one draw
    its p is 1/2 at best.
    """
    used = above_floor(cells)
    values = gaps(used, level)
    return cell_evidence(
        used,
        values,
        sign_flip_p(values),
        [f"one control draw: among draws p ≥ {SMALLEST_P:g}", *_left_out(cells, used)],
    )


def growth_evidence(cells: Sequence[Cell], lowest: int, highest: int) -> Evidence:
    """A2: the drop at the highest level beyond that at the lowest."""
    used = above_floor(cells)
    values = drops(used, TOP, highest) - drops(used, TOP, lowest)
    return cell_evidence(used, values, sign_flip_p(values), _left_out(cells, used))


def harmless_evidence(cells: Sequence[Cell], level: int) -> Evidence:
    """A3: the drop of the control heads; p of an equivalence test with margin ``MARGIN``."""
    used = above_floor(cells)
    values = drops(used, RANDOM, level)
    notes = [f"equivalence to 0 within {100 * MARGIN:.1f} points", *_left_out(cells, used)]
    return cell_evidence(used, values, tost(values, MARGIN).p, notes)


def table_evidence(study: Study, cells: Sequence[Cell], kind: str) -> Evidence:
    """A4: the largest difference between a row of the table and the mean drops of the files."""
    differences = {level: table_difference(study, cells, kind, level) for level in study.levels}
    table = ", ".join(f"{100 * study.table[kind][level]:.1f}" for level in study.levels)
    files = ", ".join(f"{percent:.1f}" for percent in percents(study, cells, kind))
    agreeing = [str(level) for level in study.levels if agrees(study, cells, kind, level)]
    return Evidence.exact(
        max(differences.values()),
        len(cells),
        "cells",
        f"table {table}; files {files}; the same to the printed digit at "
        f"{', '.join(agreeing) or 'no level'}",
    )


def table_difference(study: Study, cells: Sequence[Cell], kind: str, level: int) -> float:
    """|printed drop − mean drop of the cells|, a fraction."""
    return abs(study.table[kind][level] - float(drops(cells, kind, level).mean()))


def percents(study: Study, cells: Sequence[Cell], kind: str) -> list[float]:
    """The mean drop at each level in percent, rounded as the study's table is."""
    return [round(100 * float(drops(cells, kind, level).mean()), 1) for level in study.levels]


def agrees(study: Study, cells: Sequence[Cell], kind: str, level: int) -> bool:
    """Whether the mean drop of the cells is the printed one to its last digit."""
    found = dict(zip(study.levels, percents(study, cells, kind), strict=True))[level]
    return bool(np.isclose(found, 100 * study.table[kind][level]))


def _left_out(cells: Sequence[Cell], used: Sequence[Cell]) -> list[str]:
    count = len(cells) - len(used)
    return [f"{count} cells under the floor of {FLOOR} left out"] if count else []

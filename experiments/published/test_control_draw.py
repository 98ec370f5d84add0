"""What the study's single, nested control draw can support, and what it cannot."""

from functools import cache
from itertools import pairwise

import pytest
import scipy

from ablation.detection.controls import CONTROL_SEED, EXCLUDED_TOP
from ablation.stats.monte_carlo import monte_carlo_p
from experiments.claims import LEVELS
from experiments.published.evidence.control_draw import (
    SMALLEST_P,
    by_octet,
    control_overlap,
    is_the_seeded_draw,
    middle_share,
)
from experiments.published.sources.llama3 import LLAMA3, METHODS, STUDY_METHOD, gaps, llama3_study

pytestmark = pytest.mark.published(LLAMA3)

STUDY = llama3_study()
CELLS = STUDY.cells[STUDY_METHOD]


@cache
def seeded(method, levels):
    """Cell by cell, level by level: whether the control is the seeded draw of that size."""
    return [
        [is_the_seeded_draw(cell, STUDY.grid, level) for level in levels]
        for cell in STUDY.cells[method]
    ]


def test_every_control_of_every_level_is_one_seeded_draw():
    assert seeded(STUDY_METHOD, LEVELS) == [[True] * 6] * 32


@pytest.mark.parametrize("method", METHODS[1:], ids=["wu24", "summed"])
def test_the_other_rankings_have_the_same_seeded_draw(method):
    assert seeded(method, LEVELS[-1:]) == [[True]] * 32


def test_the_draws_of_neighbouring_levels_are_nested():
    # Of each cell the largest draw is kept; the smaller ones are its first heads. So two levels
    # are nested where both are the seeded draw of their size.
    levels = [pair for cell in seeded(STUDY_METHOD, LEVELS) for pair in pairwise(cell)]
    assert [few and many for few, many in levels] == [True] * 160


def test_the_controls_of_the_cells_share_half_of_their_heads():
    found = control_overlap(STUDY, CELLS)
    assert found.mean == pytest.approx(23.5, abs=0.05)
    assert (found.fewest, found.most) == (14, 44)
    assert found.expected == pytest.approx(2.50, abs=0.005)
    assert found.distinct == 266
    assert found.expected_distinct == pytest.approx(809, abs=0.5)


def test_the_studys_seed_and_exclusion_are_ours():
    assert CONTROL_SEED == 42
    assert {len(cell.top_heads) for cell in CELLS} == {EXCLUDED_TOP}


def test_even_the_least_overlap_is_no_chance_of_independent_draws():
    candidates = len(STUDY.grid) - EXCLUDED_TOP
    assert (len(STUDY.grid), candidates) == (1024, 974)
    shared = scipy.stats.hypergeom(candidates, 50, 50)
    assert shared.mean() == pytest.approx(2.57, abs=0.005)
    assert shared.sf(13) < 1e-6


@pytest.mark.parametrize("level", LEVELS)
def test_one_draw_allows_no_p_below_one_half(level):
    assert monte_carlo_p(gaps(CELLS, level).mean(), [0.0]) == SMALLEST_P == 0.5


def test_the_control_is_not_layer_matched():
    tested = [cell.top_heads for cell in CELLS]
    control = [cell.control_heads for cell in CELLS]
    assert by_octet(tested, STUDY.grid) == [0, 23, 409, 519, 429, 145, 53, 22]
    assert by_octet(control, STUDY.grid) == [352, 320, 128, 128, 96, 253, 259, 64]
    assert middle_share(tested) == pytest.approx(0.85, abs=0.005)
    assert middle_share(control) == pytest.approx(0.22, abs=0.005)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_no_cell_has_a_layer_matched_control(cell):
    # By chance a control has 12/32 of its heads in these layers; matched, as many as the top.
    assert middle_share([cell.top_heads]) > 2 * middle_share([cell.control_heads])

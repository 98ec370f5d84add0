"""The loaders of the studies' figures, and what a printed figure may have been."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ablation.errors import InvalidInput
from ablation.heads import Head, jaccard
from ablation.stats.interval import Interval
from ablation.stats.mean import mean_interval, student_interval
from experiments.claims import CLAIMS
from experiments.judging.verdict import FLOOR, Verdict, judge
from experiments.published.evidence.cell_statistics import (
    above_floor,
    cell_evidence,
    sign_flip_p,
)
from experiments.published.evidence.drop_evidence import gap_evidence
from experiments.published.sources.gpt2 import experiment_10
from experiments.published.sources.groups import AXES, GROUPS, group
from experiments.published.sources.llama3 import (
    KINDS,
    METHODS,
    RANDOM,
    TOP,
    drops,
    gaps,
    llama3_study,
    valid,
)
from experiments.published.sources.rounding import bounds, compatible, quotient, ratio, total

STUDY = llama3_study()
CELL = STUDY.cells[METHODS[0]][0]


def test_every_method_has_every_cell_once():
    for method in METHODS:
        cells = STUDY.cells[method]
        assert len({tuple(getattr(cell, axis) for axis in AXES) for cell in cells}) == 32
        for cell in cells:
            assert all(tuple(cell.correct[kind]) == STUDY.levels for kind in KINDS)
            assert STUDY.grid.check(cell.top_heads + cell.control_heads)
            assert len(cell.top_heads) == len(cell.control_heads) == max(STUDY.levels)


def test_a_drop_is_the_share_of_answers_lost():
    assert str(CELL) == "instruct, inc_state, 2048 tokens"
    assert CELL.unablated_accuracy == 32 / 33
    assert CELL.drop(TOP, 5) == 5 / 33
    assert drops([CELL], TOP, 5) == pytest.approx([5 / 33])
    assert gaps([CELL], 5) == pytest.approx([5 / 33 - CELL.drop(RANDOM, 5)])


def test_a_count_above_the_total_is_refused():
    with pytest.raises(InvalidInput, match="instruct, inc_state, 2048 tokens: counts from 0 to"):
        replace(CELL, unablated=34)


def test_a_head_listed_twice_is_refused():
    with pytest.raises(InvalidInput, match="a head is listed twice: list every head once"):
        replace(CELL, top_heads=(Head(1, 2), Head(1, 2)))


def test_the_groups_part_the_cells_three_times():
    sizes = {name: len(group(STUDY.cells[METHODS[0]], name)) for name in GROUPS}
    assert sum(sizes.values()) == 3 * 32
    assert set(sizes.values()) == {16, 8}


def test_cells_under_the_floor_are_left_out_and_counted():
    cells = STUDY.cells[METHODS[0]]
    below = replace(CELL, unablated=math.floor(FLOOR * CELL.total), correct={})
    assert above_floor([*cells, below]) == cells
    found = gap_evidence([*cells, below], 5)
    assert (found.n, found.estimate) == (32, gap_evidence(cells, 5).estimate)
    assert f"1 cells under the floor of {FLOOR} left out" in found.note


def test_a_mean_of_few_units_has_students_interval():
    values = np.array([1.0, 2.0, 3.0, 4.0])
    # t(0.975, 3) = 3.182446, sd/√n = 0.645497
    expected = Interval(2.5 - 2.054257, 2.5 + 2.054257)
    assert student_interval(values) == pytest.approx(expected, abs=1e-5)
    assert mean_interval(values) == student_interval(values)


def test_equal_values_have_a_point_as_interval():
    assert mean_interval(np.full(12, 0.25)) == Interval(0.25, 0.25)


def test_a_bootstrap_interval_holds_the_mean_and_is_repeatable():
    values = drops(STUDY.cells[METHODS[0]], TOP, 50)
    low, high = mean_interval(values)
    assert low < values.mean() < high
    assert mean_interval(values) == (low, high)


def test_signs_flip_in_every_way_where_these_are_few():
    # Of 16 ways to sign 1, 2, 3, 4, two have a sum as far from 0 as 10.
    assert sign_flip_p(np.array([1.0, 2.0, 3.0, 4.0])) == 2 / 16


def test_cells_that_agree_do_not_show_that_others_would():
    cells = [cell for cell in STUDY.cells[METHODS[0]] if cell.tokens == 2048][:4]
    found = cell_evidence(cells, np.zeros(4), None)
    # One imagined cell that differs by one answer of its 36.
    reach = 3.182446 * (1 / 36**2 / 3 / 4) ** 0.5
    assert found.interval == pytest.approx((-reach, reach), rel=1e-5)


def test_cells_of_lengths_that_were_ranked_without_the_models_attention_are_inconsistent():
    cells = STUDY.cells[METHODS[0]]
    assert not gap_evidence(valid(cells), 5).invalid
    assert len(valid(cells)) == 8
    criterion = CLAIMS["A1"].criterion("50")
    assert judge(criterion, gap_evidence(valid(cells), 50)) is Verdict.REPRODUCED
    assert judge(criterion, gap_evidence(cells, 50)) is Verdict.INCONSISTENT


def test_evidence_says_what_limits_it():
    cells = STUDY.cells[METHODS[0]]
    found = cell_evidence(cells, drops(cells, TOP, 5), None)
    assert found.note.startswith("cells share filings, so the interval is too narrow")
    assert found.unablated == pytest.approx(np.mean([c.unablated / c.total for c in cells]))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("L0H1 L0H2", "L0H2 L0H3", 1 / 3),
        ("L0H1", "L0H1", 1.0),
        ("L0H1", "L1H0", 0.0),
        ("L0H1", "", 0.0),
        ("", "", 1.0),
    ],
)
def test_jaccard_is_the_shared_part(first, second, expected):
    parsed = [[Head.parse(name) for name in names.split()] for names in (first, second)]
    assert jaccard(*parsed) == expected


@pytest.mark.parametrize(
    ("printed", "half"), [(24.27, 0.005), (0.0108, 0.00005), (9064.9, 0.05), (-0.0034, 0.00005)]
)
def test_a_printed_figure_may_be_half_a_digit_off(printed, half):
    assert bounds(printed) == pytest.approx(Interval(printed - half, printed + half))


def test_quotients_and_sums_of_printed_figures_have_bounds():
    assert quotient(Interval(1, 2), Interval(4, 5)) == Interval(0.2, 0.5)
    assert ratio(2.5, 0.5) == pytest.approx(Interval(2.45 / 0.55, 2.55 / 0.45))
    assert total([0.1, 0.2]) == pytest.approx(Interval(0.2, 0.4))
    assert compatible(Interval(0, 1), Interval(1, 2))
    assert not compatible(Interval(0, 1), Interval(1.5, 2))


def test_the_effects_of_the_printed_heads_are_in_order():
    figures = experiment_10()
    assert list(figures.deltas) == sorted(figures.deltas, reverse=True)
    assert len(figures.layer_means) == len(figures.layer_maxima) == figures.layers == 12

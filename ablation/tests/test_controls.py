import random

import pytest

from ablation.controls import check_levels, control_heads
from ablation.errors import InvalidInput
from ablation.heads import Head, HeadGrid

GRID = HeadGrid(30, 9)
TOP = tuple(GRID)[100:150]


def test_the_draw_is_the_studys():
    candidates = [head for head in GRID if head not in TOP]
    assert control_heads(GRID, TOP, 20) == tuple(random.Random(42).sample(candidates, 20))


@pytest.mark.parametrize("n", [1, 5, 50, 220])
def test_controls_are_disjoint_from_the_top_heads_and_reproducible(n):
    drawn = control_heads(GRID, TOP, n)
    assert len(set(drawn)) == n
    assert not set(drawn) & set(TOP)
    assert drawn == control_heads(GRID, TOP, n)
    assert n == 220 or drawn != control_heads(GRID, TOP, n, seed=43)


def test_too_few_heads_for_a_control_are_refused():
    with pytest.raises(InvalidInput, match="control of 50 random heads .* only 14 of the model's"):
        control_heads(HeadGrid(4, 16), tuple(HeadGrid(4, 16))[:50], 50)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ((), "at least one level"),
        ((0, 5), "level 0 is out of range: ablate from 1 to 270"),
        ((-3,), "level -3 is out of range"),
        ((5, 271), "level 271 is out of range"),
        ((10, 5), "levels must ascend without repeats, got 10,5: try 5,10"),
        ((5, 5), "levels must ascend without repeats"),
    ],
)
def test_impossible_levels_are_refused(levels, message):
    with pytest.raises(InvalidInput, match=message):
        check_levels(levels, GRID)


def test_a_grid_lists_layer_by_layer():
    assert list(HeadGrid(2, 2)) == [Head(0, 0), Head(0, 1), Head(1, 0), Head(1, 1)]
    assert len(GRID) == 270

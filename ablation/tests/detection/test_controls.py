import random
from collections import Counter

import pytest

from ablation.detection.controls import (
    LAYER_MATCHED,
    UNIFORM,
    ControlDraw,
    check_levels,
    control_draws,
    control_heads,
    displaced,
    layer_matched_heads,
    levels_with_controls,
    number_excluded,
    require_controls,
)
from ablation.errors import InvalidInput, TooFewHeads
from ablation.heads import Head, HeadGrid

GRID = HeadGrid.even(30, 9)
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
        control_heads(HeadGrid.even(4, 16), tuple(HeadGrid.even(4, 16))[:50], 50)


@pytest.mark.parametrize(
    ("layers", "heads", "level", "number"),
    [(30, 9, 5, 50), (10, 10, 50, 50), (2, 40, 5, 40), (4, 8, 1, 16), (4, 8, 20, 20)],
)
def test_the_better_half_of_a_few_heads_serves_as_no_control(layers, heads, level, number):
    assert number_excluded(HeadGrid.even(layers, heads), level) == number


def test_a_level_needs_as_many_other_heads():
    few = HeadGrid.even(2, 40)
    assert levels_with_controls((5, 40, 41, 50), few) == (5, 40)
    require_controls(40, few)
    with pytest.raises(TooFewHeads, match="41 ablated heads .* the model has 80 heads in all"):
        require_controls(41, few)
    kept_out = tuple(few)[: number_excluded(few, 40)]
    assert len(control_heads(few, kept_out, 40)) == 40


def by_layer(heads):
    return Counter(head.layer for head in heads)


@pytest.mark.parametrize("n", [1, 5, 20, 50])
@pytest.mark.parametrize("seed", range(5))
def test_a_layer_matched_control_has_as_many_other_heads_of_each_layer(n, seed):
    grid = HeadGrid.even(30, 32)
    ranked = random.Random(seed).sample(list(grid), 50)
    drawn = layer_matched_heads(grid, ranked[:n], ranked, seed)
    assert by_layer(drawn) == by_layer(ranked[:n])
    assert len(set(drawn)) == n
    assert not set(drawn) & set(ranked)
    assert displaced(ranked[:n], drawn) == 0
    assert drawn == layer_matched_heads(grid, ranked[:n], ranked, seed)


def test_draws_of_other_seeds_are_other_heads():
    tested = TOP[:20]
    draws = {layer_matched_heads(GRID, tested, TOP, seed) for seed in range(10)}
    assert len(draws) > 1


def test_every_head_of_a_layer_is_drawn_about_equally_often():
    grid, tested = HeadGrid.even(2, 9), [Head(1, 0), Head(1, 1)]
    drawn = Counter(
        head for seed in range(700) for head in layer_matched_heads(grid, tested, tested, seed)
    )
    assert set(drawn) == {Head(1, head) for head in range(2, 9)}
    # 200 expected each, of a binomial with a standard deviation of 12.
    assert all(150 < count < 250 for count in drawn.values())


def test_a_layer_that_runs_out_gives_its_lower_ranked_heads_then_the_nearest_layers():
    grid = HeadGrid.even(4, 3)
    tested, excluded = [Head(1, 0), Head(1, 1)], [Head(1, 0), Head(1, 1), Head(1, 2)]
    drawn = layer_matched_heads(grid, tested, excluded)
    assert Head(1, 2) in drawn
    assert displaced(tested, drawn) == 1
    (other,) = set(drawn) - {Head(1, 2)}
    assert other.layer in (0, 2)


def drawn_as_described(grid, tested, excluded, seed):
    """The rule to the letter, each head compared with each."""
    generator = random.Random(seed)
    left = [head for head in grid if head not in tested]
    generator.shuffle(left)
    left.sort(key=lambda head: head in excluded)
    drawn, wanted = [], by_layer(tested)
    for nearest in range(grid.layers):
        for layer in sorted(wanted):
            for head in [h for h in left if abs(h.layer - layer) == nearest][: wanted[layer]]:
                wanted[layer] -= 1
                left.remove(head)
                drawn.append(head)
    return tuple(sorted(drawn))


@pytest.mark.parametrize("seed", range(20))
def test_a_layer_matched_draw_is_that_of_the_rule(seed):
    generator = random.Random(seed)
    grid = HeadGrid.even(generator.randint(1, 8), generator.randint(2, 6))
    heads = generator.sample(list(grid), len(grid))
    tested = heads[: generator.randint(0, len(heads) // 2)]
    excluded = heads[: generator.randint(0, len(heads))]
    expected = drawn_as_described(grid, tested, excluded, seed)
    assert layer_matched_heads(grid, tested, excluded, seed) == expected


def test_a_draw_in_the_largest_models_compares_no_head_with_all_others(monkeypatch):
    compared = 0

    def count(self, other):
        nonlocal compared
        compared += 1
        return (self.layer, self.head) == (other.layer, other.head)

    grid = HeadGrid.even(126, 128)
    heads = list(grid)[::20]
    monkeypatch.setattr(Head, "__eq__", count)
    layer_matched_heads(grid, heads, heads)
    assert compared < 10 * len(grid)


def test_more_tested_heads_than_others_are_refused():
    with pytest.raises(InvalidInput, match="control of 7 other heads .* only 12 heads"):
        layer_matched_heads(HeadGrid.even(4, 3), list(HeadGrid.even(4, 3))[:7], [])


def test_a_draw_says_what_it_is_and_draws_accordingly():
    tested = TOP[:5]
    uniform, matched = ControlDraw(UNIFORM, 43), ControlDraw(LAYER_MATCHED)
    assert (str(uniform), str(matched)) == ("uniform_43", "layer_matched_42")
    assert uniform.heads(GRID, tested, TOP) == control_heads(GRID, TOP, 5, 43)
    assert matched.heads(GRID, tested, TOP) == layer_matched_heads(GRID, tested, TOP, 42)
    assert control_draws(UNIFORM, 2, 43) == [uniform, ControlDraw(UNIFORM, 44)]


def test_impossible_draws_are_refused():
    with pytest.raises(InvalidInput, match="a control is uniform or layer_matched, got 'mean'"):
        ControlDraw("mean")
    with pytest.raises(InvalidInput, match="at least one control draw is required, got 0"):
        control_draws(UNIFORM, 0)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ((), "at least one level"),
        ((0, 5), "level 0 is out of range: ablate from 1 to 270"),
        ((-3,), "level -3 is out of range"),
        ((5, 271), "level 271 is out of range"),
        ((10, 5), "levels must ascend without repeats, got 10,5: try 5,10"),
        ((5, 5), "levels must ascend without repeats"),
        ((5,) * 10_000, r"got 5(,5){49},…: try 5$"),
    ],
)
def test_impossible_levels_are_refused(levels, message):
    with pytest.raises(InvalidInput, match=message):
        check_levels(levels, GRID)


def test_a_grid_lists_layer_by_layer():
    assert list(HeadGrid.even(2, 2)) == [Head(0, 0), Head(0, 1), Head(1, 0), Head(1, 1)]
    assert len(GRID) == 270


def test_a_model_of_few_heads_is_not_told_to_ablate_fewer():
    grid = HeadGrid.even(2, 4)
    with pytest.raises(InvalidInput, match="fewer would leave none either, so take a larger model"):
        control_heads(grid, list(grid), 1)

"""The gap, its intervals and its p-values, against hand counts and loops written out."""

import itertools

import numpy as np
import pytest
import scipy

from ablation.errors import InvalidInput
from ablation.stats.bootstrap_t import bootstrap_t
from ablation.stats.gap import FEWEST_CLUSTERS, Survival, draws_p, gap_interval, gap_p
from ablation.stats.monte_carlo import monte_carlo_p
from ablation.stats.proportions import mcnemar

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

SETTINGS = hypothesis.settings(deadline=None, derandomize=True, max_examples=40)


def survival(totals, top, *controls):
    return Survival(*(np.array(part, dtype=float) for part in (totals, top, controls)))


def answers(*, cells=4, clusters=14, draws=1, most=3, seed=0):
    """Random answers in cells of very different size, the last one with items in two clusters."""
    generator = np.random.default_rng(seed)
    totals = generator.integers(0, most + 1, (cells, clusters)).astype(float)
    totals[-1, 2:] = 0
    totals[:, 0] = most
    top = generator.binomial(totals.astype(int), 0.4).astype(float)
    rates = generator.uniform(0.4, 0.8, (draws, 1, 1))
    controls = generator.binomial(totals.astype(int), rates, (draws, cells, clusters))
    return Survival(totals, top, controls.astype(float))


def pairs(top, control):
    """One cell, one item for each cluster, one draw."""
    return survival([[1] * len(top)], [top], [control])


def interval(*arguments, **options):
    found = gap_interval(*arguments, **options)
    assert found is not None
    return found


def test_the_gap_by_hand():
    # Cell 1: 4 items, 1 correct against 3 and 2; cell 2: 2 items, 1 correct against 2 and 0.
    found = survival([[2, 2], [0, 2]], [[1, 0], [0, 1]], [[2, 1], [0, 2]], [[1, 1], [0, 0]])
    assert found.gaps == pytest.approx([(2 / 4 + 1 / 2) / 2, (1 / 4 - 1 / 2) / 2])
    assert found.gap == pytest.approx((0.5 - 0.125) / 2)


def test_the_gap_is_the_difference_of_the_drops():
    given = answers(draws=5)
    items = given.totals.sum(axis=1)
    unablated = 0.8
    drop = unablated - (given.top.sum(axis=1) / items).mean()
    drops = [unablated - (draw.sum(axis=1) / items).mean() for draw in given.controls]
    assert given.gap == pytest.approx(drop - np.mean(drops))


def test_the_interval_is_of_what_clusters_add():
    given = answers(draws=4, seed=2)
    items = given.totals.sum(axis=1)
    added = np.zeros((4, 14))
    for draw, cell, cluster in np.ndindex(given.controls.shape):
        lost = given.controls[draw, cell, cluster] - given.top[cell, cluster]
        added[draw, cluster] += 14 * lost / items[cell] / 4
    assert added.mean() == pytest.approx(given.gap)
    assert interval(given) == pytest.approx(bootstrap_t(added, step=14 / items.max() / 4))


def test_the_studies_of_one_draw_are_about_that_draw():
    given = answers(draws=4, seed=2)
    held = Survival(given.totals, given.top, given.controls.mean(axis=0, keepdims=True))
    assert held.gap == pytest.approx(given.gap)
    wide, narrow = interval(given), interval(held)
    assert wide.high - wide.low > 1.1 * (narrow.high - narrow.low)


@pytest.mark.parametrize("tested", [2, 1, 0])
def test_that_no_cluster_differed_does_not_show_that_none_could(tested):
    same = survival([[3] * 12], [[tested] * 12], [[2] * 12])
    assert same.gap == pytest.approx((2 - tested) / 3)
    found = interval(same)
    assert found.low < same.gap < found.high
    # One imagined company that differs by one answer, and Student's t of eleven degrees.
    reach = scipy.stats.t.ppf(0.975, 11) * (1 / 3) / (12 * 11) ** 0.5
    assert found.high - found.low == pytest.approx(2 * reach)


def test_the_same_seed_gives_the_same_interval():
    given = answers(draws=3)
    assert gap_interval(given, seed=5) == gap_interval(given, seed=5) != gap_interval(given, seed=6)


def test_few_clusters_give_no_interval():
    few = FEWEST_CLUSTERS - 1
    given = pairs([0, 1] * few, [1, 1] * few)
    less = Survival(given.totals[:, :few], given.top[:, :few], given.controls[..., :few])
    assert gap_interval(given) is not None
    assert gap_interval(less) is None
    # Clusters without an item are none.
    parts = [np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, 5)]) for part in vars(less).values()]
    assert gap_interval(Survival(*parts)) is None


def enumerated_p(scores):
    """Share of all flips whose sum is as far from 0, two tails of a symmetric distribution."""
    sums = [np.dot(signs, scores) for signs in itertools.product((1, -1), repeat=len(scores))]
    return np.mean(np.abs(sums) >= abs(sum(scores)) - 1e-12)


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_p_value_is_that_of_all_flips(draws, seed):
    given = answers(clusters=10, draws=draws, seed=seed)
    items = given.totals.sum(axis=1)
    scores = [
        sum(
            (np.mean(given.controls[:, cell, cluster]) - given.top[cell, cluster]) / items[cell]
            for cell in range(4)
        )
        / 4
        for cluster in range(10)
    ]
    assert sum(scores) == pytest.approx(given.gap)
    assert gap_p(given) == pytest.approx(enumerated_p(scores))


@SETTINGS
@hypothesis.given(lost=st.integers(0, 9), won=st.integers(0, 4), same=st.integers(0, 30))
def test_with_one_item_for_each_cluster_it_is_the_exact_mcnemar(lost, won, same):
    hypothesis.assume(lost + won + same)
    control = [1] * lost + [0] * won + [1] * same
    top = [0] * lost + [1] * won + [1] * same
    assert gap_p(pairs(top, control)) == pytest.approx(mcnemar(lost, won))


def test_flips_drawn_at_random_come_near_all_of_them():
    given = answers(clusters=14, seed=3)
    every = gap_p(given, resamples=2**14)
    drawn = gap_p(given, resamples=2000)
    assert every != drawn
    assert drawn == pytest.approx(every, abs=4 * 2 * np.sqrt(every / 2 / 2000))


@SETTINGS
@hypothesis.given(seed=st.integers(0, 1000))
def test_exchanging_the_two_mirrors_gap_and_interval(seed):
    given = answers(clusters=12, seed=seed)
    swapped = Survival(given.totals, given.controls[0], given.top[None])
    assert swapped.gap == pytest.approx(-given.gap)
    low, high = interval(given)
    mirrored = interval(swapped)
    assert mirrored == pytest.approx((-high, -low))
    assert gap_p(swapped) == pytest.approx(gap_p(given))


@SETTINGS
@hypothesis.given(seed=st.integers(0, 1000), draws=st.integers(1, 20))
def test_the_p_of_the_draws_ranks_the_accuracy(seed, draws):
    given = answers(draws=draws, seed=seed)
    items = given.totals.sum(axis=1)
    accuracies = [
        round(float((correct.sum(axis=1) / items).mean()), 9)
        for correct in (given.top, *given.controls)
    ]
    expected = monte_carlo_p(-accuracies[0], [-accuracy for accuracy in accuracies[1:]])
    assert draws_p(given) == expected


def test_a_draw_that_harms_as_much_counts_against_the_tested_heads():
    # One and two of ten lost, three won: equal accuracies, but 0.1 + 0.2 − 0.3 is above 0.
    totals, top = [[10]] * 3, [[5]] * 3
    given = survival(totals, top, [[6], [7], [2]])
    assert given.gap > 0
    assert draws_p(given) == 1
    assert draws_p(survival(totals, top, [[6], [7], [3]])) == 0.5


def test_a_gap_of_zero_is_the_least_extreme_of_all():
    # 2 + 3 − 3 − 3 + 1 is 0, in sevenths a little off: other flips with a sum of 0 still tie.
    assert gap_p(survival([[7] * 5], [[0, 0, 3, 3, 0]], [[2, 3, 0, 0, 1]])) == 1


def test_the_order_of_cells_does_not_matter():
    given = answers(cells=3, draws=3, seed=4)
    turned = Survival(given.totals[::-1], given.top[::-1], given.controls[:, ::-1])
    assert interval(turned) == pytest.approx(interval(given), abs=1e-9)
    assert gap_p(turned) == gap_p(given)


def test_a_gap_without_draws_is_refused():
    with pytest.raises(InvalidInput, match="at least one control draw, got none"):
        Survival(np.ones((2, 3)), np.ones((2, 3)), np.ones((0, 2, 3)))


@pytest.mark.parametrize(
    ("totals", "found"), [([[1, 1], [0, 0]], "1 of 2"), (np.ones((0, 2)), "0")]
)
def test_a_cell_without_items_is_refused(totals, found):
    zeros = np.zeros_like(totals)
    with pytest.raises(InvalidInput, match=f"an item in every cell, got {found}"):
        survival(totals, zeros, zeros)


@pytest.mark.parametrize("wrong", [-1, 3, np.nan])
def test_impossible_counts_are_refused(wrong):
    totals, right = [[2, 2]], [[1, 2]]
    with pytest.raises(InvalidInput, match="got others for the tested heads"):
        survival(totals, [[1, wrong]], right)
    with pytest.raises(InvalidInput, match="got others for the controls"):
        survival(totals, right, right, [[1, wrong]])


def test_a_confidence_is_a_fraction():
    with pytest.raises(InvalidInput, match="write 0.95 for 95%"):
        gap_interval(answers(), confidence=95.0)

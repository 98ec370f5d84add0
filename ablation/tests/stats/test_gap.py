"""The gap, its intervals and its p-values, against hand counts and loops written out."""

import itertools

import numpy as np
import pytest
from scipy import stats

from ablation.errors import InvalidInput
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


@pytest.mark.parametrize("method", ["BCa", "percentile"])
def test_one_item_for_each_cluster_is_the_bootstrap_of_paired_differences(method):
    generator = np.random.default_rng(1)
    top, control = generator.random((2, 40)) < [[0.5], [0.75]]
    found = interval(pairs(top, control), method=method, resamples=1999, seed=7)
    expected = stats.bootstrap(
        (control.astype(float) - top,),
        np.mean,
        method=method,
        n_resamples=1999,
        rng=np.random.default_rng(7),
    ).confidence_interval
    assert found == pytest.approx(tuple(expected), abs=1e-9)


def slow_gaps(given, resamples, seed):
    """Gaps of resampled clusters and draws, item by item; None stands for an empty cell."""
    generator = np.random.default_rng(seed)
    draws, cells, clusters = given.controls.shape
    gaps = []
    for _ in range(resamples):
        taken = generator.choice(clusters, clusters)
        drawn = generator.choice(draws, draws) if draws > 1 else [0]
        of_cells = []
        for cell in range(cells):
            items = given.totals[cell, taken].sum()
            if items == 0:
                continue
            control = sum(given.controls[draw, cell, taken].sum() for draw in drawn) / len(drawn)
            of_cells.append((control - given.top[cell, taken].sum()) / items)
        gaps.append(np.mean(of_cells))
    return np.array(gaps)


@pytest.mark.parametrize("draws", [1, 4])
def test_the_percentile_interval_is_that_of_a_loop_written_out(draws):
    given = answers(draws=draws, seed=2)
    slow = slow_gaps(given, 4000, seed=11)
    found = interval(given, method="percentile", resamples=8000)
    # A 2.5% quantile of 4,000 and 8,000 draws is off by about 0.05 of their spread: four times it.
    assert found == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.2 * slow.std())
    central = interval(given, method="percentile", resamples=8000, confidence=0.01)
    assert np.mean(central) == pytest.approx(np.median(slow), abs=0.1 * slow.std())


def test_draws_that_differ_widen_the_interval():
    given = answers(draws=4, seed=2)
    held = Survival(given.totals, given.top, given.controls.mean(axis=0, keepdims=True))
    assert held.gap == pytest.approx(given.gap)
    wide, narrow = (interval(x, method="percentile") for x in (given, held))
    assert wide.high - wide.low > 1.1 * (narrow.high - narrow.low)


def test_bca_is_shifted_to_the_longer_tail():
    # Three items of forty lost: the true share may be far above, but not far below.
    given = pairs([0] * 3 + [1] * 37, [1] * 40)
    bca, percentile = (interval(given, method=method) for method in ("BCa", "percentile"))
    assert bca.high > percentile.high
    assert bca.low >= percentile.low


@pytest.mark.parametrize("method", ["BCa", "percentile"])
@pytest.mark.parametrize("tested", [2, 1, 0])
def test_where_every_resample_is_alike_the_interval_is_a_point(method, tested):
    same = survival([[3] * 12], [[tested] * 12], [[2] * 12])
    assert same.gap == pytest.approx((2 - tested) / 3)
    assert gap_interval(same, method=method) == (same.gap, same.gap)


def test_where_bca_is_undefined_the_percentile_interval_stands_in():
    # Of three resamples often all lie on one side of the gap: the bias correction is infinite.
    given = answers(draws=3)
    equal = [
        gap_interval(given, resamples=3, seed=seed)
        == gap_interval(given, resamples=3, seed=seed, method="percentile")
        for seed in range(20)
    ]
    assert any(equal)
    assert not all(equal)


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
    low, high = interval(given, method="percentile", resamples=99)
    mirrored = interval(swapped, method="percentile", resamples=99)
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

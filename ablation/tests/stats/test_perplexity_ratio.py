"""The interval of a perplexity ratio, against slopes found by hand and the normal one."""

import math

import numpy as np
import pytest

from ablation.errors import InvalidInput
from ablation.stats.bootstrap_t import bootstrap_t
from ablation.stats.perplexity_ratio import FEWEST_UNITS, log_ratio_interval, ratio_interval

COUNTS = np.array([99.0] * 39 + [30.0])


def changes(effect, noise, seed=0):
    """A change of ``effect`` nats per position, with noise between units."""
    generator = np.random.default_rng(seed)
    return (effect + noise * generator.standard_normal(len(COUNTS))) * COUNTS


def test_the_interval_is_bootstrap_t_of_what_units_add_to_the_ratio():
    differences = changes(0.05, 0.02)
    # The slope of the ratio in the share of a unit.
    ratio, n = differences.sum() / COUNTS.sum(), len(COUNTS)
    slopes, step = [], 1e-6
    for unit in range(n):
        weights = np.ones(n)
        weights[unit] += step
        moved = (weights * differences).sum() / (weights * COUNTS).sum()
        slopes.append(ratio + n * (moved - ratio) / step)
    found = log_ratio_interval(differences, COUNTS, confidence=0.9, seed=3)
    expected = bootstrap_t(np.array([slopes]), confidence=0.9, seed=3)
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_interval_is_about_the_normal_one():
    weights = COUNTS / COUNTS.sum()
    error = 0.02 * math.sqrt((weights**2).sum())
    widths = []
    for seed in range(10):
        found = log_ratio_interval(changes(0.05, 0.02, seed), COUNTS)
        assert found is not None
        widths.append(found.high - found.low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_a_ratio_is_the_exp_of_its_logarithm():
    differences = changes(0.3, 0.1)
    found, log = ratio_interval(differences, COUNTS), log_ratio_interval(differences, COUNTS)
    assert found is not None
    assert log is not None
    assert found == (math.exp(log.low), math.exp(log.high))
    assert found.low < math.exp(differences.sum() / COUNTS.sum()) < found.high


def test_equal_changes_give_a_point():
    assert ratio_interval(0.1 * COUNTS, COUNTS) == pytest.approx((math.exp(0.1),) * 2)
    assert ratio_interval(0 * COUNTS, COUNTS) == (1, 1)


def test_a_bound_beyond_a_float_is_infinite():
    assert ratio_interval(1e4 * COUNTS, COUNTS) == (math.inf, math.inf)


def test_few_units_give_no_interval():
    few = np.ones(FEWEST_UNITS - 1)
    assert ratio_interval(few, few) is None
    assert ratio_interval(np.ones(FEWEST_UNITS), np.ones(FEWEST_UNITS)) is not None


@pytest.mark.parametrize(
    ("difference", "count"), [(math.nan, 9.0), (math.inf, 9.0), (1.0, 0.0), (1.0, -1.0)]
)
def test_empty_units_and_numbers_that_are_none_are_refused(difference, count):
    differences, counts = changes(0.1, 0.1), COUNTS.copy()
    differences[3], counts[3] = difference, count
    with pytest.raises(InvalidInput, match="finite differences of NLL and at least one position"):
        ratio_interval(differences, counts)

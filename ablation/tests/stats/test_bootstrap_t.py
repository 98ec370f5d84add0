"""The bootstrap-t interval against a loop written out, and against its limits."""

import numpy as np
import pytest
import scipy

from ablation.errors import InvalidInput
from ablation.stats.bootstrap_t import bootstrap_t


def slow_error(values, step):
    """The standard error of a mean over draws and units, crossed."""
    draws, units = values.shape
    of_units = values.mean(axis=0)
    square = (((of_units - of_units.mean()) ** 2).sum() + step**2) / (units - 1) / units
    if draws > 1:
        square += values.mean(axis=1).var(ddof=1) / draws
    return square**0.5


@pytest.mark.parametrize(("draws", "step"), [(1, 0.0), (1, 0.5), (5, 0.0), (5, 0.5)])
def test_the_interval_is_that_of_a_loop_written_out(draws, step):
    values = np.random.default_rng(3).exponential(size=(draws, 12))
    generator, ratios = np.random.default_rng(4), []
    for _ in range(4000):
        units = generator.integers(12, size=12)
        drawn = generator.integers(draws, size=draws)
        resample = values[np.ix_(drawn, units)]
        ratios.append(abs(resample.mean() - values.mean()) / slow_error(resample, step))
    reach = max(np.quantile(ratios, 0.95), scipy.stats.t.ppf(0.975, 11)) * slow_error(values, step)
    low, high = bootstrap_t(values, step=step, resamples=8000)
    assert (low + high) / 2 == pytest.approx(values.mean())
    # A 95% quantile of 4,000 ratios is off by some 2%: three times it.
    assert (high - low) / 2 == pytest.approx(reach, rel=0.06)


def test_it_is_never_narrower_than_students():
    values = np.random.default_rng(1).normal(size=(1, 40))
    reach = scipy.stats.t.ppf(0.975, 39) * values.std(ddof=1) / 40**0.5
    low, high = bootstrap_t(values)
    assert (high - low) / 2 >= reach * (1 - 1e-12)
    assert (high - low) / 2 == pytest.approx(reach, rel=0.1)


def test_values_without_spread_have_a_point_and_with_a_step_more():
    values = np.full((1, 16), 0.25)
    assert bootstrap_t(values) == (0.25, 0.25)
    low, high = bootstrap_t(values, step=0.25)
    assert low < 0.25 < high
    assert high - low < 0.08


def test_one_unit_that_differs_leaves_the_mean_open_without_a_step():
    # A third of the resamples have no spread, and so no bound.
    values = np.zeros((1, 16))
    values[0, 3] = 1
    assert bootstrap_t(values) == (-np.inf, np.inf)
    assert np.isfinite(bootstrap_t(values, step=0.25)).all()


def test_the_unit_of_the_values_is_that_of_the_interval():
    values = np.random.default_rng(2).normal(size=(3, 20))
    low, high = bootstrap_t(values, step=0.1)
    assert bootstrap_t(10 * values, step=1.0) == pytest.approx((10 * low, 10 * high))


def test_no_confidence_is_refused():
    with pytest.raises(InvalidInput, match="confidence between 0 and 1"):
        bootstrap_t(np.zeros((1, 3)), confidence=95.0)


def test_what_was_asked_before_changes_nothing():
    values = np.random.default_rng(5).normal(size=(2, 3, 20))
    found = [bootstrap_t(values[0], seed=seed) for seed in (0, 1)]
    assert found[0] != found[1]
    for others in (values[1], values[0][:, :10], values[0][:1]):
        bootstrap_t(others)
    assert [bootstrap_t(values[0], seed=seed) for seed in (0, 1)] == found

"""The p-value against random draws, by hand and by its defining property."""

import math

import numpy as np
import pytest

from ablation.errors import InvalidInput
from ablation.stats.monte_carlo import monte_carlo_p

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis: pip install -e '.[test]'")
st = pytest.importorskip("hypothesis.strategies")

SETTINGS = hypothesis.settings(deadline=None, derandomize=True)


@pytest.mark.parametrize(("draws", "least"), [(1, 0.5), (19, 0.05), (99, 0.01)])
def test_the_number_of_draws_bounds_the_p_value(draws, least):
    assert monte_carlo_p(1.0, [0.0] * draws) == least
    assert monte_carlo_p(-1.0, [0.0] * draws) == 1


def test_a_draw_as_large_counts_as_extreme():
    assert monte_carlo_p(0.3, np.array([0.1, 0.3, 0.5, 0.2])) == 3 / 5


@SETTINGS
@hypothesis.given(values=st.lists(st.integers(0, 8).map(float), min_size=2, max_size=25))
def test_each_value_in_turn_is_significant_no_oftener_than_nominal(values):
    # One of exchangeable values, ties and all: P(p ≤ α) ≤ α for every α the p-value can take.
    found = np.array([monte_carlo_p(x, values[:i] + values[i + 1 :]) for i, x in enumerate(values)])
    assert all((found <= alpha).mean() <= alpha + 1e-12 for alpha in found)


def test_no_draw_is_refused():
    with pytest.raises(InvalidInput, match="at least one draw, got none"):
        monte_carlo_p(0.5, [])


@pytest.mark.parametrize(("observed", "draws"), [(math.nan, [0.0]), (0.0, [0.0, math.nan])])
def test_nan_is_refused(observed, draws):
    with pytest.raises(InvalidInput, match="got NaN"):
        monte_carlo_p(observed, draws)
